//! Conversion of the result of a run's stages into an outcome, and into a postponement if the VCS
//! host asked the service to wait.

use std::time::Duration;

use super::halt::Halt;
use super::postponement::postponement;
use super::run_context::RunContext;
use crate::{Outcome, Result};

/// The result of the stages of a run: an outcome, and a postponement if there is one.
#[derive(Debug)]
pub(super) struct Ending {
    /// The outcome, without secrets. For a postponed run, this is the outcome that the run would
    /// have without the postponement.
    pub(super) outcome: Outcome,
    /// The duration of the postponement, if the run is postponed.
    pub(super) postponed: Option<Duration>,
}

impl Ending {
    /// Converts `ended`, the result of the stages. `cancelled` must be true if the cancellation of
    /// the run was requested.
    pub(super) async fn new(
        run: &RunContext,
        ended: Result<Outcome, Halt>,
        cancelled: bool,
    ) -> Self {
        let stage = run.stage();
        let postponed = match &ended {
            Err(Halt::Error(error)) if !cancelled => postponement(run, error),
            _ => None,
        };
        let outcome = match ended {
            Ok(outcome) | Err(Halt::Outcome(outcome)) => outcome,
            // After a cancellation, every error is treated as a consequence of the cancellation.
            Err(Halt::Error(_)) if cancelled => Outcome::Cancelled { stage },
            Err(Halt::Error(error)) => Outcome::from_error(stage, &error),
        };
        let cleaned = run.redacted(move |redactor| redactor.clean_outcome(outcome)).await;
        // If the removal of secrets fails, no text of the outcome is used.
        let outcome = cleaned.unwrap_or_else(|error| Outcome::from_error(stage, &error));
        Self { outcome, postponed }
    }
}
