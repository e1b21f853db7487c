//! The removal of the oldest finished runs, logs and deliveries.

use ccc_core::Result;
use rusqlite::Connection;

use super::{logs, records, statement};
use crate::bounds::Bounds;

/// Removes the oldest finished runs until their number and size are within `bounds`. Unfinished runs
/// are never removed.
pub(super) fn trim(tx: &Connection, bounds: &Bounds) -> Result<()> {
    let (most, most_bytes) = (records::size(bounds.finished), records::size(bounds.event_bytes));
    while records::total(tx, "finished_runs")? > most
        || records::total(tx, "finished_bytes")? > most_bytes
    {
        let oldest =
            "DELETE FROM runs WHERE number = (SELECT min(number) FROM runs WHERE state = 2)
            RETURNING number, bytes, log_bytes";
        let removed = statement::row(tx, oldest, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        let Some((number, bytes, log_bytes)) = removed? else { return Ok(()) };
        statement::execute(tx, "DELETE FROM log_lines WHERE run_number = ?1", [number])?;
        records::add_to_total(tx, "finished_runs", -1)?;
        records::add_to_total(tx, "finished_bytes", -bytes)?;
        records::add_to_total(tx, "log_bytes", -log_bytes)?;
    }
    // A turn that is older than all runs has no effect on the order.
    let turns =
        "DELETE FROM turns WHERE claimed < (SELECT value FROM totals WHERE name = 'claims') - ?1";
    statement::execute(tx, turns, [most.saturating_add(records::size(bounds.unfinished))])?;
    trim_logs(tx, bounds)
}

/// Removes lines of logs, until all logs together are within `bounds`. Finished runs lose their logs
/// first, the oldest first. Then the largest log is shortened.
pub(super) fn trim_logs(tx: &Connection, bounds: &Bounds) -> Result<()> {
    let candidates = [
        "SELECT number FROM runs WHERE log_bytes > 0 AND state = 2 ORDER BY number LIMIT 1",
        "SELECT number FROM runs WHERE log_bytes > 0 ORDER BY log_bytes DESC LIMIT 1",
    ];
    while records::total(tx, "log_bytes")? > records::size(bounds.log_bytes) {
        let mut removed = 0;
        for find in candidates {
            if let Some(number) = statement::row(tx, find, [], |row| row.get(0))? {
                removed = logs::remove_line(tx, number)?;
                break;
            }
        }
        if removed == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Removes the oldest deliveries until their number is within `bounds`.
pub(super) fn trim_deliveries(tx: &Connection, bounds: &Bounds) -> Result<()> {
    let excess = records::total(tx, "deliveries")?.saturating_sub(records::size(bounds.deliveries));
    if excess <= 0 {
        return Ok(());
    }
    let oldest = "DELETE FROM deliveries
        WHERE number IN (SELECT number FROM deliveries ORDER BY number LIMIT ?1)";
    let removed = statement::execute(tx, oldest, [excess])?;
    records::add_to_total(tx, "deliveries", -records::size(removed))
}
