//! What the emulator knows.

use std::collections::BTreeMap;

use ccc_core::Secret;
use ccc_core::event::{Actor, ActorKind};
use ccc_core::vcs::Permission;
use jiff::Timestamp;

/// One request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `POST`…
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent, without `?`.
    pub query: String,
    /// What it was answered with; `None` while it is under way.
    pub status: Option<u16>,
    /// Who asked: `nobody`, `app jwt`, `token #3 octo/hello contents:read …`, `user alice`, or why
    /// the credential is not taken.
    pub caller: String,
}

/// An installation token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The how-manieth it is, from 1.
    pub number: usize,
    /// The numbers of the repositories it is for; `None` for all of the installation.
    pub repositories: Option<Vec<u64>>,
    /// What it may do: `contents` → `read`.
    pub permissions: BTreeMap<String, String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl TokenInfo {
    pub(super) fn revoked(mut self, revoked: bool) -> Self {
        self.revoked = revoked;
        self
    }
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The branch with the work.
    pub head: String,
    /// The commit that the branch was at.
    pub head_sha: String,
    /// The branch it should go into.
    pub base: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it is open.
    pub open: bool,
    /// Who opened it.
    pub author: String,
    /// Where it is.
    pub url: String,
}

/// A comment on an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Who wrote it.
    pub author: Actor,
    /// What it says.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Login and content of each reaction.
    pub reactions: Vec<(String, String)>,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDelivery {
    /// The attempt's id.
    pub id: u64,
    /// `X-GitHub-Delivery`: the same for every attempt of one delivery.
    pub guid: String,
    /// When it was tried.
    pub delivered_at: Timestamp,
    /// Whether somebody asked for it.
    pub redelivery: bool,
    /// What it was answered with; 0 when there was no answer.
    pub status_code: u16,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's action.
    pub action: String,
    /// The bytes that were sent.
    pub body: Vec<u8>,
    /// The answer's body.
    pub answer: String,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) installation: u64,
    pub(super) info: TokenInfo,
    pub(super) revoked: bool,
}

#[derive(Debug)]
pub(super) struct Issue {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: Actor,
    pub(super) open: bool,
    pub(super) labels: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) comments: Vec<Comment>,
    pub(super) reactions: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) former: Vec<String>,
    pub(super) public: bool,
    pub(super) archived: bool,
    pub(super) installed: bool,
    pub(super) default_branch: String,
    pub(super) permissions: BTreeMap<String, Permission>,
    pub(super) issues: BTreeMap<u64, Issue>,
    pub(super) pulls: BTreeMap<u64, PullRequest>,
    pub(super) last_number: u64,
}

#[derive(Debug)]
struct Fault {
    method: String,
    path: String,
    status: u16,
    left: usize,
    after: bool,
}

#[derive(Debug)]
pub(super) struct State {
    last_id: u64,
    pub(super) webhook_url: Option<String>,
    pub(super) users: Vec<Actor>,
    pub(super) repos: Vec<Repo>,
    pub(super) installations: BTreeMap<String, u64>,
    pub(super) tokens: Vec<Token>,
    pub(super) deliveries: Vec<HookDelivery>,
    pub(super) calls: Vec<Call>,
    pub(super) grant_too_much: bool,
    faults: Vec<Fault>,
}

impl State {
    pub(super) fn new(webhook_url: Option<String>) -> Self {
        Self {
            // Numbers of different things do not collide, so that mixing them up shows.
            last_id: 1_000,
            webhook_url,
            users: Vec::new(),
            repos: Vec::new(),
            installations: BTreeMap::new(),
            tokens: Vec::new(),
            deliveries: Vec::new(),
            calls: Vec::new(),
            grant_too_much: false,
            faults: Vec::new(),
        }
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
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

    pub(super) fn issue_mut(&mut self, repo: u64, number: u64) -> Option<&mut Issue> {
        self.repo_mut(repo)?.issues.get_mut(&number)
    }

    /// The repository of that name, now or formerly.
    pub(super) fn repo_named(&self, owner: &str, name: &str) -> Option<&Repo> {
        let mine = |repo: &&Repo| repo.owner.eq_ignore_ascii_case(owner);
        let mut all = self.repos.iter().filter(mine);
        all.clone()
            .find(|repo| repo.name.eq_ignore_ascii_case(name))
            .or_else(|| all.find(|repo| repo.former.iter().any(|n| n.eq_ignore_ascii_case(name))))
    }

    pub(super) fn fail(&mut self, method: &str, path: &str, status: u16, left: usize, after: bool) {
        self.faults.push(Fault {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
            left,
            after,
        });
    }

    /// The fault that is due for this request, and whether it comes after the work.
    pub(super) fn fault(&mut self, method: &str, path: &str) -> Option<(u16, bool)> {
        let fault = self.faults.iter_mut().find(|fault| {
            fault.left > 0 && fault.method == method && path.starts_with(&fault.path)
        })?;
        fault.left -= 1;
        Some((fault.status, fault.after))
    }
}
