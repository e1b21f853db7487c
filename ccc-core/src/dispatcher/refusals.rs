//! The answers to actors who may not start runs (spec: W11d).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};

use super::check_budget::{Call, CheckBudgets, Purpose};
use crate::CancellationToken;
use crate::event::{IssueEvent, Trigger};
use crate::pipeline::Pipeline;

/// Minimum time between two answers to one actor on one issue.
const BETWEEN_ANSWERS: SignedDuration = SignedDuration::from_hours(24);

/// Maximum number of answers that wait to be written. Further requests get no answer.
const MAX_WAITING: usize = 20;

/// Maximum number of actors and issues with an answer in the last 24 hours. Further requests get no
/// answer.
const MAX_ANSWERED: usize = 10_000;

/// The requests of actors who may not start runs: those that wait for an answer, and the times of
/// the last answers.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    state: Mutex<State>,
    added: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<IssueEvent>,
    /// The times of the last answers by the key of the issue and the id of the actor.
    answered: HashMap<(String, u64), Timestamp>,
    /// The answers of the last hour. An answer reads the comments of its issue before the adapter
    /// applies the limit of written answers.
    budgets: CheckBudgets,
}

impl Refusals {
    /// Returns whether the actor of `event` got an answer on the same issue in the last 24 hours, or
    /// waits for one.
    pub(super) fn has_answer(&self, event: &IssueEvent, now: Timestamp) -> bool {
        let key = (event.issue_key(), event.actor.id);
        self.state().answered.get(&key).is_some_and(|at| is_recent(*at, now))
    }

    /// Adds the request of `event` to the requests that wait for an answer, unless the actor got an
    /// answer on the same issue in the last 24 hours. An event that only opened or reopened an
    /// issue gets no answer, because every account may open issues, and neither does a label that an
    /// issue template can have added. There is also no answer if the hourly budget of answers is used
    /// up. `now` is the current time.
    pub(super) fn add(&self, event: &IssueEvent, now: Timestamp) {
        if matches!(event.trigger, Trigger::Opened | Trigger::Reopened)
            || event.is_possibly_of_template() && !event.actor_is_member
        {
            return;
        }
        let mut state = self.state();
        let key = (event.issue_key(), event.actor.id);
        if state.answered.get(&key).is_some_and(|at| is_recent(*at, now)) {
            return;
        }
        if state.waiting.len() >= MAX_WAITING
            || state.budgets.count(&Call::new(event, Purpose::Answer, now), true).is_err()
        {
            return;
        }
        if state.answered.len() >= MAX_ANSWERED {
            state.answered.retain(|_, at| is_recent(*at, now));
        }
        if state.answered.len() >= MAX_ANSWERED {
            return;
        }
        state.answered.insert(key, now);
        state.waiting.push_back(event.clone());
        self.added.notify_one();
    }

