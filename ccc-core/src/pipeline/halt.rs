//! The reasons for a run to end before its last stage.

use crate::run::SkipReason;
use crate::{Error, Outcome, Stage};

/// The reason why a stage did not succeed.
#[derive(Debug)]
pub(super) enum Halt {
    /// The run ends with this outcome; nothing broke.
    Outcome(Outcome),
    /// Something broke; the flow turns the error into an outcome.
    Error(Error),
}

impl Halt {
    /// Returns the end of a run that is not reported.
    pub(super) fn skipped(reason: SkipReason) -> Self {
        Self::Outcome(Outcome::Skipped { reason })
    }

    /// Returns the end of a run that the policy refused in `stage`.
    pub(super) fn refused(stage: Stage, reason: impl Into<String>, paths: Vec<String>) -> Self {
        Self::Outcome(Outcome::Refused { stage, reason: reason.into(), paths })
    }
}

impl Halt {
    /// Returns what a stage's end shows as its error; an outcome is none.
    pub(super) fn line<T>(ended: &Result<T, Self>) -> Option<String> {
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
