//! The schedule by which the service gets missed deliveries, and the log lines about them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ccc_core::dispatcher::Dispatcher;
use ccc_core::reconciler::{
    DeliveryProblem, MAX_REDELIVERIES, MissedDeliveries, Reconciled, Reconciler,
};
use ccc_core::{Clock, DeliveryLog, ErrorKind, Result, RunStore};

use crate::remedy::describe;

/// Time between two readings of the log of deliveries (spec: W8a).
const INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Time between two readings if deliveries arrive only through the log.
const INTERVAL_OF_LOG: Duration = Duration::from_secs(60);

/// The reconciler of a service, with the state of its log lines.
#[derive(Debug)]
pub(crate) struct Reconciliation {
    reconciler: Reconciler,
    interval: Duration,
    logged: Mutex<Logged>,
}

/// The state that the last log lines described.
#[derive(Debug, Default)]
struct Logged {
    problem: Option<String>,
    error: Option<String>,
    given_up: usize,
    incomplete: bool,
}

impl Reconciliation {
    /// Creates the reconciler for the deliveries of `log`, which `dispatcher` accepts.
    pub(super) fn new(
        log: Arc<dyn DeliveryLog>,
        dispatcher: &Arc<Dispatcher>,
        way: MissedDeliveries,
    ) -> Self {
        let interval = match way {
            MissedDeliveries::Redeliver => INTERVAL,
            MissedDeliveries::ReadFromLog => INTERVAL_OF_LOG,
        };
        let store = Arc::<dyn RunStore>::clone(dispatcher.store());
        let clock = Arc::clone(dispatcher.pipeline().clock());
        let reconciler = Reconciler::new(log, store, Arc::<Dispatcher>::clone(dispatcher), clock);
        let reconciler = reconciler.with_missed_deliveries(way);
        Self { reconciler, interval, logged: Mutex::default() }
    }

    /// Returns the problem that prevents deliveries from reaching the service, with the next step.
    pub(crate) fn problem(&self) -> Option<String> {
        self.reconciler.problem().map(|problem| with_next_step(&problem))
    }

    /// Gets missed deliveries at once and then in intervals, while `is_ready` returns true.
    pub(super) async fn repeat(&self, clock: &dyn Clock, is_ready: impl Fn() -> bool) {
        loop {
            let mut wait = self.interval;
            if is_ready() {
                let result = self.reconciler.reconcile().await;
                if let Err(error) = &result
                    && error.kind() == ErrorKind::RateLimited
                {
                    wait = wait.max(error.retry_after().unwrap_or_default());
                }
                self.log(&result);
            }
            clock.sleep(wait).await;
        }
    }

    /// Writes a log line for each change.
    fn log(&self, result: &Result<Reconciled>) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(done) = result {
            if done.requested > 0 {
                tracing::info!(deliveries = done.requested, "requested missed deliveries again");
            }
            if done.read > 0 {
                tracing::info!(deliveries = done.read, "read missed deliveries from the log");
            }
            if done.given_up > logged.given_up {
                tracing::warn!(
                    deliveries = done.given_up,
                    "deliveries failed {MAX_REDELIVERIES} times after a request and are not requested again: the \
                     log of deliveries in the settings of the App shows the responses"
                );
            }
            if done.incomplete && !logged.incomplete {
                tracing::warn!(
                    "the log of deliveries is too long to be read at once: missed deliveries can be found late"
                );
            }
            (logged.given_up, logged.incomplete) = (done.given_up, done.incomplete);
        }
        let problem = self.problem();
        if problem != logged.problem {
            match &problem {
                Some(problem) => tracing::error!("{problem}"),
                None => tracing::info!("deliveries reach the service again"),
            }
        }
        let error = result.as_ref().err().filter(|_| problem.is_none()).map(describe);
        if let Some(error) = error.as_ref().filter(|error| logged.error.as_ref() != Some(error)) {
            tracing::warn!("cannot get missed deliveries (the service tries again later): {error}");
        }
        (logged.problem, logged.error) = (problem, error);
    }
}

/// Returns the text of `problem`, with the step that resolves it (spec: W8d).
fn with_next_step(problem: &DeliveryProblem) -> String {
    let step = match problem {
        DeliveryProblem::AddressChanged { .. } => {
            "correct the webhook URL in the settings of the App, or make the service available at this address"
        }
        DeliveryProblem::Unreachable { .. } => {
            "check the webhook URL in the settings of the App, the DNS name, the certificate and the reverse \
             proxy; if GitHub cannot reach the service, set github.missed_deliveries to log"
        }
        DeliveryProblem::SecretChanged => {
            "store the secret of the App's settings with `ccc config set --webhook-secret-file FILE`, or enter \
             the secret of the service in the settings of the App"
        }
        DeliveryProblem::Suspended(_) => {
            "the owner of the App can see its state in the settings of the App; if GitHub suspended it, ask GitHub's \
             support"
        }
        DeliveryProblem::CredentialRefused(_) => {
            "store the current private key of the App with `ccc config set --private-key-file FILE`"
        }
        _ => "see the log of deliveries in the settings of the App",
    };
    format!("{problem}: {step}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_has_its_own_next_step() {
        // spec: W8d
        let text = || "refused".to_owned();
        let changed = DeliveryProblem::AddressChanged { from: text(), to: text() };
        let mut steps = std::collections::BTreeSet::new();
        for (problem, expected) in [
            (changed, "correct the webhook URL"),
            (DeliveryProblem::Unreachable { address: None }, "github.missed_deliveries"),
            (DeliveryProblem::SecretChanged, "--webhook-secret-file"),
            (DeliveryProblem::Suspended(text()), "suspended"),
            (DeliveryProblem::CredentialRefused(text()), "--private-key-file"),
        ] {
            let line = with_next_step(&problem);
            assert!(line.contains(expected), "{line}");
            steps.insert(line);
        }
        assert_eq!(steps.len(), 5);
    }
}
