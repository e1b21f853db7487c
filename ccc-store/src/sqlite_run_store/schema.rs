//! The tables of the database, and their versions.

use std::path::Path;
use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors;
use super::ownership::{beside, make_private};

/// The mark of a database of this store: the letters `cccr`.
pub(super) const APPLICATION_ID: i64 = 0x6363_6372;

/// The statements that change a database of version `n` to version `n + 1`, by `n`. Version 0 is an
/// empty database.
const MIGRATIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema_2.sql")];

/// Returns the newest version of a database.
pub(super) fn newest_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Opens the database in the file `path` to write, and creates it if it does not exist. Ends the leases
/// of an earlier process. If the database cannot be used, changes nothing in its files.
pub(super) fn open(path: &Path) -> Result<Connection> {
    make_private(path)?;
    check_for_lost_pages(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error: rusqlite::Error| errors::at(path, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    // By default, SQLite would write the write-ahead log to a damaged database, and delete the log.
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep_log, true).map_err(of)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(of)?;
    let reading = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
    connection.execute_batch(reading).map_err(of)?;
    check_kind(&connection, path)?;
    check_for_damage(&connection, path)?;
    let writing = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        PRAGMA journal_size_limit = 67108864;";
    connection.execute_batch(writing).map_err(of)?;
    migrate(&connection).map_err(of)?;
    let take_over = "UPDATE runs SET state = 0, until = 0 WHERE state = 1";
    connection.execute_batch(take_over).map_err(of)?;
    connection.set_db_config(keep_log, false).map_err(of)?;
    Ok(connection)
}

/// Opens the database in the file `path` to write, beside the process that owns it. Changes nothing.
pub(super) fn open_beside(path: &Path) -> Result<Connection> {
    if !path.exists() {
        let line = format!("there is no run store {}", path.display());
        return Err(Error::new(ErrorKind::NotFound, line));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error: rusqlite::Error| errors::of(&error);
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(of)?;
    check_kind(&connection, path)?;
    let version = pragma(&connection, path, "user_version")?;
    if version != newest_version() {
        let line = format!(
            "an older version of this program has written the run store {}: start the service once with this \
             version, or use the older version",
            path.display()
        );
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    let settings =
        "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
    connection.execute_batch(settings).map_err(of)?;
    Ok(connection)
}

/// Opens the database in the file `path` to read.
pub(super) fn open_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error: rusqlite::Error| errors::of(&error);
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(of)?;
    Ok(connection)
}

pub(super) fn pragma(connection: &Connection, path: &Path, name: &str) -> Result<i64> {
    let value = connection.pragma_query_value(None, name, |row| row.get(0));
    value.map_err(|error| errors::at(path, &error))
}

/// Checks whether this program can use the database in the file `path`.
pub(super) fn check_kind(connection: &Connection, path: &Path) -> Result<()> {
    let version = pragma(connection, path, "user_version")?;
    let id = pragma(connection, path, "application_id")?;
    if version == 0 && id == 0 {
        let tables = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        if tables.map_err(|error| errors::at(path, &error))? == 0 {
            return Ok(());
        }
    }
    let path = path.display();
    let line = if id != APPLICATION_ID {
        format!("the file {path} is not a database of the run store: choose another file")
    } else if version > newest_version() {
        format!(
            "a newer version of this program has written the run store {path}: use that version, or restore \
             a backup"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Unsupported, line))
}

/// Changes the database to the newest version.
fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (from, statements) in MIGRATIONS.iter().enumerate().skip(version) {
        let mark = format!(
            "BEGIN IMMEDIATE; {statements} PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {}; COMMIT;",
            from + 1
        );
        connection.execute_batch(&mark)?;
    }
    Ok(())
}

/// The size of the smallest page of a database, in bytes (SQLite, "Database File Format").
const SMALLEST_PAGE: u64 = 512;

/// Checks that the file `path` is not shorter than a page. SQLite would take it for a new database, and
/// delete the write-ahead log. A file without contents and without this log is a new database.
fn check_for_lost_pages(path: &Path) -> Result<()> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let is_lost = match size(path) {
        0 => size(&beside(path, "-wal")) > 0,
        bytes => bytes < SMALLEST_PAGE,
    };
    if is_lost {
        return Err(errors::damaged(path, "the file has no complete page".to_owned()));
    }
    Ok(())
}

/// Checks the form of every page of the database. An interrupted process is not the only cause of
/// damage, so the check takes place at every start. It reads about 1 GiB in a second.
fn check_for_damage(connection: &Connection, path: &Path) -> Result<()> {
    let check = "PRAGMA quick_check(1)";
    let found = connection.query_row(check, [], |row| row.get::<_, String>(0));
    match found.map_err(|error| errors::at(path, &error))? {
        found if found == "ok" => Ok(()),
        found => Err(errors::damaged(path, found)),
    }
}
