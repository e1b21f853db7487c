//! A run: where it is, what it has, how it ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{IssueEvent, RepoRef};
use crate::progress::Progress;
use crate::vcs::PullRequest;
use crate::{Error, ErrorKind, RunId, Stage};

/// Why nobody had to do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// Our own doing.
    OwnEvent,
    /// A bot's doing.
    Bot,
    /// Not a label, mention or assignee that starts work.
    NotForUs,
    /// The actor may not start runs here.
    NotPermitted,
    /// The issue is closed by now.
    IssueClosed,
    /// Only members may comment on the issue by now.
    IssueLocked,
    /// It is a pull request.
    PullRequest,
    /// The issue is not there any more.
    IssueGone,
}

impl SkipReason {
    /// The reason as the webhook's answer and the logs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnEvent => "own event",
            Self::Bot => "bot",
            Self::NotForUs => "not for us",
            Self::NotPermitted => "not permitted",
            Self::IssueClosed => "issue closed",
            Self::IssueLocked => "issue locked",
            Self::PullRequest => "pull request",
            Self::IssueGone => "issue gone",
        }
    }
}

/// How a run ended. Values, all of them: a refusal or a failure is an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// The work stands as a pull request.
    PullRequest {
        /// Which.
        pull_request: PullRequest,
    },
    /// Nothing had to change: the agent's closing words are the answer.
    Answered {
        /// Its words: untrusted text.
        answer: String,
    },
    /// Nothing to do, and nothing said.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// Our policy said no.
    Refused {
        /// Where.
        stage: Stage,
        /// What to tell the person who asked, in one line.
        reason: String,
        /// The paths that the refusal is about.
        paths: Vec<String>,
    },
    /// Something broke.
    Failed {
        /// Where.
        stage: Stage,
        /// What kind of thing.
        kind: ErrorKind,
        /// What it is, in one line.
        message: String,
    },
    /// Somebody withdrew the run.
    Cancelled {
        /// Where it was.
        stage: Stage,
    },
}

impl Outcome {
    /// The failure that an error in `stage` is.
    #[must_use]
    pub fn from_error(stage: Stage, error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Cancelled { stage },
            kind => Self::Failed { stage, kind, message: error.to_string() },
        }
    }

    /// The outcome's name, as JSON and logs spell it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PullRequest { .. } => "pull_request",
            Self::Answered { .. } => "answered",
            Self::Skipped { .. } => "skipped",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// Where a run stands in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RunState {
    /// Nobody works on it.
    Waiting,
    /// Somebody holds its lease.
    Claimed,
    /// It is over.
    Finished {
        /// How.
        outcome: Outcome,
    },
}

/// All that a run store knows about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// What it is about.
    pub event: IssueEvent,
    /// When it was accepted: also the date of its commit, so that a resumed run makes the same one.
    pub accepted_at: Timestamp,
    /// Where it stands.
    pub state: RunState,
    /// The progress that a worker goes on from.
    pub progress: Progress,
    /// Whether somebody asked for its end.
    pub cancel_requested: bool,
}

impl RunRecord {
    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &RepoRef {
        &self.event.repo
    }
}
