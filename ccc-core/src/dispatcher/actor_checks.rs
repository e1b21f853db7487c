//! The check whether the actor of an arriving delivery may start runs (spec: W11c, W11f).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::check_budget::{Call, CheckBudgets, Exceeded, Purpose};
use super::standings::{Standing, Standings};
use crate::event::{IssueEvent, Trigger};
use crate::pipeline::{Pipeline, guarded};

/// The time for which intake waits for the VCS host. The limit is short, because the VCS host waits
/// only ten seconds for the response to a delivery.
const LIMIT: Duration = Duration::from_secs(3);

/// The time for which an answer of the VCS host is used for further deliveries, except for
/// [`REFUSAL_AGES`].
const ANSWER_AGE: SignedDuration = SignedDuration::from_secs(30);

/// The times for which the first, the second and each further refusal of an actor is used. A
/// permission that was granted meanwhile is known after the last of these times at the latest.
const REFUSAL_AGES: [SignedDuration; 3] =
    [ANSWER_AGE, SignedDuration::from_mins(2), SignedDuration::from_mins(10)];

/// The time after which a refusal no longer lengthens the next one.
const REFUSALS_FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);

/// The time for which the VCS host is not asked again after it has not answered.
const FAILURE_AGE: SignedDuration = SignedDuration::from_secs(5);

/// Maximum number of pairs of repository and actor with a stored answer or a call in progress.
const MAX_CHECKS: usize = 10_000;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActorAnswer {
    /// The actor may start runs.
    Permitted,
    /// The actor may not start runs.
    Refused,
    /// The VCS host did not answer in time, and has never answered about this actor.
    NoAnswer,
    /// The VCS host is not asked, because this actor has caused too many checks and was refused in
    /// another repository of the owner.
    TooManyChecks,
    /// The VCS host is not asked before this time has passed: either a budget of checks is used up,
    /// or few requests to the host remain.
    Postponed(Duration),
}

/// The newest answer of the VCS host about one actor in one repository.
#[derive(Clone, Copy, Debug)]
struct Known {
    permitted: bool,
    at: Timestamp,
    /// The number of refusals in a row. A permission starts the count again, and so does
    /// [`REFUSALS_FORGOTTEN`] without a refusal.
    refusals: usize,
}

impl Known {
    fn answer(self) -> ActorAnswer {
        if self.permitted { ActorAnswer::Permitted } else { ActorAnswer::Refused }
    }
}

/// The state of the checks of one actor in one repository.
#[derive(Debug, Default)]
struct Record {
    /// The receiver of the answer, if the VCS host is being asked.
    in_progress: Option<watch::Receiver<Option<Option<bool>>>>,
    known: Option<Known>,
    /// The time of the last check, if the VCS host did not answer it.
    failed_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<String, Record>,
    budgets: CheckBudgets,
    standings: Standings,
}

/// The newest checks of actors.
#[derive(Clone, Debug, Default)]
pub(super) struct ActorChecks {
    state: Arc<Mutex<State>>,
}

/// The next step of a check.
enum Step {
    Ended(ActorAnswer),
    Wait(watch::Receiver<Option<Option<bool>>>),
}

impl ActorChecks {
    /// Returns whether the actor of `event` may start runs. Asks the VCS host once for many
    /// deliveries of one actor, and only within the budgets for actors without a known permission.
    pub(super) async fn check(&self, pipeline: &Pipeline, event: &IssueEvent) -> ActorAnswer {
        // The policy permits these accounts whatever the VCS host answers.
        if pipeline.policy().allowed_actors.contains(&event.actor.id) {
            return ActorAnswer::Permitted;
        }
        let mut answer = match self.begin(pipeline, event) {
            Step::Wait(answer) => answer,
            Step::Ended(answer) => return answer,
        };
        let received = async {
            let received = answer.wait_for(Option::is_some).await;
            Ok(received.ok().and_then(|answer| answer.flatten()))
        };
        match guarded(&**pipeline.clock(), LIMIT, received).await.ok().flatten() {
            Some(true) => ActorAnswer::Permitted,
            Some(false) => ActorAnswer::Refused,
            None => self.last_answer(event),
        }
    }

