//! The search for the pull request that the run opened before its state was restored from a backup.

use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::{ErrorKind, Outcome, Result, Stage};

/// Returns `ended`, or the outcome with the pull request of a run that has stopped with an error and has one.
///
/// The name of the branch contains the id of the run, so that only this run has created it. The
/// pull request exists before the run reaches its stage only if the stored progress is older than the
/// run, because it was restored (spec: Q22). `continues` states whether the run began after the stage
/// Collect.
pub(in crate::pipeline) async fn or_published_before(
    run: &RunContext,
    continues: bool,
    ended: Result<Outcome, Halt>,
) -> Result<Outcome, Halt> {
    let Err(Halt::Error(error)) = ended else { return ended };
    // A run that begins anew finds its branch, and one that continues does not find its git directory.
    let differs = match run.stage() {
        Stage::Checkout => error.kind() == ErrorKind::AlreadyExists,
        Stage::Commit | Stage::Publish => continues && !error.is_retryable(),
        _ => false,
    };
    if !differs || run.is_fenced_out() {
        return Err(error.into());
    }
    let branch = run.branch()?;
    match run.parts.host.find_pull_request(run.repo(), &branch).await {
        Ok(Some(pull_request)) => {
            run.emit_note(format!(
                "the pull request of the run is open already, so the run ends with it: {error}"
            ));
            Ok(Outcome::PullRequest { pull_request })
        }
        // Whether the pull request exists is unknown, so the error of the search is reported.
        Err(lookup) if lookup.is_retryable() => Err(lookup.into()),
        _ => Err(error.into()),
    }
}
