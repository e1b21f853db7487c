//! Claims of runs, and the writes of their workers.

use std::time::Duration;

use ccc_core::run::{Outcome, RunState, SkipReason};
use ccc_core::run_store::{Claim, Fence, Renewal};
use ccc_core::{Error, ErrorKind, Progress, Result, RunId, Stage};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::records::{self, COLUMNS, Stored, nanoseconds};
use super::{errors, statement};

/// Claims the first run in the order of the port (spec: Q2d, Q2f, Q2g).
///
/// Runs whose progress or event cannot be read are passed over.
pub(super) fn claim(tx: &Connection, now: Timestamp, lease: Duration) -> Result<Option<Claim>> {
    let mut after = Vec::new();
    while let Some((number, stored)) = next(tx, now, &after)? {
        let Ok(mut record) = stored.parse() else {
            after.push(number);
            continue;
        };
        records::add_to_total(tx, "claims", 1)?;
        let claims = records::total(tx, "claims")?;
        let turn = "INSERT INTO turns (requester, claimed) VALUES (?1, ?2)
            ON CONFLICT (requester) DO UPDATE SET claimed = excluded.claimed";
        statement::execute(tx, turn, params![record.event.requester_key(), claims])?;
        let claim = "UPDATE runs SET state = 1, fence = fence + 1, attempts = attempts + 1, until = ?2 WHERE number = ?1
            RETURNING fence, attempts";
        let values = params![number, later(now, lease)];
        let claimed = statement::row(tx, claim, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        record.state = RunState::Claimed;
        return Ok(claimed.map(|(fence, attempts)| {
            record.attempts = attempts;
            Claim { record, fence: Fence(fence) }
        }));
    }
    Ok(None)
}

/// Returns the first run that can be claimed, and is not in `except`.
fn next(tx: &Connection, now: Timestamp, except: &[i64]) -> Result<Option<(i64, Stored)>> {
    let except = except.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let find = format!(
        "SELECT {COLUMNS}, number FROM runs AS run
         WHERE state < 2 AND until <= ?1 AND number NOT IN ({except})
           AND NOT EXISTS (SELECT 1 FROM runs AS busy
             WHERE busy.state = 1 AND busy.until > ?1 AND busy.issue = run.issue)
           AND NOT EXISTS (SELECT 1 FROM runs AS started
             WHERE started.state < 2 AND started.authorized = 1 AND started.request = run.request
               AND started.number <> run.number)
         ORDER BY pending, (SELECT claimed FROM turns WHERE requester = run.requester), number
         LIMIT 1"
    );
    statement::row(tx, &find, [nanoseconds(now)], |row| {
        Ok((row.get("number")?, Stored::read(row)?))
    })
}

/// Returns the number of `run`, if `fence` belongs to the current lease on `run` and this lease has
/// not expired. Otherwise fails with [`ErrorKind::Conflict`].
pub(super) fn leased(tx: &Connection, now: Timestamp, run: RunId, fence: Fence) -> Result<i64> {
    let find = "SELECT number, fence, state = 1 AND until > ?2 FROM runs WHERE run = ?1";
    let found = statement::row(tx, find, params![run.to_string(), nanoseconds(now)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u64>(1)?, row.get::<_, bool>(2)?))
    });
    match found? {
        None => Err(errors::no_such_run(run)),
        Some((number, newest, true)) if newest == fence.0 => Ok(number),
        Some(_) => {
            let line = format!(
                "the lease on run {run} has expired or was replaced: stop the work on this run"
            );
            Err(Error::new(ErrorKind::Conflict, line))
        }
    }
}

pub(super) fn renew(
    tx: &Connection,
    now: Timestamp,
    run: RunId,
    fence: Fence,
    lease: Duration,
) -> Result<Renewal> {
    let number = leased(tx, now, run, fence)?;
    let renew = "UPDATE runs SET until = max(until, ?2) WHERE number = ?1 RETURNING cancel";
    let cancel = statement::row(tx, renew, params![number, later(now, lease)], |row| row.get(0))?;
    Ok(Renewal { cancel_requested: cancel.unwrap_or_default() })
}

pub(super) fn release(
    tx: &Connection,
    now: Timestamp,
    run: RunId,
    fence: Fence,
    delay: Duration,
) -> Result<()> {
    let number = leased(tx, now, run, fence)?;
    let release =
        "UPDATE runs SET state = 0, until = ?2, attempts = max(attempts - 1, 0) WHERE number = ?1";
    statement::execute(tx, release, params![number, later(now, delay)]).map(|_| ())
}

pub(super) fn advance(
    tx: &Connection,
    now: Timestamp,
    run: RunId,
    fence: Fence,
    progress: &Progress,
) -> Result<()> {
    let number = leased(tx, now, run, fence)?;
    let (json, authorized) = (progress.to_json()?, progress.stage() > Stage::Accept);
    let stage = Stage::ALL.iter().position(|stage| *stage == progress.stage());
    let advance =
        "UPDATE runs SET bytes = bytes - octet_length(progress) + octet_length(?2), progress = ?2,
        authorized = ?3, attempts = iif(?4 > reached, 0, attempts), reached = max(reached, ?4)
        WHERE number = ?1";
    statement::execute(tx, advance, params![number, json, authorized, stage]).map(|_| ())
}

/// Ends `run`, and the runs of the same request if `outcome` serves it.
pub(super) fn finish(
    tx: &Connection,
    now: Timestamp,
    run: RunId,
    fence: Fence,
    outcome: &Outcome,
) -> Result<()> {
    let number = leased(tx, now, run, fence)?;
    end(tx, now, number, outcome)?;
    if !outcome.serves_request() {
        return Ok(());
    }
    let find = "SELECT number FROM runs
        WHERE state < 2 AND request = (SELECT request FROM runs WHERE number = ?1)";
    for other in statement::rows(tx, find, [number], |row| row.get(0))? {
        end(tx, now, other, &Outcome::Skipped { reason: SkipReason::SameRequest })?;
        let name = "UPDATE runs SET served_by = ?2 WHERE number = ?1";
        statement::execute(tx, name, params![other, run.to_string()])?;
    }
    Ok(())
}

fn end(tx: &Connection, now: Timestamp, number: i64, outcome: &Outcome) -> Result<()> {
    let json = records::to_json(outcome)?;
    let end = "UPDATE runs SET state = 2, outcome = ?2, bytes = bytes + octet_length(?2), finished_at = ?3
        WHERE number = ?1 RETURNING bytes";
    let values = params![number, json, nanoseconds(now)];
    let bytes: Option<i64> = statement::row(tx, end, values, |row| row.get(0))?;
    records::add_to_total(tx, "finished_bytes", bytes.unwrap_or_default())?;
    records::add_to_total(tx, "finished_runs", 1)
}

pub(super) fn request_cancel(tx: &Connection, run: RunId) -> Result<()> {
    let cancel = "UPDATE runs SET cancel = max(cancel, state < 2) WHERE run = ?1";
    match statement::execute(tx, cancel, [run.to_string()])? {
        0 => Err(errors::no_such_run(run)),
        _ => Ok(()),
    }
}

/// Returns the time `wait` after `now`, as a column stores it.
fn later(now: Timestamp, wait: Duration) -> i64 {
    nanoseconds(now.checked_add(wait).unwrap_or(Timestamp::MAX))
}
