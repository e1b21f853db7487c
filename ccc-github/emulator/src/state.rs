//! The emulator's state, and the context that every route shares.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::{Actor, ActorKind};
use crate::app::App;
use crate::clock::{Clock, whole_seconds};
use crate::fault::Fault;
use crate::git::Git;
use crate::model::{Installation, Issue, IssueKey, Repo, Token};
use crate::rate_limit::Window;
use crate::records::{Call, HookDelivery};
use crate::webhook_client::WebhookClient;

/// Maximum number of recorded calls, and maximum number of recorded deliveries. Without this limit,
/// the memory use of an emulator would grow with every request.
const MAX_RECORDS: usize = 20_000;

/// The complete state of the emulator except the git repositories.
#[derive(Debug)]
pub(crate) struct State {
    last_id: u64,
    pub(crate) apps: Vec<App>,
    /// The manifest codes that were not yet exchanged for credentials, each with the ID of its
    /// GitHub App.
    pub(crate) codes: BTreeMap<String, u64>,
    pub(crate) users: Vec<Actor>,
    pub(crate) repos: Vec<Repo>,
    pub(crate) installations: Vec<Installation>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) deliveries: Vec<HookDelivery>,
    pub(crate) calls: VecDeque<Call>,
    /// The number of old calls that were removed from `calls`.
    forgotten: usize,
    pub(crate) faults: Vec<Fault>,
    pub(crate) windows: BTreeMap<String, Window>,
    /// Whether issued tokens also have a permission that was not requested.
    pub(crate) grant_too_much: bool,
}

impl State {
    pub(crate) fn new(app: App) -> Self {
        Self {
            // IDs are unique across all kinds of objects, so that a program that confuses two IDs
            // fails.
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

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Records a received request. Returns the number of the record, for
    /// [`record_answer`](Self::record_answer).
    pub(crate) fn record_call(&mut self, call: Call) -> usize {
        self.calls.push_back(call);
        if self.calls.len() > MAX_RECORDS {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        self.forgotten + self.calls.len() - 1
    }

    /// Records `status` as the status of the response to the call `number`.
    pub(crate) fn record_answer(&mut self, number: usize, status: u16) {
        let index = number.checked_sub(self.forgotten);
        if let Some(call) = index.and_then(|index| self.calls.get_mut(index)) {
            call.status = Some(status);
        }
    }

    /// Records an attempt to deliver a webhook. Removes the oldest record if there are more than
    /// [`MAX_RECORDS`] records.
    pub(crate) fn record_delivery(&mut self, delivery: HookDelivery) {
        self.deliveries.push(delivery);
        if self.deliveries.len() > MAX_RECORDS {
            self.deliveries.remove(0);
        }
    }

    pub(crate) fn app(&self, id: u64) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// Returns the account `login`. If the account does not exist, creates it with the kind `kind`.
    pub(crate) fn add_user(&mut self, login: &str, kind: ActorKind) -> Actor {
        if let Some(user) = self.user(login) {
            return user.clone();
        }
        let user = Actor { id: self.next_id(), login: login.to_owned(), kind };
        self.users.push(user.clone());
        user
    }

    pub(crate) fn user(&self, login: &str) -> Option<&Actor> {
        self.users.iter().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    pub(crate) fn repo(&self, id: u64) -> Option<&Repo> {
        self.repos.iter().find(|repo| repo.id == id)
    }

    pub(crate) fn repo_mut(&mut self, id: u64) -> Option<&mut Repo> {
        self.repos.iter_mut().find(|repo| repo.id == id)
    }

    pub(crate) fn issue(&self, key: IssueKey) -> Option<&Issue> {
        self.repo(key.repo)?.issues.get(&key.number)
    }

    pub(crate) fn issue_mut(&mut self, key: IssueKey) -> Option<&mut Issue> {
        self.repo_mut(key.repo)?.issues.get_mut(&key.number)
    }

    /// Returns the repository `owner/name`. If no repository has this name, returns the newest
    /// repository that had this name before a rename or a transfer.
    pub(crate) fn repo_named(&self, owner: &str, name: &str) -> Option<&Repo> {
        let former = format!("{owner}/{name}").to_ascii_lowercase();
        self.repos
            .iter()
            .find(|repo| repo.is_named(owner, name))
            .or_else(|| self.repos.iter().rev().find(|repo| repo.former.contains(&former)))
    }

    pub(crate) fn installation(&self, id: u64) -> Option<&Installation> {
        self.installations.iter().find(|installation| installation.id == id)
    }

    pub(crate) fn installation_mut(&mut self, id: u64) -> Option<&mut Installation> {
        self.installations.iter_mut().find(|installation| installation.id == id)
    }

    /// Returns the installation that the GitHub App with the ID `app` has on the account `account`.
    pub(crate) fn installed_on(&self, app: u64, account: &str) -> Option<&Installation> {
        self.installations
            .iter()
            .find(|found| found.app == app && found.account.eq_ignore_ascii_case(account))
    }

    /// Returns the installation that belongs to the GitHub App with the ID `app` and includes the
    /// repository `repo`.
    pub(crate) fn installed_at(&self, app: u64, repo: &Repo) -> Option<&Installation> {
        self.installed_on(app, &repo.owner)
            .filter(|found| !found.excluded_repositories.contains(&repo.id))
    }

    /// Installs the GitHub App with the ID `app` on the account `account`, if the App is not yet
    /// installed on this account. Returns the ID of the new or existing installation.
    pub(crate) fn install(&mut self, app: u64, account: &str, now: Timestamp) -> u64 {
        if let Some(found) = self.installed_on(app, account) {
            return found.id;
        }
        let id = self.next_id();
        self.installations.push(Installation {
            id,
            app,
            account: account.to_owned(),
            excluded_repositories: BTreeSet::new(),
            suspended_at: None,
            created_at: now,
        });
        id
    }

    /// Removes the installation `id` and revokes the tokens of this installation.
    pub(crate) fn uninstall(&mut self, id: u64) {
        self.installations.retain(|installation| installation.id != id);
        for token in &mut self.tokens {
            token.info.revoked |= token.info.installation == id;
        }
    }
}

/// The characters that are percent-encoded in URLs, because a URL cannot contain them. `?`, `#` and
/// `%` are not encoded, because they have a meaning in URLs.
const NOT_IN_URLS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'\\');

/// The state, the configuration and the tasks of an emulator. All routes share this value.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The ID of the first GitHub App. The methods of [`Emulator`](crate::Emulator) act on this
    /// App.
    pub(crate) app_id: u64,
    pub(crate) base_url: String,
    /// The address and port that the emulator listens on.
    pub(crate) host: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) rate_limit: u64,
    pub(crate) webhook_client: WebhookClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    pub(crate) state: Mutex<State>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// Locks the emulator's state, and returns the guard.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current time in whole seconds, the precision of dates in GitHub's API.
    pub(crate) fn now(&self) -> Timestamp {
        whole_seconds(self.clock.now())
    }

    /// Returns the bare git repository of the emulated repository with the ID `repo`.
    pub(crate) fn git(&self, repo: u64) -> Git {
        Git::new(&self.data_dir, repo)
    }

    /// Returns the URL of `path`, which is a path of the REST API, such as `/app`.
    pub(crate) fn api(&self, path: &str) -> String {
        format!("{}{}", self.base_url, utf8_percent_encode(path, NOT_IN_URLS))
    }

    /// Returns the URL of `path`, which is the path of a page, such as `/octo/hello`.
    pub(crate) fn web(&self, path: &str) -> String {
        format!("{}{}", self.base_url, utf8_percent_encode(path, NOT_IN_URLS))
    }
}
