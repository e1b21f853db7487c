//! Acceptance of deliveries.

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::{ActorCheck, RunState};
use ccc_core::run_store::{Accepted, PendingRuns, check_pending};
use ccc_core::{DeliveryId, Error, ErrorKind, Progress, Result, RunId};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::records::{COLUMNS, Stored};
use super::{errors, records, retention, statement};
use crate::bounds::{Bounds, full, not_ended, stored_event};

/// Maximum number of finished runs of a request that are compared with a delivery.
const MAX_SERVED: usize = 50;

/// Stores `delivery` and a new run for `event`, or returns the run that exists already.
pub(super) fn accept(
    tx: &Connection,
    now: Timestamp,
    bounds: &Bounds,
    delivery: &Delivery,
    event: &IssueEvent,
    check: ActorCheck,
) -> Result<Accepted> {
    if let Some(known) = known_delivery(tx, delivery)? {
        return Ok(known);
    }
    let served = match unfinished_run(tx, event)? {
        Some(_) => None,
        None => run_that_served(tx, event)?,
    };
    let accepted = match served {
        Some(run) => Accepted { run, duplicate: true },
        None => find_or_add(tx, now, bounds, event, check)?,
    };
    let add = "INSERT INTO deliveries (id, body_sha256, run, received_at) VALUES (?1, ?2, ?3, ?4)";
    let (id, run) = (delivery.id.as_str(), accepted.run.to_string());
    let values = params![id, delivery.body_sha256, run, records::nanoseconds(now)];
    statement::execute(tx, add, values)?;
    records::add_to_total(tx, "deliveries", 1)?;
    retention::trim_deliveries(tx, now, bounds)?;
    retention::trim_by_age(tx, now, bounds)?;
    Ok(accepted)
}

/// Stores a new run for the event of `run`, which must have ended.
pub(super) fn retry(
    tx: &Connection,
    now: Timestamp,
    bounds: &Bounds,
    run: RunId,
) -> Result<Accepted> {
    let record = records::get(tx, run)?.ok_or_else(|| errors::no_such_run(run))?;
    if !matches!(record.state, RunState::Finished { .. }) {
        return Err(not_ended(run));
    }
    find_or_add(tx, now, bounds, &record.event, ActorCheck::Pending)
}

/// Returns the unfinished run with the request and the actor of `event`, or adds a new run.
fn find_or_add(
    tx: &Connection,
    now: Timestamp,
    bounds: &Bounds,
    event: &IssueEvent,
    check: ActorCheck,
) -> Result<Accepted> {
    Ok(match unfinished_run(tx, event)? {
        Some(run) => Accepted { run, duplicate: true },
        None => Accepted { run: add_run(tx, now, bounds, event, check)?, duplicate: false },
    })
}

/// Returns the run of `delivery` if the delivery is known.
fn known_delivery(tx: &Connection, delivery: &Delivery) -> Result<Option<Accepted>> {
    let find = "SELECT body_sha256, run FROM deliveries WHERE id = ?1";
    let known = statement::row(tx, find, [delivery.id.as_str()], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?))
    });
    let Some((body, run)) = known? else { return Ok(None) };
    if body != delivery.body_sha256 {
        let line = format!("delivery {} was already received with a different body", delivery.id);
        return Err(Error::new(ErrorKind::Conflict, line));
    }
    Ok(Some(Accepted { run: run.parse()?, duplicate: true }))
}

/// Returns the run that handles the delivery with the id `delivery`, if the id is stored.
pub(super) fn run_of_delivery(tx: &Connection, delivery: &DeliveryId) -> Result<Option<RunId>> {
    let find = "SELECT run FROM deliveries WHERE id = ?1";
    let run = statement::row(tx, find, [delivery.as_str()], |row| row.get::<_, String>(0))?;
    run.map(|run| run.parse()).transpose()
}

/// Returns the unfinished run with the request and the actor of `event`.
fn unfinished_run(tx: &Connection, event: &IssueEvent) -> Result<Option<RunId>> {
    let find = "SELECT run FROM runs WHERE state < 2 AND request = ?1 AND actor = ?2";
    let key = params![event.trigger_key(), actor_key(event)];
    let run = statement::row(tx, find, key, |row| row.get::<_, String>(0))?;
    run.map(|run| run.parse()).transpose()
}

