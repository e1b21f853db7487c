//! From the last stage to an outcome, or to a postponement.

use std::time::Duration;

use super::halt::Halt;
use super::postponement::postponement;
use super::run_context::RunContext;
use crate::{Outcome, Result};

/// The end of the stages.
#[derive(Debug)]
pub(super) struct Ending {
    /// The outcome, without secrets; for a run that is postponed, the one that it would have had.
    pub(super) outcome: Outcome,
    /// The time to postpone the run for.
    pub(super) postponed: Option<Duration>,
}

impl Ending {
    /// Returns what the result of the stages means for the run.
    pub(super) fn new(run: &RunContext, ended: Result<Outcome, Halt>, cancelled: bool) -> Self {
        let stage = run.stage();
        let postponed = match &ended {
            Err(Halt::Error(error)) if !cancelled => postponement(run, error),
            _ => None,
        };
        let outcome = match ended {
            Ok(outcome) | Err(Halt::Outcome(outcome)) => outcome,
            // Once cancelled, every error is the cancellation's doing, whatever it says.
            Err(Halt::Error(_)) if cancelled => Outcome::Cancelled { stage },
            Err(Halt::Error(error)) => Outcome::from_error(stage, &error),
        };
        Self { outcome: run.redactor.clean_outcome(outcome), postponed }
    }
}
