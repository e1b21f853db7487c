//! Commit: creates a git commit from the agent's change. A resumed run that repeats this stage
//! creates an identical commit (spec: P6).

use crate::ObjectId;
use crate::git::CommitInfo;
use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::progress::{CollectedRun, CommittedRun};

/// Creates the commit in the run's own git directory, and determines the name of the branch to
/// push.
pub(in crate::pipeline) async fn commit(
    run: &RunContext,
    collected: CollectedRun,
    tree: ObjectId,
) -> Result<CommittedRun, Halt> {
    let CollectedRun { base, report, denied_hosts, policy, .. } = collected;
    let author = run.parts.host.bot_identity().await?;
    let agent = run.parts.agent.name();
    let event = run.event_without_secrets();
    let mut info = CommitInfo::for_run(run.id, &event, agent, author, run.accepted_at);
    info.message = run.redactor.clean(&info.message);
    let commit = run.parts.git.commit(run.id, &base.commit, &tree, &info).await?;
    let branch = run.branch()?;
    run.update_comment_data(|comment| comment.branch = Some(branch.clone()));
    Ok(CommittedRun { base, tree, commit, branch, report, denied_hosts, policy })
}
