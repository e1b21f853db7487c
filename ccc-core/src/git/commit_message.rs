//! The message, the author and the date of a run's commit.

use jiff::Timestamp;

use crate::RunId;
use crate::event::IssueEvent;
use crate::untrusted_text::{one_line, quiet};
use crate::vcs::BotIdentity;

/// The parts of a commit beside its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Author and committer.
    pub author: BotIdentity,
    /// Both dates: when the run was accepted.
    pub date: Timestamp,
    /// The message, with its trailers.
    pub message: String,
}

impl CommitInfo {
    /// The commit of a run. Nothing the agent says is in it; of what people wrote, the title alone,
    /// with mentions and references taken apart.
    #[must_use]
    pub fn for_run(
        run: RunId,
        event: &IssueEvent,
        agent: &str,
        author: BotIdentity,
        date: Timestamp,
    ) -> Self {
        let number = event.issue.number;
        // A title may say "fixes #7": in a commit on the default branch that would close issue 7.
        let title = quiet(&one_line(&event.issue.title, 60));
        let message = format!(
            "Solve issue {number}: {title}\n\nIssue: {}#{number}\nRun: {run}\nAgent: {}\n",
            event.repo,
            one_line(agent, 60)
        );
        Self { author, date, message }
    }
}
