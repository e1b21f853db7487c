//! The record of a run: its state, its progress and its outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{IssueEvent, RepoRef};
use crate::progress::Progress;
use crate::vcs::PullRequest;
use crate::{Error, ErrorKind, RunId, Stage};

/// The reason why an event starts no run, or why a run ends before its agent starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The service's own action caused the event.
    OwnEvent,
    /// The action of a bot caused the event, and the policy does not allow this bot to start runs.
    Bot,
    /// The action does not request a run: for example, a comment does not contain the mention, or
    /// the added label is not the policy's label.
    NotForUs,
    /// The event reports an opened issue, but its actor is not the author of the issue.
    NotAuthor,
    /// The actor's permission is not sufficient to start runs in this repository.
    NotPermitted,
    /// The actor has too many unfinished runs, and the actor's permission is not known.
    TooManyRequests,
    /// The agent of another run has worked on the same request.
    SameRequest,
    /// The issue is closed.
    IssueClosed,
    /// The issue is locked: only collaborators of the repository may comment.
    IssueLocked,
    /// The number of the issue belongs to a pull request.
    PullRequest,
    /// The issue no longer exists.
    IssueGone,
}

impl SkipReason {
    /// Returns the text for this reason in webhook responses and logs, such as `issue closed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnEvent => "own event",
            Self::Bot => "bot",
            Self::NotForUs => "not for us",
            Self::NotAuthor => "not the author",
            Self::NotPermitted => "not permitted",
            Self::TooManyRequests => "too many requests",
            Self::SameRequest => "same request",
            Self::IssueClosed => "issue closed",
            Self::IssueLocked => "issue locked",
            Self::PullRequest => "pull request",
            Self::IssueGone => "issue gone",
        }
    }
}

/// The outcome of a run. The refusal or failure of a run is also represented as an outcome, and is
/// not returned as an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// The change is published as a pull request.
    PullRequest {
        /// The pull request that contains the change.
        pull_request: PullRequest,
    },
    /// The run made no change; the agent's final message answers the issue.
    Answered {
        /// The agent's final message: untrusted text.
        answer: String,
    },
    /// The run ended before the agent started, and no comment was written.
    Skipped {
        /// The reason why the run was skipped.
        reason: SkipReason,
    },
    /// The policy refused the run or its change.
    Refused {
        /// The stage in which the run was refused.
        stage: Stage,
        /// The reason for the refusal, in one line, for the actor to read.
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
        /// The error message, in one line.
        message: String,
    },
    /// The run was cancelled.
    Cancelled {
        /// The stage in which the run was cancelled.
        stage: Stage,
    },
}

impl Outcome {
    /// Returns the outcome of a run that ended with `error` in `stage`:
    /// [`Cancelled`](Self::Cancelled) for [`ErrorKind::Cancelled`], and [`Failed`](Self::Failed)
    /// for any other kind.
    #[must_use]
    pub fn from_error(stage: Stage, error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Cancelled => Self::Cancelled { stage },
            kind => Self::Failed { stage, kind, message: error.to_string() },
        }
    }

    /// Returns whether the agent of the run has worked on the request, so that another run of the
    /// same request must not start. This is false if the run ended before the stage Work.
    #[must_use]
    pub fn serves_request(&self) -> bool {
        match self {
            Self::PullRequest { .. } | Self::Answered { .. } => true,
            Self::Skipped { .. } => false,
            Self::Refused { stage, .. }
            | Self::Failed { stage, .. }
            | Self::Cancelled { stage } => *stage >= Stage::Work,
        }
    }

    /// Returns the name of the outcome in JSON and logs, such as `pull_request`.
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

/// The result of the check whether the actor of an arriving delivery may start runs. A delivery whose
/// actor may not start runs is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorCheck {
    /// The actor may start runs.
    Permitted,
    /// The VCS host did not answer in time. The stage Authorize checks the actor.
    Pending,
}

/// The state of a run in a run store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RunState {
    /// The run waits until a worker claims it.
    Waiting,
    /// A worker has claimed the run.
    Claimed,
    /// The run has ended.
    Finished {
        /// The outcome of the run.
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
    /// The time at which the run was accepted. This time is also the date of the run's commit.
    /// Therefore the commit's id stays equal if a resumed run creates the commit again.
    pub accepted_at: Timestamp,
    /// The result of the check of the event's actor when the delivery arrived.
    pub actor_check: ActorCheck,
    /// Whether the run waits, is claimed or has ended.
    pub state: RunState,
    /// The progress from which the next worker continues the run.
    pub progress: Progress,
    /// Whether the cancellation of the run was requested.
    pub cancel_requested: bool,
    /// The number of claims since the run last completed a stage for the first time. Released claims
    /// do not count. A high number shows that the run ends its workers.
    pub attempts: u32,
    /// The run whose agent has worked on the same request; `None` unless this run was skipped for
    /// this reason ([`SkipReason::SameRequest`]).
    pub served_by: Option<RunId>,
}

impl RunRecord {
    /// Returns whether the run has passed the stage Authorize, and may therefore have started its
    /// agent.
    #[must_use]
    pub fn is_authorized(&self) -> bool {
        self.progress.stage() > Stage::Accept
    }

    /// Returns the repository of the issue that the run works on.
    #[must_use]
    pub fn repo(&self) -> &RepoRef {
        &self.event.repo
    }
}
