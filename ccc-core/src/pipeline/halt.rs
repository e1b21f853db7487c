//! The reasons for which a stage ends a run early.

use crate::run::SkipReason;
use crate::{Error, Outcome, Stage};

/// The reason for which a stage ended the run early.
#[derive(Debug)]
pub(super) enum Halt {
    /// The run ends with this outcome, which the stage itself determined.
    Outcome(Outcome),
    /// An error ended the stage. `Ending::new` converts the error into the outcome of the run.
    Error(Error),
}

impl Halt {
    /// Returns the [`Halt`] for a run that is skipped. A skipped run writes no comment.
    pub(super) fn skipped(reason: SkipReason) -> Self {
        Self::Outcome(Outcome::Skipped { reason })
    }

    /// Returns the [`Halt`] for a run that the policy refused in `stage`. `paths` are the paths
    /// that caused the refusal.
    pub(super) fn refused(stage: Stage, reason: impl Into<String>, paths: Vec<String>) -> Self {
        Self::Outcome(Outcome::Refused { stage, reason: reason.into(), paths })
    }
}

impl Halt {
    /// Returns the error message for the event that reports the end of a stage. Returns `None` if
    /// the stage succeeded, or ended the run with an outcome.
    pub(super) fn error_message<T>(ended: &Result<T, Self>) -> Option<String> {
        match ended {
            Err(Self::Error(error)) => Some(error.to_string()),
            _ => None,
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