    /// Answers the waiting requests one after the other, until `shutdown` is cancelled. An answer
    /// that fails is not repeated.
    pub(super) async fn answer_until(&self, shutdown: &CancellationToken, pipeline: &Pipeline) {
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                event = self.next() => event,
            };
            // A separate task, so that it releases its token even if this future is dropped.
            let (sender, ended) = oneshot::channel::<()>();
            let answering = pipeline.clone();
            pipeline.spawn(async move {
                let _ = answering.answer_refused(&event).await;
                drop(sender);
            });
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                _ = ended => {}
            }
        }
    }

    async fn next(&self) -> IssueEvent {
        loop {
            let next = self.state().waiting.pop_front();
            match next {
                Some(event) => return event,
                None => self.added.notified().await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether an answer at `at` prevents another one at the time `now`.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < BETWEEN_ANSWERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, ActorKind, IssueSnapshot, RepoRef};

    fn event(actor: u64, issue: u64, trigger: Trigger) -> IssueEvent {
        let actor = Actor { id: actor, login: format!("a{actor}"), kind: ActorKind::User };
        IssueEvent {
            repo: RepoRef { host: "h".into(), id: 1, owner: "o".into(), name: "r".into() },
            issue: IssueSnapshot {
                number: issue,
                title: String::new(),
                body: String::new(),
                author: actor.clone(),
                updated_at: Timestamp::UNIX_EPOCH,
            },
            trigger,
            actor,
            via_app: None,
            actor_is_member: false,
        }
    }

    fn comment(id: u64) -> Trigger {
        Trigger::Commented { comment: id, body: String::new() }
    }

    #[test]
    fn an_actor_gets_one_answer_a_day_for_each_issue() {
        // spec: W11d
        let refusals = Refusals::default();
        let label = Trigger::Labeled { label: "claude".into() };
        for (hours, actor, issue, trigger, expected) in [
            (0, 1, 1, Trigger::Opened, 0),
            (0, 1, 1, Trigger::Reopened, 0),
            (0, 1, 1, comment(1), 1),
            (0, 1, 1, comment(2), 0),
            (1, 1, 1, label.clone(), 0),
            (1, 1, 2, comment(3), 1),
            (1, 2, 1, comment(4), 1),
            (23, 1, 1, comment(5), 0),
            (24, 1, 1, comment(6), 1),
            (24, 1, 2, label, 0),
        ] {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
            let before = refusals.state().waiting.len();
            refusals.add(&event(actor, issue, trigger.clone()), now);
            let added = refusals.state().waiting.len() - before;
            assert_eq!(added, expected, "{hours} h, actor {actor}, issue {issue}, {trigger:?}");
        }
    }

    #[test]
    fn a_label_or_an_assignment_of_an_issue_template_gets_no_answer() {
        // spec: W11d
        let label = Trigger::Labeled { label: "claude".into() };
        let assignee = Actor { id: 9, login: "helper[bot]".into(), kind: ActorKind::Bot };
        let assigned = Trigger::Assigned { assignee };
        for (trigger, author, is_member, expected) in [
            (&label, 1, false, 0),
            (&label, 1, true, 1),
            (&label, 2, false, 1),
            (&assigned, 1, false, 0),
            (&assigned, 1, true, 1),
            (&assigned, 2, false, 1),
            // A comment is never a part of a template.
            (&comment(1), 1, false, 1),
        ] {
            let refusals = Refusals::default();
            let mut event = event(1, 1, trigger.clone());
            (event.issue.author.id, event.actor_is_member) = (author, is_member);
            refusals.add(&event, Timestamp::UNIX_EPOCH);
            let added = refusals.state().waiting.len();
            assert_eq!(added, expected, "{trigger:?}, author {author}, member {is_member}");
        }
    }

    #[test]
    fn many_actors_get_no_more_answers_than_wait_at_once() {
        // spec: W11d
        let refusals = Refusals::default();
        let of_owner = |actor: u64, owner: u64| {
            let mut event = event(actor, 1, comment(actor));
            event.repo.owner = owner.to_string();
            event
        };
        for actor in 0..11_000 {
            refusals.add(&of_owner(actor, actor / 10), Timestamp::UNIX_EPOCH);
        }
        let waiting = refusals.state().waiting.len();
        assert_eq!((waiting, refusals.state().answered.len()), (MAX_WAITING, MAX_WAITING));
        for actor in 0..11_000 {
            refusals.add(&of_owner(actor, actor / 10), Timestamp::UNIX_EPOCH);
            refusals.state().waiting.clear();
        }
        assert_eq!(refusals.state().answered.len(), MAX_ANSWERED);
        let next_day = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
        refusals.add(&event(0, 1, comment(0)), next_day);
        assert_eq!(refusals.state().waiting.len(), 1);
    }

    #[test]
    fn requests_on_many_issues_get_no_more_answers_than_the_hourly_budget() {
        // spec: G5d, W11f
        let refusals = Refusals::default();
        let mut answered = [0; 40];
        for issue in 0..1_000 {
            for actor in 0..40 {
                refusals.add(&event(actor, issue, comment(issue)), Timestamp::UNIX_EPOCH);
                answered[usize::try_from(actor).unwrap()] += refusals.state().waiting.len();
                refusals.state().waiting.clear();
            }
        }
        assert_eq!(answered.iter().sum::<usize>(), Purpose::Answer.per_hour());
        assert!(answered.iter().all(|answers| *answers <= 2), "{answered:?}");
    }
}
