//! The postponement of a run when the VCS host asks the service to wait (spec: G5c).

use std::time::Duration;

use jiff::SignedDuration;

use super::run_context::RunContext;
use crate::{Error, ErrorKind, Outcome, Result, Stage};

/// Time limit for postponements, counted from the acceptance of a run. A run is not postponed if
/// the postponement would end after this time.
const MAX_AGE_AFTER_POSTPONEMENT: SignedDuration = SignedDuration::from_hours(24);

/// The minimum duration of a postponement.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_secs(60);

/// Returns the duration for which `error` postpones `run`, or `None` if the run is not postponed.
///
/// A run is postponed if it is in a run store and `error` means only that the VCS host asks the
/// service to wait. A run is never postponed in the stage Work, because the resumed run would start
/// the agent again, which costs money. A postponement never ends later than 24 hours after the
/// acceptance of the run.
pub(super) fn postponement(run: &RunContext, error: &Error) -> Option<Duration> {
    // The minimum exists because a host can ask for a very short wait and then refuse the call
    // again.
    let wait = error.retry_after()?.max(SHORTEST_POSTPONEMENT);
    let age = run.parts.clock.now().duration_since(run.accepted_at);
    let over = age.checked_add(SignedDuration::try_from(wait).ok()?)?;
    let may = run.is_stored()
        && error.kind() == ErrorKind::RateLimited
        && run.stage() != Stage::Work
        && over < MAX_AGE_AFTER_POSTPONEMENT;
    may.then_some(wait)
}

/// Reports that `run` is postponed for the duration `wait`.
pub(super) fn note_postponement(run: &RunContext, wait: Duration) {
    run.emit_note(format!(
        "the VCS host asked the service to wait: the run is postponed for {} s",
        wait.as_secs()
    ));
}

/// Returns the duration for which `run` is postponed because its `outcome` could not be reported,
/// or `None` if the run is not postponed. A run is postponed only for an outcome that the resumed
/// run can compute again from its stored progress.
pub(super) fn postponed_by_report(
    run: &RunContext,
    outcome: &Outcome,
    report: &Result<()>,
) -> Option<Duration> {
    let is_repeatable = matches!(outcome, Outcome::PullRequest { .. } | Outcome::Answered { .. });
    report.as_ref().err().filter(|_| is_repeatable).and_then(|error| postponement(run, error))
}
