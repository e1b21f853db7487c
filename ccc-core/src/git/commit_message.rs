//! The message, the author and the date of a run's commit.

use jiff::Timestamp;

use crate::RunId;
use crate::event::IssueEvent;
use crate::untrusted_text::{deactivate_ci_commands, deactivate_references, one_line};
use crate::vcs::BotIdentity;

/// The message, the author and the date of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// The author and committer.
    pub author: BotIdentity,
    /// The author date and committer date: the time when the run was accepted.
    pub date: Timestamp,
    /// The whole commit message, including the trailers `Issue`, `Run` and `Agent`.
    pub message: String,
}

impl CommitInfo {
    /// Returns the author, the date and the message for the commit of `run`. The message contains
    /// no text that the agent wrote. The only text of the issue in the message is the title.
    /// Mentions, references and commands in the title are changed so that the VCS host and continuous
    /// integration do not act on them.
    /// `agent` is the name of the agent.
    #[must_use]
    pub fn for_run(
        run: RunId,
        event: &IssueEvent,
        agent: &str,
        author: BotIdentity,
        date: Timestamp,
    ) -> Self {
        let number = event.issue.number;
        // In a commit on the default branch, a title such as "fixes #7" would close issue 7.
        let title = deactivate_references(&one_line(&event.issue.title, 60));
        let title = deactivate_ci_commands(&title);
        let message = format!(
            "Solve issue {number}: {title}\n\nIssue: {}#{number}\nRun: {run}\nAgent: {}\n",
            event.repo,
            one_line(agent, 60)
        );
        Self { author, date, message }
    }
}
