//! The tables of the database, and their versions.

use std::path::Path;
use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};

use super::errors;
use super::ownership::private_file;

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
/// of an earlier process.
pub(super) fn open(path: &Path) -> Result<Connection> {
    // SQLite gives its other files the permissions of this one.
    drop(private_file(path)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error: rusqlite::Error| errors::of(&error);
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(of)?;
    check_kind(&connection, path)?;
    let settings =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;
        PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;";
    connection.execute_batch(settings).map_err(of)?;
    migrate(&connection).map_err(of)?;
    check_for_damage(&connection)?;
    let take_over = "BEGIN IMMEDIATE; UPDATE totals SET value = 1 WHERE name = 'open';
        UPDATE runs SET state = 0, until = 0 WHERE state = 1; COMMIT;";
    connection.execute_batch(take_over).map_err(of)?;
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

/// Marks the database as closed. Without the mark, the next start checks the database for damage.
pub(super) fn close(connection: &Connection) {
    let _ = connection.execute_batch("UPDATE totals SET value = 0 WHERE name = 'open'");
}

pub(super) fn pragma(connection: &Connection, name: &str) -> Result<i64> {
    let value = connection.pragma_query_value(None, name, |row| row.get(0));
    value.map_err(|error| errors::of(&error))
}

/// Checks whether this program can use the database in the file `path`.
pub(super) fn check_kind(connection: &Connection, path: &Path) -> Result<()> {
    let version = pragma(connection, "user_version")?;
    let id = pragma(connection, "application_id")?;
    let path = path.display();
    if version == 0 && id == 0 {
        let tables = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        if tables.map_err(|error| errors::of(&error))? == 0 {
            return Ok(());
        }
    }
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

/// Checks the database for damage if an earlier process did not close it.
fn check_for_damage(connection: &Connection) -> Result<()> {
    let open = "SELECT value FROM totals WHERE name = 'open'";
    let of = |error: rusqlite::Error| errors::of(&error);
    if connection.query_row(open, [], |row| row.get::<_, i64>(0)).map_err(of)? == 0 {
        return Ok(());
    }
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(of)?;
    if found == "ok" {
        return Ok(());
    }
    let line = "the database of the run store is damaged: restore a backup or remove the file";
    Err(Error::new(ErrorKind::Corrupt, line).with_source(found))
}
