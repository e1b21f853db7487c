//! Collect: reads the agent's change and checks whether it may be published (spec: X6, X7, X10).

use crate::agent::AgentReport;
use crate::git::Collected;
use crate::pipeline::halt::Halt;
use crate::pipeline::run_context::RunContext;
use crate::pipeline::salvage::read_changes;
use crate::progress::{Base, CollectedRun};
use crate::{Outcome, Stage};

/// Reads the agent's change from the workspace, checks the change against the policy, and stores it
/// as a git tree in the run's own git directory.
pub(in crate::pipeline) async fn collect(
    run: &RunContext,
    base: Base,
    report: AgentReport,
) -> Result<CollectedRun, Halt> {
    let tree = match read_changes(run, &base.commit).await? {
        Collected::Nothing { exceptions } => {
            run.record_exceptions(exceptions);
            None
        }
        Collected::Changes(set) => {
            let paths = set.changes.iter().map(|change| change.path.as_str());
            run.record_exceptions(run.parts.policy.permitted_changes(paths));
            run.record_exceptions(set.exceptions);
            Some(set.tree)
        }
        Collected::Refused(refusal) => {
            return Err(Halt::refused(Stage::Collect, refusal.reason, refusal.paths));
        }
    };
    let denied_hosts = run.comment_data().denied_hosts;
    Ok(CollectedRun { base, tree, report, denied_hosts, policy: run.policy() })
}

/// Returns the outcome of a run whose agent changed nothing. The agent's final message is the
/// answer to the issue.
pub(in crate::pipeline) fn answer(collected: CollectedRun) -> Outcome {
    let words = collected.report.summary;
    let answer = if words.trim().is_empty() {
        "The agent changed nothing and gave no reason.".to_owned()
    } else {
        words
    };
    Outcome::Answered { answer }
}
