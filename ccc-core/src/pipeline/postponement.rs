//! The postponement of a run while the VCS host asks to wait (spec: G5c).

use std::time::Duration;

use jiff::SignedDuration;

use super::run_context::RunContext;
use crate::{Error, ErrorKind, Outcome, Result, Stage};

/// The maximum age of a run at the end of a postponement.
const LONGEST_POSTPONEMENT: SignedDuration = SignedDuration::from_hours(24);

/// The minimum duration of a postponement.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_secs(60);

/// Returns the time to postpone the run, or `None` if it must not be postponed.
///
/// A run is postponed if a store has it and the only problem is that the VCS host asks to wait. It
/// is never postponed in Work, because the agent costs money, and never beyond an age of 24 hours.
pub(super) fn postponement(run: &RunContext, error: &Error) -> Option<Duration> {
    // A minimum, because a host can ask for a very short wait and then refuse the call again.
    let wait = error.retry_after()?.max(SHORTEST_POSTPONEMENT);
    let age = run.parts.clock.now().duration_since(run.accepted_at);
    let over = age.checked_add(SignedDuration::try_from(wait).ok()?)?;
    let may = run.is_stored()
        && error.kind() == ErrorKind::RateLimited
        && run.stage() != Stage::Work
        && over < LONGEST_POSTPONEMENT;
    may.then_some(wait)
}

/// Returns the time to postpone a run whose report failed. A resumed run can compute its outcome
/// again from its progress, and report it then.
pub(super) fn postponed_by_report(
    run: &RunContext,
    outcome: &Outcome,
    report: &Result<()>,
) -> Option<Duration> {
    let is_repeatable = matches!(outcome, Outcome::PullRequest { .. } | Outcome::Answered { .. });
    report.as_ref().err().filter(|_| is_repeatable).and_then(|error| postponement(run, error))
}
