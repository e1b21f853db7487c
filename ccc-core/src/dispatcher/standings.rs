//! The standings of accounts with the owners of repositories (spec: W11f).

use std::collections::HashMap;

use super::check_budget::owner_key;
use crate::event::IssueEvent;

/// Maximum number of stored standings.
const MAX_STANDINGS: usize = 10_000;

/// The standing of an account with an owner of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The account may start runs in the repository with this id, and perhaps in others.
    PermittedIn(u64),
    /// The account was refused in a repository, and no repository is known in which it may start
    /// runs.
    Refused,
}

/// The known standings, by owner and account.
#[derive(Debug, Default)]
pub(super) struct Standings {
    known: HashMap<(String, u64), Standing>,
}

impl Standings {
    /// Returns the standing of the actor of `event` with the owner of the repository, if it is
    /// known.
    pub(super) fn get(&self, event: &IssueEvent) -> Option<Standing> {
        self.known.get(&key(event)).copied()
    }

    /// Stores the answer of the VCS host about the actor of `event`: `permitted` is true if the
    /// actor may start runs.
    pub(super) fn set(&mut self, event: &IssueEvent, permitted: bool) {
        let (key, repo) = (key(event), event.repo.id);
        if !self.known.contains_key(&key) && self.known.len() >= MAX_STANDINGS {
            if !permitted {
                return;
            }
            // Refusals are removed first, because strangers can cause many of them.
            self.known.retain(|_, standing| *standing != Standing::Refused);
            if self.known.len() >= MAX_STANDINGS {
                self.known.clear();
            }
        }
        let standing = self.known.entry(key).or_insert(Standing::Refused);
        if permitted {
            *standing = Standing::PermittedIn(repo);
        } else if *standing == Standing::PermittedIn(repo) {
            *standing = Standing::Refused;
        }
    }
}

fn key(event: &IssueEvent) -> (String, u64) {
    (owner_key(&event.repo), event.actor.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, ActorKind, IssueSnapshot, RepoRef, Trigger};

    fn of(actor: u64, repo: u64) -> IssueEvent {
        let actor = Actor { id: actor, login: format!("a{actor}"), kind: ActorKind::User };
        IssueEvent {
            repo: RepoRef { host: "h".into(), id: repo, owner: "o".into(), name: "r".into() },
            issue: IssueSnapshot {
                number: 1,
                title: String::new(),
                body: String::new(),
                author: actor.clone(),
                updated_at: jiff::Timestamp::UNIX_EPOCH,
            },
            trigger: Trigger::Opened,
            actor,
            via_app: None,
            actor_is_member: false,
        }
    }

    #[test]
    fn a_permission_counts_until_the_same_repository_refuses() {
        // spec: W11f
        let mut standings = Standings::default();
        for (repo, permitted, expected) in [
            (1, false, Standing::Refused),
            (2, true, Standing::PermittedIn(2)),
            (1, false, Standing::PermittedIn(2)),
            (2, false, Standing::Refused),
        ] {
            standings.set(&of(7, repo), permitted);
            assert_eq!(standings.get(&of(7, 3)), Some(expected), "{repo} {permitted}");
        }
        assert_eq!(standings.get(&of(8, 1)), None);
    }

    #[test]
    fn refusals_of_many_strangers_displace_no_permission() {
        // spec: W11f
        let mut standings = Standings::default();
        standings.set(&of(1, 1), true);
        for stranger in 0..20_000 {
            standings.set(&of(100 + stranger, 1), false);
        }
        assert_eq!(standings.known.len(), MAX_STANDINGS);
        standings.set(&of(2, 1), true);
        for actor in [1, 2] {
            assert_eq!(standings.get(&of(actor, 1)), Some(Standing::PermittedIn(1)));
        }
        for actor in 0..20_000 {
            standings.set(&of(100 + actor, 1), true);
        }
        assert!(standings.known.len() <= MAX_STANDINGS);
    }
}
