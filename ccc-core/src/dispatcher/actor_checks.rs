//! The check, when a delivery arrives, whether its actor may start runs (spec: W11c).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::event::{IssueEvent, Trigger};
use crate::pipeline::{Pipeline, guarded};

/// The time for which intake waits for the VCS host. The limit is short, because the VCS host waits
/// only ten seconds for the response to a delivery.
const LIMIT: Duration = Duration::from_secs(3);

/// The time for which an answer of the VCS host is used for further deliveries.
const ANSWER_AGE: SignedDuration = SignedDuration::from_secs(30);

/// The time for which the VCS host is not asked again after it has not answered.
const FAILURE_AGE: SignedDuration = SignedDuration::from_secs(5);

/// Maximum number of pairs of repository and actor with a stored answer or a call in progress.
const MAX_CHECKS: usize = 1_000;

/// The newest check of one actor in one repository.
#[derive(Debug)]
enum Check {
    /// The VCS host is being asked. The receiver gets the answer.
    InProgress(watch::Receiver<Option<Option<bool>>>),
    /// The answer, or `None` if the VCS host did not answer, and the time of the answer.
    Ended(Option<bool>, Timestamp),
}

/// The newest checks of actors.
#[derive(Clone, Debug, Default)]
pub(super) struct ActorChecks {
    checks: Arc<Mutex<HashMap<String, Check>>>,
}

impl ActorChecks {
    /// Returns whether the actor of `event` may start runs, or `None` if the VCS host does not
    /// answer in time. Asks the VCS host once for many deliveries of one actor.
    pub(super) async fn check(&self, pipeline: &Pipeline, event: &IssueEvent) -> Option<bool> {
        let mut answer = match self.begin(pipeline, event) {
            Check::InProgress(answer) => answer,
            Check::Ended(answer, _) => return answer,
        };
        let received = async {
            let received = answer.wait_for(Option::is_some).await;
            Ok(received.ok().and_then(|answer| answer.flatten()))
        };
        guarded(&**pipeline.clock(), LIMIT, received).await.ok().flatten()
    }

    /// Returns the newest check for `event`. Begins a check if there is none in progress, and the
    /// last answer is too old.
    fn begin(&self, pipeline: &Pipeline, event: &IssueEvent) -> Check {
        let now = pipeline.clock().now();
        let key = event.requester_key();
        let mut checks = self.checks();
        match checks.get(&key) {
            Some(Check::Ended(answer, at)) if is_fresh(*answer, *at, now) => {
                return Check::Ended(*answer, *at);
            }
            Some(Check::InProgress(answer)) if is_open(answer) => {
                return Check::InProgress(answer.clone());
            }
            _ => {}
        }
        if checks.len() >= MAX_CHECKS {
            checks.retain(|_, check| matches!(check, Check::InProgress(answer) if is_open(answer)));
        }
        if checks.len() >= MAX_CHECKS {
            return Check::Ended(None, now);
        }
        let (sender, answer) = watch::channel(None);
        checks.insert(key.clone(), Check::InProgress(answer.clone()));
        // A separate task, because the future of the caller can be dropped, and because a late
        // answer is useful for the next delivery.
        let (asking, this, event) = (pipeline.clone(), self.clone(), without_text(event));
        pipeline.spawn(async move {
            let answer = asking.permits_actor(&event).await.ok();
            this.checks().insert(key, Check::Ended(answer, asking.clock().now()));
            sender.send_replace(Some(answer));
        });
        Check::InProgress(answer)
    }

    fn checks(&self) -> MutexGuard<'_, HashMap<String, Check>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the task that asks the VCS host still exists. It is gone if it has panicked.
fn is_open(answer: &watch::Receiver<Option<Option<bool>>>) -> bool {
    answer.has_changed().is_ok()
}

/// Returns `event` without the texts of users, which would use memory until the check has ended.
fn without_text(event: &IssueEvent) -> IssueEvent {
    let mut event = event.clone();
    (event.issue.title, event.issue.body) = Default::default();
    event.trigger = Trigger::Opened;
    event
}

/// Returns whether `answer`, which is from the time `at`, can be used at the time `now`.
fn is_fresh(answer: Option<bool>, at: Timestamp, now: Timestamp) -> bool {
    let longest = if answer.is_some() { ANSWER_AGE } else { FAILURE_AGE };
    let age = now.duration_since(at);
    !age.is_negative() && age < longest
}
