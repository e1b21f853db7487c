//! The hourly budgets for calls to the VCS host that accounts without a known permission cause
//! (spec: W11f).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::{IssueEvent, RepoRef};

/// The time for which a call counts.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Maximum number of budgets with calls in the last hour.
const MAX_BUDGETS: usize = 10_000;

/// The purpose of a call. The calls of each purpose have a budget of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// The first check of an actor in a repository.
    FirstCheck,
    /// A further check of an actor who was refused before.
    RepeatedCheck,
    /// A check of an actor with a role on the VCS host. Either the event names the actor as a
    /// member, or the action requires a permission, such as the addition of a label.
    MemberCheck,
    /// An answer to an actor who may not start runs.
    Answer,
}

impl Purpose {
    /// Returns the maximum number of calls in an hour for the repositories of one owner. GitHub
    /// grants an installation 5,000 requests in an hour (GitHub docs, "Rate limits for the REST
    /// API"), and all checks together use less than a fifth of them.
    pub(super) const fn per_hour(self) -> usize {
        match self {
            Self::FirstCheck | Self::RepeatedCheck | Self::MemberCheck => 300,
            Self::Answer => 20,
        }
    }
}

/// The reason why a call exceeds a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// The actor has used a tenth of the places that the other actors left. The value is the time
    /// until the actor's oldest call no longer counts.
    Share(Duration),
    /// All places are used. The value is the time until a place is free.
    Budget(Duration),
}

/// A call to the VCS host about an actor.
#[derive(Clone, Debug)]
pub(super) struct Call {
    owner: String,
    purpose: Purpose,
    actor: u64,
    at: Timestamp,
}

impl Call {
    /// Returns a call for `purpose` about the actor of `event` at the time `at`.
    pub(super) fn new(event: &IssueEvent, purpose: Purpose, at: Timestamp) -> Self {
        Self { owner: owner_key(&event.repo), purpose, actor: event.actor.id, at }
    }

    fn budget(&self) -> (String, Purpose) {
        (self.owner.clone(), self.purpose)
    }
}

/// Returns a key that is equal for all repositories of one owner.
pub(super) fn owner_key(repo: &RepoRef) -> String {
    format!("{}/{}", repo.host, repo.owner).to_lowercase()
}

/// The calls of the last hour, by owner of the repository and purpose. The owner stands for the
/// App's installation on GitHub, because an App is installed once for each owner.
#[derive(Debug, Default)]
pub(super) struct CheckBudgets {
    calls: HashMap<(String, Purpose), VecDeque<(Timestamp, u64)>>,
}

impl CheckBudgets {
    /// Counts `call`. If `has_share` is true, the actor may use a tenth of what the other actors
    /// left of the budget. Otherwise only the budget is a limit.
    ///
    /// # Errors
    /// The reason why the call exceeds a budget. The call is then not counted.
    pub(super) fn count(&mut self, call: &Call, has_share: bool) -> Result<(), Exceeded> {
        let (key, now) = (call.budget(), call.at);
        if self.calls.len() >= MAX_BUDGETS && !self.calls.contains_key(&key) {
            self.calls.retain(|_, calls| {
                trim(calls, now);
                !calls.is_empty()
            });
            if self.calls.len() >= MAX_BUDGETS {
                return Err(Exceeded::Budget(HOUR.unsigned_abs()));
            }
        }
        let calls = self.calls.entry(key).or_default();
        trim(calls, now);
        let left = |at: Timestamp| HOUR.saturating_sub(now.duration_since(at)).unsigned_abs();
        let most = call.purpose.per_hour();
        if let Some((oldest, _)) = calls.front().filter(|_| calls.len() >= most) {
            return Err(Exceeded::Budget(left(*oldest)));
        }
        let own = || calls.iter().filter(|(_, account)| *account == call.actor);
        let others = calls.len() - own().count();
        if let Some((oldest, _)) = own().next().filter(|_| has_share)
            && own().count() >= ((most - others) / 10).max(1)
        {
            return Err(Exceeded::Share(left(*oldest)));
        }
        calls.push_back((now, call.actor));
        Ok(())
    }

    /// Removes `call`, which was counted, because its actor may start runs.
    pub(super) fn refund(&mut self, call: &Call) {
        let Some(calls) = self.calls.get_mut(&call.budget()) else { return };
        if let Some(index) = calls.iter().rposition(|counted| *counted == (call.at, call.actor)) {
            calls.remove(index);
        }
    }
}

