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
    /// The whole commit message, including the trailers `Run`, `Agent` and, for an issue of a VCS host,
    /// `Issue`.
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
        // In a commit on the default branch, a title such as "fixes #7" would close issue 7.
        let title = deactivate_references(&one_line(&event.issue.title, 60));
        let title = deactivate_ci_commands(&title);
        let (subject, trailer) = match event.issue.number_on_host() {
            Some(number) => (
                format!("Solve issue {number}: {title}"),
                format!("Issue: {}#{number}\n", event.repo),
            ),
            None => (format!("Solve: {title}"), String::new()),
        };
        let agent = one_line(agent, 60);
        let message = format!("{subject}\n\n{trailer}Run: {run}\nAgent: {agent}\n");
        Self { author, date, message }
    }
}