    /// Returns the last answer about the actor of `event`, whatever its age. Authorize asks again
    /// before a run of the actor costs anything.
    fn last_answer(&self, event: &IssueEvent) -> ActorAnswer {
        let state = self.state();
        let known = state.records.get(&event.requester_key()).and_then(|record| record.known);
        known.map_or(ActorAnswer::NoAnswer, Known::answer)
    }

    /// Returns whether a stored refusal of the actor of `event` can be used at the time `now`.
    pub(super) fn is_refused(&self, event: &IssueEvent, now: Timestamp) -> bool {
        let state = self.state();
        let record = state.records.get(&event.requester_key());
        let stored = record.and_then(|record| record.stored(event, now));
        stored == Some(ActorAnswer::Refused)
    }

    /// Returns whether the actor of `event` was refused in a repository of the owner, and no
    /// repository of the owner is known in which the actor may start runs.
    pub(super) fn is_refused_by_owner(&self, event: &IssueEvent) -> bool {
        self.state().standings.get(event) == Some(Standing::Refused)
    }

    /// Returns the stored answer for `event`, or asks the VCS host if there is no check in progress
    /// and the last answer is too old.
    fn begin(&self, pipeline: &Pipeline, event: &IssueEvent) -> Step {
        let now = pipeline.clock().now();
        let key = event.requester_key();
        let mut state = self.state();
        state.make_room(&key, now);
        if state.records.len() >= MAX_CHECKS && !state.records.contains_key(&key) {
            return Step::Ended(ActorAnswer::NoAnswer);
        }
        let State { records, budgets, standings } = &mut *state;
        let record = records.entry(key.clone()).or_default();
        if let Some(answer) = record.in_progress.as_ref().filter(|answer| is_open(answer)) {
            return Step::Wait(answer.clone());
        }
        if let Some(answer) = record.stored(event, now) {
            return Step::Ended(answer);
        }
        let purpose = record.purpose(event);
        let call = purpose.map(|purpose| Call::new(event, purpose, now));
        if let Some(call) = &call {
            let few = || few_requests_left(pipeline, event, now);
            let denied = match purpose {
                Some(Purpose::MemberCheck) => None,
                _ => few().map(ActorAnswer::Postponed),
            };
            let standing = standings.get(event);
            let has_share = !matches!(standing, Some(Standing::PermittedIn(_)));
            let counted = || match budgets.count(call, has_share) {
                Ok(()) => None,
                Err(Exceeded::Share(_)) if standing == Some(Standing::Refused) => {
                    Some(ActorAnswer::TooManyChecks)
                }
                // The actor can be a new maintainer, whose request must not be answered 200.
                Err(Exceeded::Share(left) | Exceeded::Budget(left)) => {
                    Some(ActorAnswer::Postponed(left))
                }
            };
            if let Some(denied) = denied.or_else(counted) {
                let refused = record.known.is_some();
                return Step::Ended(if refused { ActorAnswer::Refused } else { denied });
            }
        }
        let (sender, answer) = watch::channel(None);
        record.in_progress = Some(answer.clone());
        // A separate task, because the future of the caller can be dropped, and because a late
        // answer is useful for the next delivery.
        let (asking, this, event) = (pipeline.clone(), self.clone(), without_text(event));
        pipeline.spawn(async move {
            let answer = asking.permits_actor(&event).await.ok();
            let now = asking.clock().now();
            this.state().end(key, &event, call, answer, now);
            sender.send_replace(Some(answer));
        });
        Step::Wait(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Stores the end of a check of the actor of `event` at the time `now`. `call` is the counted
    /// call. `answer` is `None` if the VCS host did not answer.
    fn end(
        &mut self,
        key: String,
        event: &IssueEvent,
        call: Option<Call>,
        answer: Option<bool>,
        now: Timestamp,
    ) {
        self.records.entry(key).or_default().end(answer, now);
        if let Some(permitted) = answer {
            self.standings.set(event, permitted);
        }
        if let Some(call) = call.filter(|_| answer == Some(true)) {
            self.budgets.refund(&call);
        }
    }

    /// Removes records if there is no room for a record of `key`. Records of permitted actors are
    /// removed last, because these actors would then use the budgets of unknown actors.
    fn make_room(&mut self, key: &str, now: Timestamp) {
        let is_old = |known: Known| now.duration_since(known.at).abs() >= REFUSALS_FORGOTTEN;
        let removable: [&dyn Fn(Option<Known>) -> bool; 3] = [
            &|known| known.is_none_or(|known| !known.permitted && is_old(known)),
            &|known| known.is_none_or(|known| !known.permitted),
            &|_| true,
        ];
        for removable in removable {
            if self.records.len() < MAX_CHECKS || self.records.contains_key(key) {
                return;
            }
            self.records.retain(|_, record| {
                record.in_progress.as_ref().is_some_and(is_open) || !removable(record.known)
            });
        }
    }
}

impl Record {
    /// Returns the result of the last check if it can be used for the request of `event`.
    fn stored(&self, event: &IssueEvent, now: Timestamp) -> Option<ActorAnswer> {
        let is_fresh = |at: Timestamp, longest: SignedDuration| {
            let age = now.duration_since(at);
            !age.is_negative() && age < longest
        };
        let failed = self.failed_at.is_some_and(|at| is_fresh(at, FAILURE_AGE));
        let Some(known) = self.known else { return failed.then_some(ActorAnswer::NoAnswer) };
        let longest = match known.refusals {
            1.. if !needs_permission(event) => {
                REFUSAL_AGES[known.refusals.min(REFUSAL_AGES.len()) - 1]
            }
            _ => ANSWER_AGE,
        };
        (failed || is_fresh(known.at, longest)).then(|| known.answer())
    }

    /// Returns the budget from which a check because of `event` is taken, or `None` for an actor
    /// who was permitted at the last answer.
    fn purpose(&self, event: &IssueEvent) -> Option<Purpose> {
        match self.known {
            Some(Known { permitted: true, .. }) => None,
            _ if event.actor_is_member || needs_permission(event) => Some(Purpose::MemberCheck),
            Some(_) => Some(Purpose::RepeatedCheck),
            None => Some(Purpose::FirstCheck),
        }
    }

    /// Stores the end of a check at the time `now`. `answer` is `None` if the VCS host did not
    /// answer.
    fn end(&mut self, answer: Option<bool>, now: Timestamp) {
        self.in_progress = None;
        self.failed_at = answer.is_none().then_some(now);
        if let Some(permitted) = answer {
            let recent = self.known.filter(|known| {
                !known.permitted && now.duration_since(known.at) < REFUSALS_FORGOTTEN
            });
            let earlier = recent.map_or(0, |known| known.refusals);
            let refusals = if permitted { 0 } else { earlier + 1 };
            self.known = Some(Known { permitted, at: now, refusals });
        }
    }
}

/// Returns whether the VCS host permits the action of `event` only to accounts with a permission on
/// the repository. GitHub requires at least the role `triage` to add a label to an issue, or to assign
/// it. An account whose permission is new is therefore checked at once because of such an action. An
/// action that an issue template can have caused requires no permission.
fn needs_permission(event: &IssueEvent) -> bool {
    matches!(event.trigger, Trigger::Labeled { .. } | Trigger::Assigned { .. })
        && !event.is_possibly_of_template()
}

/// Returns the time until the VCS host grants more requests, if few requests remain now. The
/// remaining requests are then left to actors who may start runs.
fn few_requests_left(pipeline: &Pipeline, event: &IssueEvent, now: Timestamp) -> Option<Duration> {
    let quota = pipeline.host().request_quota(&event.repo)?;
    let left = Duration::try_from(quota.resets_at.duration_since(now)).ok()?;
    (quota.is_low() && !left.is_zero()).then_some(left)
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
