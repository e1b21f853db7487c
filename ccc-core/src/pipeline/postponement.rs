//! The postponement of a run whose host asks to wait (spec: G5c).

use std::time::Duration;

use jiff::SignedDuration;

use super::run_context::RunContext;
use crate::{Error, ErrorKind, Outcome, Result, Stage};

/// The age from which on a run is not postponed any more.
const LONGEST_POSTPONEMENT: SignedDuration = SignedDuration::from_hours(24);

/// The shortest time that a run is postponed for.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_secs(60);

/// Returns how long to postpone the run, when a store has it and all that is wrong is that the host
/// asks to wait. Never in Work, which costs money, nor to the next day.
pub(super) fn postponement(run: &RunContext, error: &Error) -> Option<Duration> {
    // A host that says "now" and means "no" must not keep us busy.
    let wait = error.retry_after()?.max(SHORTEST_POSTPONEMENT);
    let age = run.parts.clock.now().duration_since(run.accepted_at);
    let over = age.checked_add(SignedDuration::try_from(wait).ok()?)?;
    let may = run.is_stored()
        && error.kind() == ErrorKind::RateLimited
        && run.stage() != Stage::Work
        && over < LONGEST_POSTPONEMENT;
    may.then_some(wait)
}

/// Returns how long to postpone a run whose report failed. The progress of such a run tells its outcome
/// again, so that it can be reported later.
pub(super) fn postponed_by_report(
    run: &RunContext,
    outcome: &Outcome,
    report: &Result<()>,
) -> Option<Duration> {
    let told_again = matches!(outcome, Outcome::PullRequest { .. } | Outcome::Answered { .. });
    report.as_ref().err().filter(|_| told_again).and_then(|error| postponement(run, error))
}
