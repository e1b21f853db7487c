//! The removal of the oldest finished runs, logs and deliveries.

use std::time::Duration;

use ccc_core::Result;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{logs, records, statement};
use crate::bounds::{Bounds, full};

/// Maximum number of runs that one write removes because of their age.
const BATCH: i64 = 20;

/// Removes the oldest finished runs until their number and size are within `bounds`. Unfinished runs
/// are never removed.
pub(super) fn trim(tx: &Connection, bounds: &Bounds) -> Result<()> {
    let (most, most_bytes) = (records::size(bounds.finished), records::size(bounds.finished_bytes));
    while records::total(tx, "finished_runs")? > most
        || records::total(tx, "finished_bytes")? > most_bytes
    {
        let oldest = "SELECT min(number) FROM runs WHERE state = 2";
        let oldest = statement::row(tx, oldest, [], |row| row.get::<_, Option<i64>>(0))?.flatten();
        let Some(number) = oldest else { return Ok(()) };
        remove(tx, number)?;
    }
    // A turn that is older than all runs has no effect on the order.
    let turns =
        "DELETE FROM turns WHERE claimed < (SELECT value FROM totals WHERE name = 'claims') - ?1";
    statement::execute(tx, turns, [most.saturating_add(records::size(bounds.unfinished))])?;
    trim_logs(tx, bounds)
}

/// Removes runs that ended longer ago than `bounds` permits, at most [`BATCH`] of them, so that no call
/// takes long.
pub(super) fn trim_by_age(tx: &Connection, now: Timestamp, bounds: &Bounds) -> Result<()> {
    let find = "SELECT number FROM runs WHERE state = 2 AND finished_at < ?1 LIMIT ?2";
    let values = params![before(now, bounds.finished_age), BATCH];
    let old: Vec<i64> = statement::rows(tx, find, values, |row| row.get(0))?;
    old.into_iter().try_for_each(|number| remove(tx, number))
}

/// Returns the time `age` before `now`, as a column stores it.
fn before(now: Timestamp, age: Duration) -> i64 {
    let before = now.checked_sub(age).ok();
    before.and_then(|time| i64::try_from(time.as_nanosecond()).ok()).unwrap_or(i64::MIN)
}

/// Removes the finished run with this number, and its log. The ids of its deliveries stay.
fn remove(tx: &Connection, number: i64) -> Result<()> {
    let remove = "DELETE FROM runs WHERE number = ?1 RETURNING bytes, log_bytes";
    let removed = statement::row(tx, remove, [number], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    });
    let Some((bytes, log_bytes)) = removed? else { return Ok(()) };
    statement::execute(tx, "DELETE FROM log_lines WHERE run_number = ?1", [number])?;
    records::add_to_total(tx, "finished_runs", -1)?;
    records::add_to_total(tx, "finished_bytes", -bytes)?;
    records::add_to_total(tx, "log_bytes", -log_bytes)
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

/// Removes the oldest delivery ids until their number is within `bounds`. Younger ids than `bounds`
/// permits are not removed (spec: W7).
///
/// # Errors
/// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the ids that must stay are too many.
pub(super) fn trim_deliveries(tx: &Connection, now: Timestamp, bounds: &Bounds) -> Result<()> {
    let excess = records::total(tx, "deliveries")?.saturating_sub(records::size(bounds.deliveries));
    if excess <= 0 {
        return Ok(());
    }
    let oldest = "DELETE FROM deliveries
        WHERE number IN (SELECT number FROM deliveries ORDER BY number LIMIT ?1) AND received_at <= ?2";
    let values = params![excess, before(now, bounds.delivery_age)];
    let removed = records::size(statement::execute(tx, oldest, values)?);
    records::add_to_total(tx, "deliveries", -removed)?;
    match removed < excess {
        true => Err(full("the run store has reached its limit of delivery ids")),
        false => Ok(()),
    }
}