/// Removes the calls that are an hour old. Also removes calls in the future, because the clock was
/// then set back.
fn trim(calls: &mut VecDeque<(Timestamp, u64)>, now: Timestamp) {
    while calls.front().is_some_and(|(at, _)| now.duration_since(*at) >= HOUR || *at > now) {
        calls.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(owner: &str, purpose: Purpose, actor: u64, at: Timestamp) -> Call {
        let repo = RepoRef { host: "h".into(), id: 1, owner: owner.into(), name: "r".into() };
        Call { owner: owner_key(&repo), purpose, actor, at }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn an_actor_gets_a_tenth_of_what_others_left_and_all_actors_get_the_budget() {
        // spec: W11f
        let mut budgets = CheckBudgets::default();
        let purpose = Purpose::FirstCheck;
        let mut granted = Vec::new();
        for actor in 0..400 {
            let mut count = 0;
            while budgets.count(&call("o", purpose, actor, at(0)), true).is_ok() {
                count += 1;
            }
            granted.push(count);
        }
        assert_eq!(granted[..3], [30, 27, 24]);
        assert_eq!(granted.iter().sum::<usize>(), purpose.per_hour());
        let accounts = granted.iter().filter(|count| **count > 0).count();
        assert!(accounts > 30, "{accounts} accounts use up a budget");
    }

    #[test]
    fn budgets_of_owners_and_purposes_are_independent_and_last_an_hour() {
        // spec: W11f
        let mut budgets = CheckBudgets::default();
        let hour = Duration::from_secs(3_600);
        for actor in 0..300 {
            let call = call("one", Purpose::FirstCheck, actor, at(10));
            assert_eq!(budgets.count(&call, true), Ok(()));
        }
        for (owner, purpose, minutes, expected) in [
            ("one", Purpose::FirstCheck, 10, Err(Exceeded::Budget(hour))),
            ("ONE", Purpose::FirstCheck, 40, Err(Exceeded::Budget(hour / 2))),
            ("one", Purpose::RepeatedCheck, 40, Ok(())),
            ("one", Purpose::MemberCheck, 40, Ok(())),
            ("two", Purpose::FirstCheck, 40, Ok(())),
            ("one", Purpose::FirstCheck, 70, Ok(())),
            // The clock was set back.
            ("one", Purpose::FirstCheck, 0, Ok(())),
        ] {
            let counted = budgets.count(&call(owner, purpose, 1_000, at(minutes)), true);
            assert_eq!(counted, expected, "{owner} {purpose:?} {minutes}");
        }
    }

    #[test]
    fn a_refunded_call_leaves_its_place_and_a_call_without_a_share_uses_only_the_budget() {
        // spec: W11f
        let mut budgets = CheckBudgets::default();
        let of = |actor, minutes| call("o", Purpose::FirstCheck, actor, at(minutes));
        assert!((0..30).all(|minutes| budgets.count(&of(1, minutes), true).is_ok()));
        let left = Duration::from_secs(30 * 60);
        assert_eq!(budgets.count(&of(1, 30), true), Err(Exceeded::Share(left)));
        budgets.refund(&of(1, 5));
        budgets.refund(&of(1, 5));
        budgets.refund(&of(2, 6));
        assert_eq!(budgets.count(&of(1, 30), true), Ok(()));
        assert_eq!(budgets.count(&of(1, 30), true), Err(Exceeded::Share(left)), "one refund");
        assert!((30..300).all(|_| budgets.count(&of(1, 31), false).is_ok()));
        assert!(matches!(budgets.count(&of(1, 31), false), Err(Exceeded::Budget(_))));
    }

    #[test]
    fn the_number_of_budgets_is_limited() {
        let mut budgets = CheckBudgets::default();
        let count = |budgets: &mut CheckBudgets, owner: usize, minutes| {
            let call = call(&owner.to_string(), Purpose::FirstCheck, 1, at(minutes));
            budgets.count(&call, true).is_ok()
        };
        assert!((0..MAX_BUDGETS).all(|owner| count(&mut budgets, owner, 0)));
        assert!(!count(&mut budgets, MAX_BUDGETS, 0));
        assert!(count(&mut budgets, 0, 1), "a known owner keeps its budget");
        assert!(count(&mut budgets, MAX_BUDGETS, 60));
        assert!(budgets.calls.len() <= 2);
    }
}
