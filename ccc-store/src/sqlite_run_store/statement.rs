//! Execution of statements, with the errors of the port.

use ccc_core::Result;
use rusqlite::{Connection, Params, Row};

use super::errors;

/// Executes `statement`. Returns the number of changed rows.
pub(super) fn execute(tx: &Connection, statement: &str, values: impl Params) -> Result<usize> {
    let changed = tx.prepare_cached(statement).and_then(|mut it| it.execute(values));
    changed.map_err(|error| errors::of(&error))
}

/// Executes `statement`, and returns its rows, converted by `read`.
pub(super) fn rows<T>(
    tx: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let rows = tx
        .prepare_cached(statement)
        .and_then(|mut it| it.query_map(values, read)?.collect::<rusqlite::Result<Vec<T>>>());
    rows.map_err(|error| errors::of(&error))
}

/// Executes `statement`, and returns its row, or `None` if it has none.
pub(super) fn row<T>(
    tx: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(rows(tx, statement, values, read)?.into_iter().next())
}
