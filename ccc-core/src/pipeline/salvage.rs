//! Patches that save the agent's work, which cost money, when it cannot be published.

use super::bounded::{guarded, within};
use super::run_context::RunContext;
use crate::git::{ChangeSet, Collected};
use crate::progress::{CollectedRun, CommittedRun, Progress};
use crate::{Error, ErrorKind, ObjectId, Outcome, Result};

/// Maximum size of a patch that the comment shows, in bytes.
const MAX_SHOWN_PATCH: usize = 30_000;

/// Reads the changes in the workspace since `base`.
pub(super) async fn read_changes(run: &RunContext, base: &ObjectId) -> Result<Collected> {
    run.parts.git.collect(run.id, base, &run.parts.policy, &run.redactor).await
}

/// Saves the work of an agent that did not finish. An error here is only noted, because the agent's
/// failure determines the outcome.
pub(super) async fn save_unfinished(run: &RunContext, base: &ObjectId) {
    let saved = async {
        match read_changes(run, base).await? {
            Collected::Changes(changes) => save_patch(run, &changes).await,
            Collected::Nothing | Collected::Refused(_) => Ok(()),
        }
    };
    match within(&*run.parts.clock, run.parts.limits.stage, saved).await {
        Some(Err(error)) => {
            run.emit_note(format!("the unfinished work could not be saved: {error}"));
        }
        None => run.emit_note("the unfinished work could not be saved: it took too long"),
        Some(Ok(())) => {}
    }
}

/// Saves work that was collected but not published.
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
    let changes = ChangeSet { base, tree, changes: Vec::new() };
    let saved = save_patch(run, &changes);
    if let Err(error) = guarded(&*run.parts.clock, run.parts.limits.report, saved).await {
        run.emit_note(format!("the work could not be saved: {error}"));
    }
}

/// Writes the patch to disk, and adds it to the comment if it is short.
async fn save_patch(run: &RunContext, changes: &ChangeSet) -> Result<()> {
    let patch = run.parts.git.patch(run.id, changes).await?;
    let path = run.parts.git.patch_path(run.id);
    tokio::fs::write(&path, &patch).await.map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("cannot write {}", path.display()))
            .with_source(e)
    })?;
    run.emit_note(format!("the work is saved in {}", path.display()));
    if let Ok(text) = String::from_utf8(patch)
        && text.len() <= MAX_SHOWN_PATCH
    {
        run.update_comment_data(|comment| comment.patch = Some(text));
    }
    Ok(())
}