/// Returns the newest run that served the request of `event`, if `event` is not later (spec: W10b).
fn run_that_served(tx: &Connection, event: &IssueEvent) -> Result<Option<RunId>> {
    let find = format!(
        "SELECT {COLUMNS} FROM runs WHERE state = 2 AND request = ?1 ORDER BY number DESC LIMIT {MAX_SERVED}"
    );
    let runs = statement::rows(tx, &find, [event.trigger_key()], Stored::read)?;
    let served = runs.into_iter().filter_map(|run| run.parse().ok()).find(|run| {
        let RunState::Finished { outcome } = &run.state else { return false };
        outcome.serves_request() && event.is_not_later_than(&run.event)
    });
    Ok(served.map(|run| run.run))
}

fn add_run(
    tx: &Connection,
    now: Timestamp,
    bounds: &Bounds,
    event: &IssueEvent,
    check: ActorCheck,
) -> Result<RunId> {
    let event = stored_event(event);
    let (text, progress) = (records::to_json(&event)?, Progress::default().to_json()?);
    let bytes = text.len() + progress.len();
    check_room(tx, bounds, &event, check, bytes)?;
    let run = RunId::new(now)?;
    let add = "INSERT INTO runs (run, issue, request, requester, repository, actor, event, accepted_at,
            pending, state, progress, authorized, cancel, fence, attempts, reached, until, bytes, log_next, log_first, log_bytes)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, 0, 0, 0, 0, 0, ?8, ?11, 0, 0, 0)";
    let values = params![
        run.to_string(),
        event.issue_key(),
        event.trigger_key(),
        event.requester_key(),
        repository_key(&event),
        actor_key(&event),
        text,
        records::nanoseconds(now),
        check == ActorCheck::Pending,
        progress,
        records::size(bytes),
    ];
    statement::execute(tx, add, values)?;
    Ok(run)
}

fn actor_key(event: &IssueEvent) -> String {
    format!("{}/{}", event.repo.host, event.actor.id)
}

fn repository_key(event: &IssueEvent) -> String {
    format!("{}/{}", event.repo.host, event.repo.id)
}

/// Checks whether the store may add a run for `event` of the size `bytes`. Runs with the check
/// [`ActorCheck::Pending`] get at most half of the places and of the space.
fn check_room(
    tx: &Connection,
    bounds: &Bounds,
    event: &IssueEvent,
    check: ActorCheck,
    bytes: usize,
) -> Result<()> {
    let used = |condition: &str| {
        let sum = format!("SELECT count(*), coalesce(sum(bytes), 0) FROM runs WHERE {condition}");
        let used = statement::row(tx, &sum, [], |row| {
            Ok((row.get::<_, usize>(0)?, row.get::<_, usize>(1)?))
        });
        used.map(Option::unwrap_or_default)
    };
    let mut uses = vec![(used("state < 2")?, bounds.unfinished, bounds.event_bytes)];
    if check == ActorCheck::Pending {
        check_pending(pending_runs(tx, event)?)?;
        let pending = used("state < 2 AND pending = 1")?;
        uses.push((pending, bounds.unfinished.div_ceil(2), bounds.event_bytes / 2));
    }
    for ((runs, used), most_runs, most_bytes) in uses {
        if runs >= most_runs {
            return Err(full("the run store has reached its limit of unfinished runs"));
        }
        if used.saturating_add(bytes) > most_bytes {
            let line =
                "the events of the unfinished runs use all space that the run store has for them";
            return Err(full(line));
        }
    }
    Ok(())
}

fn pending_runs(tx: &Connection, event: &IssueEvent) -> Result<PendingRuns> {
    let count = "SELECT coalesce(sum(actor = ?1), 0), coalesce(sum(repository = ?2), 0),
            coalesce(sum(actor = ?1 AND repository = ?2), 0)
        FROM runs WHERE state < 2 AND pending = 1";
    let counted = statement::row(tx, count, [actor_key(event), repository_key(event)], |row| {
        Ok(PendingRuns {
            of_actor: row.get(0)?,
            of_repository: row.get(1)?,
            of_actor_in_repository: row.get(2)?,
        })
    });
    counted.map(Option::unwrap_or_default)
}
