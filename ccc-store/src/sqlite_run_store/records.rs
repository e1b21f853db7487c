//! The rows of the table `runs` as records.

use ccc_core::event::IssueEvent;
use ccc_core::run::{ActorCheck, Outcome, RunRecord, RunState};
use ccc_core::{Error, ErrorKind, Progress, Result, RunId};
use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{errors, statement};

/// The columns that [`Stored::read`] reads.
pub(super) const COLUMNS: &str =
    "run, event, accepted_at, pending, state, outcome, progress, cancel, served_by, attempts";

/// A row of the table `runs`, whose texts are not parsed yet. They are bytes, because a damaged text
/// can be no UTF-8.
pub(super) struct Stored {
    run: Vec<u8>,
    event: Vec<u8>,
    accepted_at: i64,
    pending: bool,
    state: i64,
    outcome: Vec<u8>,
    progress: Vec<u8>,
    cancel: bool,
    served_by: Option<String>,
    attempts: u32,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: text(row, 0)?,
            event: text(row, 1)?,
            accepted_at: row.get(2)?,
            pending: row.get(3)?,
            state: row.get(4)?,
            outcome: text(row, 5)?,
            progress: text(row, 6)?,
            cancel: row.get(7)?,
            served_by: row.get(8)?,
            attempts: row.get(9)?,
        })
    }

    /// Parses the row.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if a text cannot be read. The error names the run and the text.
    pub(super) fn parse(self) -> Result<RunRecord> {
        let corrupt = |what: &str, error: Error| errors::unreadable(&self.run, what, error);
        let json = |what: &str, error: serde_json::Error| {
            // The message of the parser can contain texts of users.
            let place = format!("line {}, column {}", error.line(), error.column());
            corrupt(what, Error::new(ErrorKind::Corrupt, place))
        };
        let event: IssueEvent =
            serde_json::from_slice(&self.event).map_err(|error| json("event", error))?;
        let progress = Progress::from_json(&self.progress);
        let progress = progress.map_err(|error| corrupt("progress", error))?;
        let state = match self.state {
            0 => RunState::Waiting,
            1 => RunState::Claimed,
            _ => {
                let outcome = serde_json::from_slice::<Outcome>(&self.outcome);
                RunState::Finished { outcome: outcome.map_err(|error| json("outcome", error))? }
            }
        };
        let accepted_at = Timestamp::from_nanosecond(self.accepted_at.into());
        let served_by = self.served_by.as_deref().map(str::parse).transpose();
        Ok(RunRecord {
            run: parse_id(&self.run)?,
            event,
            accepted_at: accepted_at.unwrap_or_default(),
            actor_check: if self.pending { ActorCheck::Pending } else { ActorCheck::Permitted },
            state,
            progress,
            cancel_requested: self.cancel,
            attempts: self.attempts,
            served_by: served_by.map_err(|error| corrupt("id of the run that served it", error))?,
        })
    }
}

/// Returns the bytes of a text, or no bytes if the column has no text.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(text) => text.to_vec(),
        _ => Vec::new(),
    })
}

fn parse_id(run: &[u8]) -> Result<RunId> {
    let text = String::from_utf8_lossy(run);
    text.parse().map_err(|error| errors::unreadable(run, "id", error))
}

/// Returns the ids of all unfinished runs. Parses nothing else of them (spec: Q3e).
pub(super) fn unfinished(tx: &Connection) -> Result<Vec<RunId>> {
    let find = "SELECT run FROM runs WHERE state < 2";
    let runs = statement::rows(tx, find, [], |row| text(row, 0))?;
    runs.iter().map(|run| parse_id(run)).collect()
}

/// Returns the record of `run`.
pub(super) fn get(tx: &Connection, run: RunId) -> Result<Option<RunRecord>> {
    let find = format!("SELECT {COLUMNS} FROM runs WHERE run = ?1");
    statement::row(tx, &find, [run.to_string()], Stored::read)?.map(Stored::parse).transpose()
}

/// Returns the ids of at most `limit` runs whose id begins with `start`, the newest first.
pub(super) fn find(tx: &Connection, start: &str, limit: usize) -> Result<Vec<RunId>> {
    let find = "SELECT run FROM runs WHERE run >= ?1 AND run < ?2 ORDER BY run DESC LIMIT ?3";
    // `~` comes after every character of an id.
    let values = params![start, format!("{start}~"), size(limit)];
    let found = statement::rows(tx, find, values, |row| row.get::<_, String>(0))?;
    found.into_iter().map(|run| run.parse()).collect()
}

/// Returns the records of at most `limit` runs that are older than `before`, the newest first.
pub(super) fn list(tx: &Connection, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
    // The ids sort by time, as texts too.
    let before = before.map_or_else(|| "~".to_owned(), |run| run.to_string());
    let find = format!("SELECT {COLUMNS} FROM runs WHERE run < ?1 ORDER BY run DESC LIMIT ?2");
    let rows = statement::rows(tx, &find, params![before, size(limit)], Stored::read)?;
    rows.into_iter().map(Stored::parse).collect()
}

/// Returns the time as a column stores it. A time after the year 2262 is stored as that year.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Returns the size as a column stores it.
pub(super) fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Unexpected, "cannot write a value of a run as JSON")
            .with_source(error)
    })
}

/// Adds `change` to the total with this `name`.
pub(super) fn add_to_total(tx: &Connection, name: &str, change: i64) -> Result<()> {
    let add = "UPDATE totals SET value = value + ?2 WHERE name = ?1";
    statement::execute(tx, add, params![name, change]).map(|_| ())
}

/// Returns the total with this `name`.
pub(super) fn total(tx: &Connection, name: &str) -> Result<i64> {
    let find = "SELECT value FROM totals WHERE name = ?1";
    statement::row(tx, find, [name], |row| row.get(0)).map(Option::unwrap_or_default)
}
