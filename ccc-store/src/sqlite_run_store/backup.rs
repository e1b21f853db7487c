//! Copies of a database: backups, and their restoration.
//!
//! A backup is an SQLite database itself: a copy of the run store, with one more table for other files
//! of the service. It has its own mark, so that no run store is mistaken for a backup.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, params};

use super::errors;
use super::ownership::{Ownership, private_file};
use super::schema;

/// The mark of a backup: the letters `cccb`.
const APPLICATION_ID: i64 = 0x6363_6362;

/// A file in a backup: its name and its contents.
type NamedFile = (String, Vec<u8>);

/// Writes a backup of `database` with `files` to the file `to`, which must be empty or not exist.
/// Another process may use the database.
pub(super) fn back_up(database: &Path, to: &Path, files: &[NamedFile]) -> Result<()> {
    if !database.exists() {
        let line = format!("the run store {} does not exist", database.display());
        return Err(Error::new(ErrorKind::NotFound, line));
    }
    let source = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::check_kind(&source, database)?;
    copy(&source, to)?;
    let backup = open(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let written = || -> rusqlite::Result<()> {
        backup.execute_batch(
            "PRAGMA journal_mode = DELETE; BEGIN; CREATE TABLE backup_files (name TEXT PRIMARY KEY, contents BLOB NOT NULL) STRICT;",
        )?;
        for (name, contents) in files {
            let add = "INSERT INTO backup_files (name, contents) VALUES (?1, ?2)";
            backup.execute(add, params![name, contents])?;
        }
        backup.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; COMMIT;"))
    };
    written().map_err(|error| errors::of(&error))?;
    close(backup)?;
    sync(to)
}

/// Replaces `database` by the run store in `backup`. The former database becomes the file `replaced`.
/// Returns the other files of the backup. If this fails, the former database is in its place.
pub(super) fn restore(backup: &Path, database: &Path, replaced: &Path) -> Result<Vec<NamedFile>> {
    let _ownership = Ownership::take(database)?;
    let source = open(backup, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|e| unusable(backup, e))?;
    check(&source, backup)?;
    let files = files(&source).map_err(|error| unusable(backup, errors::of(&error)))?;
    let new = suffixed(database, ".restoring");
    extract(&source, &new)?;
    retain(database, replaced).and_then(|()| fs::rename(&new, database)).map_err(|error| {
        let line = format!("cannot replace the run store {}", database.display());
        Error::new(ErrorKind::from_io(&error), line).with_source(error)
    })?;
    sync(database.parent().unwrap_or(Path::new(".")))?;
    Ok(files)
}

fn open(path: &Path, mode: OpenFlags) -> Result<Connection> {
    let opened = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let opened = opened.and_then(|it| it.busy_timeout(Duration::from_secs(5)).map(|()| it));
    opened.map_err(|error| errors::of(&error))
}

fn close(connection: Connection) -> Result<()> {
    connection.close().map_err(|(_, error)| errors::of(&error))
}

/// Copies one state of the database to the file `to`.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    let path = to.to_str().ok_or_else(|| {
        let line = format!("the path {} is not UTF-8: choose another path", to.display());
        Error::new(ErrorKind::InvalidInput, line)
    })?;
    drop(private_file(to)?);
    from.execute("VACUUM INTO ?1", [path]).map(|_| ()).map_err(|error| errors::of(&error))
}

/// Checks that the database is an undamaged backup that this program can read.
fn check(backup: &Connection, path: &Path) -> Result<()> {
    let pragma = |name| schema::pragma(backup, path, name).map_err(|error| unusable(path, error));
    let shown = path.display();
    if pragma("application_id")? != APPLICATION_ID {
        let line = format!("the file {shown} is not a backup of this program");
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    if pragma("user_version")? > schema::newest_version() {
        let line = format!(
            "a newer version of this program has written the backup {shown}: use that version"
        );
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    let found = backup.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match found.as_deref() {
        Ok("ok") => Ok(()),
        Ok(found) => Err(unusable(path, Error::new(ErrorKind::Corrupt, found))),
        Err(error) => Err(unusable(path, errors::of(error))),
    }
}

fn unusable(backup: &Path, error: Error) -> Error {
    let line = format!(
        "the backup {} is damaged or cannot be read: nothing was changed; use another backup",
        backup.display()
    );
    Error::new(error.kind(), line).with_source(error)
}

fn files(backup: &Connection) -> rusqlite::Result<Vec<NamedFile>> {
    let mut find = backup.prepare("SELECT name, contents FROM backup_files ORDER BY name")?;
    find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Writes the run store in the backup to the file `new`.
fn extract(backup: &Connection, new: &Path) -> Result<()> {
    // An interrupted restoration has left this file.
    let _ = fs::remove_file(new);
    copy(backup, new)?;
    let store = open(new, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let id = schema::APPLICATION_ID;
    let change = format!(
        "PRAGMA secure_delete = ON; BEGIN; DROP TABLE backup_files; PRAGMA application_id = {id}; COMMIT;"
    );
    store.execute_batch(&change).map_err(|error| errors::of(&error))?;
    close(store)?;
    sync(new)
}

/// Gives the file `database` and its write-ahead log the name `replaced`. The file keeps its own name
/// too, until it is replaced.
fn retain(database: &Path, replaced: &Path) -> io::Result<()> {
    let log = suffixed(database, "-wal");
    if !database.exists() {
        // SQLite would apply the log of a removed database to the restored one.
        return if log.exists() { fs::rename(log, suffixed(replaced, "-wal")) } else { Ok(()) };
    }
    // Without a log, one file has all data. A damaged database keeps its log.
    if let Ok(old) = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE) {
        let _ = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = close(old);
    }
    fs::hard_link(database, replaced)?;
    if log.exists() {
        fs::rename(log, suffixed(replaced, "-wal"))?;
    }
    match fs::remove_file(suffixed(database, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes the file or directory `path` to the disk.
fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| {
        let line = format!("cannot write {} to the disk", path.display());
        Error::new(ErrorKind::from_io(&error), line).with_source(error)
    })
}
