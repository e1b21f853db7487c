//! Patch files that save the agent's changes if a run ends without a pull request. The agent's work
//! cost money, so the changes are not discarded.

use super::bounded::{guarded, within};
use super::run_context::RunContext;
use crate::git::{ChangeSet, Collected};
use crate::progress::{CollectedRun, CommittedRun, Progress};
use crate::{Error, ErrorKind, ObjectId, Outcome, Result};

/// Maximum size, in bytes, of a patch that the run's comment shows.
const MAX_SHOWN_PATCH: usize = 30_000;

/// Reads the changes that were made in the workspace since the commit `base`, and checks them
/// against the policy.
pub(super) async fn read_changes(run: &RunContext, base: &ObjectId) -> Result<Collected> {
    run.parts.git.collect(run.id, base, &run.parts.policy, &run.redactor).await
}

/// Saves a patch that contains the changes of an agent that did not finish. If the patch cannot be
/// saved, only emits a note, because the agent's failure already determines the outcome of the run.
pub(super) async fn save_unfinished(run: &RunContext, base: &ObjectId) {
    let saved = async {
        match read_changes(run, base).await? {
            Collected::Changes(changes) => save_patch(run, &changes).await,
            Collected::Nothing { .. } | Collected::Refused(_) => Ok(()),
        }
    };
    match within(&*run.parts.clock, run.parts.limits.stage, saved).await {
        Some(Err(error)) => {
            run.emit_note(format!("the agent's changes could not be saved as a patch: {error}"));
        }
        None => run.emit_note(
            "the agent's changes could not be saved as a patch within the time limit of a stage",
        ),
        Some(Ok(())) => {}
    }
}

/// Saves a patch with the collected changes if the run failed or was cancelled before its pull
/// request was open.
pub(super) async fn save_unpublished(run: &RunContext, outcome: &Outcome) {
    let (base, tree) = match run.progress() {
        Progress::Collected(CollectedRun { base, tree: Some(tree), .. })
        | Progress::Committed(CommittedRun { base, tree, .. }) => (base.commit, tree),
        _ => return,
    };
    let lost = matches!(outcome, Outcome::Failed { .. } | Outcome::Cancelled { .. });
    if !lost || run.is_fenced_out() {
        return;
    }
    let changes = ChangeSet { base, tree, changes: Vec::new(), exceptions: Vec::new() };
    let saved = save_patch(run, &changes);
    if let Err(error) = guarded(&*run.parts.clock, run.parts.limits.report, saved).await {
        run.emit_note(format!("the agent's changes could not be saved as a patch: {error}"));
    }
}

/// Writes the changes to a patch file on the host machine. If the patch is short, also adds the
/// patch to the run's comment.
async fn save_patch(run: &RunContext, changes: &ChangeSet) -> Result<()> {
    let patch = run.parts.git.patch(run.id, changes).await?;
    let path = run.parts.git.patch_path(run.id);
    tokio::fs::write(&path, &patch).await.map_err(|e| {
        Error::new(
            ErrorKind::from_io(&e),
            format!("cannot write the patch file {}", path.display()),
        )
        .with_source(e)
    })?;
    run.emit_note(format!("the agent's changes are saved in the patch file {}", path.display()));
    if let Ok(text) = String::from_utf8(patch)
        && text.len() <= MAX_SHOWN_PATCH
    {
        let text = run.redacted(move |redactor| redactor.clean(&text)).await?;
        run.update_comment_data(|comment| comment.patch = Some(text));
    }
    Ok(())
}
