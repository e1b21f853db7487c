//! The record of a run: its state, its progress and its outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{IssueEvent, RepoRef};
use crate::progress::Progress;
use crate::vcs::PullRequest;
use crate::{Error, ErrorKind, RunId, Stage};

/// The reason why an event starts no run, or why its run ends without work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The service's own action caused the event.
    OwnEvent,
    /// A bot's action caused the event.
    Bot,
    /// The action does not start a run: for example another label, or a comment without the
    /// mention.
    NotForUs,
    /// The actor may not start runs in this repository.
    NotPermitted,
    /// The issue is closed.
    IssueClosed,
    /// The issue is locked: only members may comment.
    IssueLocked,
    /// The issue is a pull request.
    PullRequest,
    /// The issue no longer exists.
    IssueGone,
}

impl SkipReason {
    /// Returns the text of the reason in webhook responses and logs.
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

/// The outcome of a run. A refusal or a failure of a run is also an outcome, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// The change is published as a pull request.
    PullRequest {
        /// The pull request.
        pull_request: PullRequest,
    },
    /// The run made no change; the agent's final message answers the issue.
    Answered {
        /// The agent's final message: untrusted text.
        answer: String,
    },
    /// The run ended without work, and no comment was written.
    Skipped {
        /// The reason.
        reason: SkipReason,
    },
    /// The policy refused the run.
    Refused {
        /// The stage in which the run was refused.
        stage: Stage,
        /// The reason for the actor, in one line.
        reason: String,
        /// The paths that caused the refusal.
        paths: Vec<String>,
    },
    /// The run failed.
    Failed {
        /// The stage in which the run failed.
        stage: Stage,
        /// The kind of the failure.
        kind: ErrorKind,
        /// The message, in one line.
        message: String,
    },
    /// The run was cancelled.
    Cancelled {
        /// The stage in which the run was cancelled.
        stage: Stage,
    },
}

impl Outcome {
    /// Returns the outcome of a run that an error in `stage` ended.
    #[must_use]
    pub fn from_error(stage: Stage, error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Cancelled { stage },
            kind => Self::Failed { stage, kind, message: error.to_string() },
        }
    }

    /// Returns the outcome's name in JSON and logs.
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

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RunState {
    /// The run waits for a worker.
    Waiting,
    /// A worker claimed the run.
    Claimed,
    /// The run has ended.
    Finished {
        /// The outcome.
        outcome: Outcome,
    },
}

/// The record of one run in a run store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// The id of the run.
    pub run: RunId,
    /// The event that started the run.
    pub event: IssueEvent,
    /// The time at which the run was accepted. It is also the date of the run's commit, so that a
    /// resumed run creates the same commit.
    pub accepted_at: Timestamp,
    /// The state of the run.
    pub state: RunState,
    /// The progress from which a worker continues.
    pub progress: Progress,
    /// Whether the cancellation of the run was requested.
    pub cancel_requested: bool,
}

impl RunRecord {
    /// Returns the repository.
    #[must_use]
    pub fn repo(&self) -> &RepoRef {
        &self.event.repo
    }
}
