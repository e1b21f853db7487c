//! What the emulator knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ccc_core::Secret;
use ccc_core::event::{Actor, ActorKind};
use ccc_core::vcs::Permission;
use jiff::Timestamp;

use super::apps::App;
use super::faults::Fault;
use super::git::Stat;
use super::limits::Window;
use super::records::{Call, HookDelivery, TokenInfo};

/// How many calls and deliveries are remembered: it may run for weeks.
const MAX_KEPT: usize = 20_000;

#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) info: TokenInfo,
}

/// An App on an account.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    pub(super) id: u64,
    pub(super) app: u64,
    pub(super) account: String,
    /// Repositories of the account that it does not have.
    pub(super) without: BTreeSet<u64>,
    pub(super) suspended_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Reaction {
    pub(super) id: u64,
    pub(super) user: Actor,
    pub(super) content: String,
    pub(super) created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) author: Actor,
    /// The App through which it was written.
    pub(super) via: Option<u64>,
    pub(super) body: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) reactions: Vec<Reaction>,
}

/// What makes an issue a pull request.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) head: String,
    pub(super) head_sha: String,
    pub(super) base: String,
    pub(super) base_sha: String,
    /// How far `head_sha` is from `base_sha`.
    pub(super) stat: Stat,
    pub(super) draft: bool,
}

/// Whether an issue is still where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Here,
    Deleted,
    /// In another repository, under another number.
    Moved(u64, u64),
}

/// An issue or a pull request: GitHub counts and comments them alike.
#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) author: Actor,
    pub(super) via: Option<u64>,
    pub(super) open: bool,
    pub(super) state_reason: Option<String>,
    pub(super) locked: bool,
    pub(super) lock_reason: Option<String>,
    pub(super) place: Place,
    pub(super) labels: Vec<String>,
    pub(super) assignees: Vec<Actor>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) comments: Vec<Comment>,
    pub(super) reactions: Vec<Reaction>,
    pub(super) pull: Option<Pull>,
}

#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
}

#[derive(Debug)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    /// `owner/name` as it was, in lower case.
    pub(super) former: Vec<String>,
    pub(super) public: bool,
    pub(super) archived: bool,
    pub(super) default_branch: String,
    pub(super) permissions: BTreeMap<String, Permission>,
    pub(super) issues: BTreeMap<u64, Issue>,
    pub(super) labels: Vec<Label>,
    pub(super) last_number: u64,
    pub(super) created_at: Timestamp,
}

impl Repo {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn is_named(&self, owner: &str, name: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner) && self.name.eq_ignore_ascii_case(name)
    }

    pub(super) fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name))
    }
}

#[derive(Debug)]
pub(super) struct State {
    last_id: u64,
    pub(super) apps: Vec<App>,
    /// Apps whose manifest was taken and not yet converted, by code.
    pub(super) codes: BTreeMap<String, u64>,
    pub(super) users: Vec<Actor>,
    pub(super) repos: Vec<Repo>,
    pub(super) installations: Vec<Installation>,
    pub(super) tokens: Vec<Token>,
    pub(super) deliveries: Vec<HookDelivery>,
    pub(super) calls: VecDeque<Call>,
    /// How many calls were forgotten.
    forgotten: usize,
    pub(super) faults: Vec<Fault>,
    pub(super) windows: BTreeMap<String, Window>,
    pub(super) grant_too_much: bool,
}

impl State {
    pub(super) fn new(app: App) -> Self {
        Self {
            // Numbers of different things do not collide, so that mixing them up shows.
            last_id: 1_000,
            apps: vec![app],
            codes: BTreeMap::new(),
            users: Vec::new(),
            repos: Vec::new(),
            installations: Vec::new(),
            tokens: Vec::new(),
            deliveries: Vec::new(),
            calls: VecDeque::new(),
            forgotten: 0,
            faults: Vec::new(),
            windows: BTreeMap::new(),
            grant_too_much: false,
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Writes a call down; gives its number.
    pub(super) fn note(&mut self, call: Call) -> usize {
        self.calls.push_back(call);
        if self.calls.len() > MAX_KEPT {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        self.forgotten + self.calls.len() - 1
    }

    /// What a call was answered with.
    pub(super) fn answered(&mut self, number: usize, status: u16) {
        let index = number.checked_sub(self.forgotten);
        if let Some(call) = index.and_then(|index| self.calls.get_mut(index)) {
            call.status = Some(status);
        }
    }

    pub(super) fn deliver(&mut self, delivery: HookDelivery) {
        self.deliveries.push(delivery);
        if self.deliveries.len() > MAX_KEPT {
            self.deliveries.remove(0);
        }
    }

    pub(super) fn app(&self, id: u64) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    pub(super) fn add_user(&mut self, login: &str, kind: ActorKind) -> Actor {
        if let Some(user) = self.user(login) {
            return user.clone();
        }
        let user = Actor { id: self.next_id(), login: login.to_owned(), kind };
        self.users.push(user.clone());
        user
    }

    pub(super) fn user(&self, login: &str) -> Option<&Actor> {
        self.users.iter().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub(super) fn repo(&self, id: u64) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.id == id)
    }

    pub(super) fn repo_mut(&mut self, id: u64) -> Option<&mut Repo> {
        self.repos.iter_mut().find(|repo| repo.id == id)
    }

    pub(super) fn issue(&self, repo: u64, number: u64) -> Option<&Issue> {
        self.repo(repo)?.issues.get(&number)
    }

    pub(super) fn issue_mut(&mut self, repo: u64, number: u64) -> Option<&mut Issue> {
        self.repo_mut(repo)?.issues.get_mut(&number)
    }

    /// The repository of that name, now or formerly.
    pub(super) fn repo_named(&self, owner: &str, name: &str) -> Option<&Repo> {
        let former = format!("{owner}/{name}").to_ascii_lowercase();
        self.repos
            .iter()
            .find(|repo| repo.is_named(owner, name))
            .or_else(|| self.repos.iter().rev().find(|repo| repo.former.contains(&former)))
    }

    pub(super) fn installation(&self, id: u64) -> Option<&Installation> {
        self.installations.iter().find(|installation| installation.id == id)
    }

    pub(super) fn installation_mut(&mut self, id: u64) -> Option<&mut Installation> {
        self.installations.iter_mut().find(|installation| installation.id == id)
    }

    /// Where the App is on the account.
    pub(super) fn installed_on(&self, app: u64, account: &str) -> Option<&Installation> {
        self.installations
            .iter()
            .find(|found| found.app == app && found.account.eq_ignore_ascii_case(account))
    }

    /// Where the App is, when it is on the repository.
    pub(super) fn installed_at(&self, app: u64, repo: &Repo) -> Option<&Installation> {
        self.installed_on(app, &repo.owner).filter(|found| !found.without.contains(&repo.id))
    }

    /// Puts the App on the account; where it is when it is there already.
    pub(super) fn install(&mut self, app: u64, account: &str, now: Timestamp) -> u64 {
        if let Some(found) = self.installed_on(app, account) {
            return found.id;
        }
        let id = self.next_id();
        self.installations.push(Installation {
            id,
            app,
            account: account.to_owned(),
            without: BTreeSet::new(),
            suspended_at: None,
            created_at: now,
        });
        id
    }

    /// Takes the App off; its tokens end with it.
    pub(super) fn uninstall(&mut self, id: u64) {
        self.installations.retain(|installation| installation.id != id);
        for token in &mut self.tokens {
            token.info.revoked |= token.info.installation == id;
        }
    }
}
