//! What the emulator knows.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ccc_core::vcs::Permission;
use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;

use crate::http::ReqwestHttp;

/// The number of the one installation there is: on every repository.
pub(super) const INSTALLATION: u64 = 77;
/// The App's name in addresses and logins.
pub(super) const SLUG: &str = "emulated-app";

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) base: String,
    pub(super) app_id: u64,
    pub(super) public_key: PublicKey,
    pub(super) webhook_secret: Secret,
    pub(super) data_dir: PathBuf,
    pub(super) http: ReqwestHttp,
    pub(super) state: Mutex<State>,
}

/// A key that verifies; prints nothing.
pub(super) struct PublicKey(pub(super) DecodingKey);

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey")
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn git_dir(&self, owner: &str, name: &str) -> PathBuf {
        self.data_dir.join(owner).join(format!("{name}.git"))
    }
}

/// The second that it is now: GitHub's times have no fractions.
pub(super) fn now() -> Timestamp {
    let now = SystemClock.now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// 36 characters that nobody can guess.
pub(super) fn random_text() -> String {
    let (a, b) = (uuid::Uuid::new_v4().simple().to_string(), uuid::Uuid::new_v4().simple().to_string());
    format!("{a}{}", &b[..4])
}

/// One request, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path, with the query of git requests.
    pub path: String,
    /// Who asked: `nobody`, `app`, `user LOGIN`, or `token N (REPOSITORY: POWERS)`.
    pub who: String,
    /// The answer.
    pub status: u16,
}

/// What goes wrong, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The method of the requests.
    pub method: String,
    /// What their paths begin with.
    pub path: String,
    /// What they are answered.
    pub status: u16,
    /// How many.
    pub count: usize,
}

/// An installation token, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// The repository that it is for, `OWNER/NAME`.
    pub repository: String,
    /// What it may do: `contents` to `read`, and so on.
    pub permissions: BTreeMap<String, String>,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl From<&Token> for TokenState {
    fn from(token: &Token) -> Self {
        Self {
            repository: token.repository.clone(),
            permissions: token.permissions.clone(),
            expires_at: token.expires_at,
            revoked: token.revoked,
        }
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDelivery {
    /// The number of the attempt.
    pub id: u64,
    /// The delivery's id, the same for every attempt.
    pub guid: String,
    /// The event, such as `issues`.
    pub event: String,
    /// What was done, such as `opened`.
    pub action: Option<String>,
    /// What the receiver answered; 0 when it could not be reached.
    pub status: u16,
    /// When.
    pub delivered_at: Timestamp,
    /// The body.
    pub body: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) webhook_url: Option<String>,
    pub(super) repositories: Vec<Repository>,
    pub(super) users: Vec<User>,
    pub(super) tokens: Vec<Token>,
    pub(super) calls: Vec<Call>,
    pub(super) faults: Vec<Fault>,
    pub(super) deliveries: Vec<HookDelivery>,
    next_id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
    pub(super) kind: &'static str,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) repository: String,
    pub(super) permissions: BTreeMap<String, String>,
    pub(super) expires_at: Timestamp,
    pub(super) revoked: bool,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) default_branch: String,
    pub(super) archived: bool,
    pub(super) permissions: HashMap<u64, Permission>,
    pub(super) issues: Vec<Issue>,
    pub(super) comments: Vec<Comment>,
    pub(super) pulls: Vec<Pull>,
    pub(super) reactions: Vec<(String, u64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: u64,
    pub(super) open: bool,
    pub(super) labels: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) issue: u64,
    pub(super) author: u64,
    pub(super) body: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) draft: bool,
    pub(super) author: u64,
    pub(super) created_at: Timestamp,
}

impl State {
    pub(super) fn new(webhook_url: Option<String>) -> Self {
        let mut state = Self { webhook_url, next_id: 1_000, ..Self::default() };
        state.user(&format!("{SLUG}[bot]"), "Bot");
        state
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The number of the account, which is made when there is none.
    pub(super) fn user(&mut self, login: &str, kind: &'static str) -> u64 {
        if let Some(user) = self.users.iter().find(|user| user.login.eq_ignore_ascii_case(login)) {
            return user.id;
        }
        let id = self.id();
        self.users.push(User { id, login: login.to_owned(), kind });
        id
    }

    pub(super) fn bot(&mut self) -> u64 {
        self.user(&format!("{SLUG}[bot]"), "Bot")
    }

    pub(super) fn user_by_id(&self, id: u64) -> User {
        self.users.iter().find(|user| user.id == id).cloned().unwrap_or(User {
            id: 10_137,
            login: "ghost".to_owned(),
            kind: "User",
        })
    }

    pub(super) fn repository(&mut self, owner: &str, name: &str) -> Result<&mut Repository> {
        self.repositories
            .iter_mut()
            .find(|r| r.owner.eq_ignore_ascii_case(owner) && r.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("there is no repository {owner}/{name}"))
            })
    }
}

impl Repository {
    /// Issues and pull requests share their numbers.
    pub(super) fn next_number(&self) -> u64 {
        (self.issues.len() + self.pulls.len()) as u64 + 1
    }

    pub(super) fn issue(&mut self, number: u64) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.number == number)
    }

    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}
