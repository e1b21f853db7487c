//! The hourly budgets for calls to the VCS host that accounts without a known permission cause
//! (spec: W11f).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::RepoRef;

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
    /// A check because of an action for which the VCS host requires a permission, such as the
    /// addition of a label.
    TriageCheck,
    /// An answer to an actor who may not start runs.
    Answer,
}

impl Purpose {
    /// Returns the maximum number of calls in an hour for the repositories of one owner. All checks
    /// together use less than a fifth of the 5,000 requests in an hour that GitHub grants an
    /// installation (GitHub docs, "Rate limits for the REST API").
    pub(super) const fn per_hour(self) -> usize {
        match self {
            Self::FirstCheck | Self::RepeatedCheck | Self::TriageCheck => 300,
            Self::Answer => 20,
        }
    }
}

/// The reason why a call exceeds a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// The actor has used a tenth of the places that the other actors left.
    Share,
    /// All places are used. The value is the time until a place is free.
    Budget(Duration),
}

/// The calls of the last hour, by owner of the repository and purpose. The owner stands for the
/// App's installation on GitHub, because an App is installed once for each owner.
#[derive(Debug, Default)]
pub(super) struct CheckBudgets {
    calls: HashMap<(String, Purpose), VecDeque<(Timestamp, u64)>>,
}

impl CheckBudgets {
    /// Counts a call for `purpose` about the account with the id `actor`.
    ///
    /// # Errors
    /// The reason why the call exceeds a budget. The call is then not counted.
    pub(super) fn count(
        &mut self,
        repo: &RepoRef,
        purpose: Purpose,
        actor: u64,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let key = (format!("{}/{}", repo.host, repo.owner).to_lowercase(), purpose);
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
        let most = purpose.per_hour();
        if let Some((oldest, _)) = calls.front().filter(|_| calls.len() >= most) {
            let left = HOUR.saturating_sub(now.duration_since(*oldest));
            return Err(Exceeded::Budget(left.unsigned_abs()));
        }
        let own = calls.iter().filter(|(_, account)| *account == actor).count();
        let others = calls.len() - own;
        if own >= ((most - others) / 10).max(1) {
            return Err(Exceeded::Share);
        }
        calls.push_back((now, actor));
        Ok(())
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

    fn repo(owner: &str) -> RepoRef {
        RepoRef { host: "h".into(), id: 1, owner: owner.into(), name: "r".into() }
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn an_actor_gets_a_tenth_of_what_others_left_and_all_actors_get_the_budget() {
        // spec: W11f
        let mut budgets = CheckBudgets::default();
        let (repo, purpose) = (repo("o"), Purpose::FirstCheck);
        let mut granted = Vec::new();
        for actor in 0..400 {
            let mut count = 0;
            while budgets.count(&repo, purpose, actor, at(0)).is_ok() {
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
        let (one, hour) = (repo("one"), Duration::from_secs(3_600));
        for actor in 0..300 {
            assert_eq!(budgets.count(&one, Purpose::FirstCheck, actor, at(10)), Ok(()));
        }
        for (owner, purpose, minutes, expected) in [
            ("one", Purpose::FirstCheck, 10, Err(Exceeded::Budget(hour))),
            ("ONE", Purpose::FirstCheck, 40, Err(Exceeded::Budget(hour / 2))),
            ("one", Purpose::RepeatedCheck, 40, Ok(())),
            ("one", Purpose::TriageCheck, 40, Ok(())),
            ("two", Purpose::FirstCheck, 40, Ok(())),
            ("one", Purpose::FirstCheck, 70, Ok(())),
            // The clock was set back.
            ("one", Purpose::FirstCheck, 0, Ok(())),
        ] {
            let counted = budgets.count(&repo(owner), purpose, 1_000, at(minutes));
            assert_eq!(counted, expected, "{owner} {purpose:?} {minutes}");
        }
    }

    #[test]
    fn the_number_of_budgets_is_limited() {
        let mut budgets = CheckBudgets::default();
        let count = |budgets: &mut CheckBudgets, owner: usize, minutes| {
            budgets.count(&repo(&owner.to_string()), Purpose::FirstCheck, 1, at(minutes)).is_ok()
        };
        assert!((0..MAX_BUDGETS).all(|owner| count(&mut budgets, owner, 0)));
        assert!(!count(&mut budgets, MAX_BUDGETS, 0));
        assert!(count(&mut budgets, 0, 1), "a known owner keeps its budget");
        assert!(count(&mut budgets, MAX_BUDGETS, 60));
        assert!(budgets.calls.len() <= 2);
    }
}
