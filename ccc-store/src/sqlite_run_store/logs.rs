//! The logs of runs.

use ccc_core::run_log::LogEntry;
use ccc_core::{Result, RunId};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::records::{self, nanoseconds};
use super::{errors, statement};
use crate::bounds::{Bounds, LeftOut, line_size, stored_line};

/// The numbers and the size of the lines of one log. The lines before `head` and those from `first` to
/// `next` are stored. The lines between `head` and `first` were removed.
#[derive(Clone, Copy)]
struct Extent {
    head: u64,
    first: u64,
    next: u64,
    bytes: i64,
    /// The size of the texts of the removed lines.
    cut: i64,
}

impl Extent {
    fn read(tx: &Connection, number: i64) -> Result<Self> {
        let find =
            "SELECT log_head, log_first, log_next, log_bytes, log_cut FROM runs WHERE number = ?1";
        let found = statement::row(tx, find, [number], |row| {
            let (head, first, next) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Self { head, first, next, bytes: row.get(3)?, cut: row.get(4)? })
        });
        let none = Self { head: 0, first: 0, next: 0, bytes: 0, cut: 0 };
        found.map(|extent| extent.unwrap_or(none))
    }

    /// Stores these values, and the change of the size of all logs since `before`.
    fn write(self, tx: &Connection, number: i64, before: Self) -> Result<()> {
        let write = "UPDATE runs SET log_head = ?2, log_first = ?3, log_next = ?4, log_bytes = ?5,
            log_cut = ?6 WHERE number = ?1";
        let values = params![number, self.head, self.first, self.next, self.bytes, self.cut];
        statement::execute(tx, write, values)?;
        records::add_to_total(tx, "log_bytes", self.bytes.saturating_sub(before.bytes))
    }

    fn lines(self) -> u64 {
        self.next - self.first + self.head
    }

    /// Removes the oldest line after the first lines. If there is none, removes the newest of the first
    /// lines. Returns the size of the line, or 0 if the log has no line.
    fn remove_line(&mut self, tx: &Connection, number: i64) -> Result<i64> {
        let line = if self.first < self.next {
            self.first += 1;
            self.first - 1
        } else if self.head > 0 {
            self.head -= 1;
            self.head
        } else {
            return Ok(0);
        };
        let remove = "DELETE FROM log_lines WHERE run_number = ?1 AND line = ?2
            RETURNING octet_length(text)";
        let length: Option<usize> =
            statement::row(tx, remove, params![number, line], |row| row.get(0))?;
        let length = length.unwrap_or_default();
        let bytes = records::size(size_of::<LogEntry>().saturating_add(length));
        self.bytes -= bytes;
        self.cut = self.cut.saturating_add(records::size(length));
        Ok(bytes)
    }
}

/// Appends `entries` to the log of the run `number`. Removes lines in the middle if the log exceeds a
/// limit for one run.
pub(super) fn append(
    tx: &Connection,
    bounds: &Bounds,
    number: i64,
    entries: &[LogEntry],
) -> Result<()> {
    let add = "INSERT INTO log_lines (run_number, line, at, text) VALUES (?1, ?2, ?3, ?4)";
    let (most, most_bytes) = (bounds.log_lines as u64, records::size(bounds.log_bytes_of_run()));
    let before = Extent::read(tx, number)?;
    let mut log = before;
    for entry in entries {
        let stored = stored_line(entry);
        log.bytes = log.bytes.saturating_add(records::size(line_size(&stored)));
        let values = params![number, log.next, nanoseconds(stored.at), stored.text];
        statement::execute(tx, add, values)?;
        // Without removed lines, all lines are first lines, until these have half of the size.
        let is_first = log.head == log.next && log.head < most / 2 && log.bytes <= most_bytes / 2;
        log.next += 1;
        if is_first {
            (log.head, log.first) = (log.next, log.next);
        }
        while log.lines() > most || log.bytes > most_bytes {
            if log.remove_line(tx, number)? == 0 {
                break;
            }
        }
    }
    log.write(tx, number, before)
}

/// Removes one line from the log of the run `number`: the oldest one after the first lines, or else the
/// newest of the first lines. Returns its size in bytes, or 0 if the log is empty.
pub(super) fn remove_line(tx: &Connection, number: i64) -> Result<i64> {
    let before = Extent::read(tx, number)?;
    let mut log = before;
    let removed = log.remove_line(tx, number)?;
    log.write(tx, number, before)?;
    Ok(removed)
}

/// Returns at most `limit` lines of the log of `run` from the number `from` on. In the place of the
/// last removed line, a line reports how many lines were removed.
pub(super) fn tail(
    tx: &Connection,
    run: RunId,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, LogEntry)>> {
    let find = "SELECT number, accepted_at FROM runs WHERE run = ?1";
    let found = statement::row(tx, find, [run.to_string()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    });
    let Some((number, accepted_at)) = found? else {
        return Err(errors::no_such_run(run));
    };
    let log = Extent::read(tx, number)?;
    let lines = "SELECT line, at, text FROM log_lines WHERE run_number = ?1 AND line >= ?2
        ORDER BY line LIMIT ?3";
    let from_line = i64::try_from(from).unwrap_or(i64::MAX);
    let mut found =
        statement::rows(tx, lines, params![number, from_line, records::size(limit)], |row| {
            Ok((row.get::<_, u64>(0)?, LogEntry { at: time(row.get(1)?), text: row.get(2)? }))
        })?;
    let removed = LeftOut { lines: log.first - log.head, bytes: log.cut.unsigned_abs() };
    let place = found.partition_point(|(line, _)| *line < log.first);
    let near = found.get(place).or(found.last());
    let at = near.map_or_else(|| time(accepted_at), |(_, line)| line.at);
    if let Some(line) = removed.line(at).filter(|_| log.first > from) {
        found.insert(place, (log.first - 1, line));
        found.truncate(limit);
    }
    Ok(found)
}

fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default()
}
