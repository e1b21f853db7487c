//! The logs of runs.

use ccc_core::run_store::LogEntry;
use ccc_core::{Result, RunId};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::records::{self, nanoseconds};
use super::{errors, statement};
use crate::bounds::{Bounds, line_size, removed_lines, stored_line};

/// Appends `entries` to the log of the run `number`. Removes the oldest lines if the log exceeds a
/// limit for one run.
pub(super) fn append(
    tx: &Connection,
    bounds: &Bounds,
    number: i64,
    entries: &[LogEntry],
) -> Result<()> {
    let add = "INSERT INTO log_lines (run_number, line, at, text)
        VALUES (?1, (SELECT log_next FROM runs WHERE number = ?1), ?2, ?3)";
    let count =
        "UPDATE runs SET log_next = log_next + 1, log_bytes = log_bytes + ?2 WHERE number = ?1";
    let mut added = 0_i64;
    for entry in entries {
        let stored = stored_line(entry);
        let bytes = records::size(line_size(&stored));
        statement::execute(tx, add, params![number, nanoseconds(stored.at), stored.text])?;
        statement::execute(tx, count, params![number, bytes])?;
        added = added.saturating_add(bytes);
    }
    records::add_to_total(tx, "log_bytes", added)?;
    let find = "SELECT log_next - log_first > ?2 OR log_bytes > ?3 FROM runs WHERE number = ?1";
    let (most, most_bytes) = (bounds.log_lines, bounds.log_bytes_of_run());
    let limits = params![number, records::size(most), records::size(most_bytes)];
    while statement::row(tx, find, limits, |row| row.get(0))? == Some(true) {
        if remove_oldest_line(tx, number)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Removes the oldest line of the log of the run `number`. Returns its size in bytes, or 0 if the log
/// is empty.
pub(super) fn remove_oldest_line(tx: &Connection, number: i64) -> Result<i64> {
    let remove = "DELETE FROM log_lines WHERE run_number = ?1
           AND line = (SELECT log_first FROM runs WHERE number = ?1)
         RETURNING octet_length(text)";
    let length: Option<usize> = statement::row(tx, remove, [number], |row| row.get(0))?;
    let Some(length) = length else { return Ok(0) };
    let bytes = records::size(size_of::<LogEntry>().saturating_add(length));
    let count =
        "UPDATE runs SET log_first = log_first + 1, log_bytes = log_bytes - ?2 WHERE number = ?1";
    statement::execute(tx, count, params![number, bytes])?;
    records::add_to_total(tx, "log_bytes", bytes.saturating_neg())?;
    Ok(bytes)
}

/// Returns at most `limit` lines of the log of `run` from the number `from` on. In the place of the
/// last removed line, a line reports how many lines were removed.
pub(super) fn tail(
    tx: &Connection,
    run: RunId,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, LogEntry)>> {
    let find = "SELECT number, log_first, accepted_at FROM runs WHERE run = ?1";
    let found = statement::row(tx, find, [run.to_string()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, row.get::<_, i64>(2)?))
    });
    let Some((number, first, accepted_at)) = found? else {
        return Err(errors::no_such_run(run));
    };
    let lines = "SELECT line, at, text FROM log_lines WHERE run_number = ?1 AND line >= ?2
        ORDER BY line LIMIT ?3";
    let first_line = i64::try_from(from).unwrap_or(i64::MAX);
    let stored =
        statement::rows(tx, lines, params![number, first_line, records::size(limit)], |row| {
            Ok((row.get::<_, u64>(0)?, LogEntry { at: time(row.get(1)?), text: row.get(2)? }))
        })?;
    let at = stored.first().map_or_else(|| time(accepted_at), |(_, line)| line.at);
    let removed = removed_lines(first, at).filter(|(line, _)| *line >= from);
    Ok(removed.into_iter().chain(stored).take(limit).collect())
}

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default()
}
