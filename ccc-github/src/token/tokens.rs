//! The state of all installation tokens on one GitHub host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::Result;
use ccc_core::event::RepoRef;
use jiff::{SignedDuration, Timestamp};

use crate::app_key::AppKey;
use crate::client::Client;
use crate::endpoints::Endpoints;
use crate::token::cache::{Entry, Key, Token, TokenId, lock};
use crate::token::identity::{AppIdentity, CurrentApp};
use crate::token::ledger::TokenLedger;

/// The installation tokens on one GitHub host. Only tokens of the current GitHub App are leased.
/// The cache never contains a token of another host.
#[derive(Debug)]
pub(crate) struct Tokens {
    app: CurrentApp,
    pub(crate) client: Client,
    pub(crate) endpoints: Endpoints,
    pub(super) ledger: Option<TokenLedger>,
    /// The current owner and name of each repository that is known to be renamed, by repository id.
    names: Mutex<HashMap<u64, (String, String)>>,
    pub(super) entries: Mutex<HashMap<Key, Arc<Entry>>>,
    /// The cache key of each token, by the token's id. [`release`](Self::release) uses the cache
    /// key to find the cache entry of a token.
    pub(super) keys_by_token: Mutex<HashMap<TokenId, Key>>,
}

impl Tokens {
    pub(crate) fn new(client: Client, endpoints: Endpoints, ledger: Option<TokenLedger>) -> Self {
        Self {
            app: CurrentApp::default(),
            client,
            endpoints,
            ledger,
            names: Mutex::default(),
            entries: Mutex::default(),
            keys_by_token: Mutex::default(),
        }
    }

    /// Replaces the current GitHub App by the App with the id and the key in `app`. The next call
    /// uses the new App. `None` removes the App.
    pub(crate) fn use_app(&self, app: Option<(u64, AppKey)>) {
        self.app.set(app);
    }

    /// Returns the current GitHub App.
    ///
    /// # Errors
    /// [`Unauthenticated`](ccc_core::ErrorKind::Unauthenticated) if no App is set.
    pub(crate) fn app(&self) -> Result<Arc<AppIdentity>> {
        self.app.get()
    }

    /// Returns `repo` with its current owner and name. The result differs from `repo` only if the
    /// repository is known to be renamed.
    pub(crate) fn current(&self, repo: &RepoRef) -> RepoRef {
        let mut repo = repo.clone();
        if let Some((owner, name)) = lock(&self.names).get(&repo.id) {
            owner.clone_into(&mut repo.owner);
            name.clone_into(&mut repo.name);
        }
        repo
    }

    /// Stores `owner` and `name` as the current owner and name of the repository `repo`. Later
    /// calls use the current name, because GitHub redirects from a former name only until another
    /// repository gets that name.
    pub(crate) fn learn_name(&self, repo: &RepoRef, owner: &str, name: &str) {
        let mut names = lock(&self.names);
        if (repo.owner.as_str(), repo.name.as_str()) == (owner, name) {
            names.remove(&repo.id);
        } else {
            names.insert(repo.id, (owner.to_owned(), name.to_owned()));
        }
    }

    /// Returns the cache entry of `key`. Creates the entry if it is missing.
    pub(super) fn entry(&self, key: Key) -> Arc<Entry> {
        Arc::clone(lock(&self.entries).entry(key).or_default())
    }

    /// Returns whether `token` belongs to the current GitHub App and to the App's current
    /// installation on `repo`. If the current installation is unknown, every installation counts as
    /// current.
    pub(super) fn is_current(&self, repo: &RepoRef, token: &Token) -> bool {
        let current = |id: &u64| *id == token.installation;
        self.app().is_ok_and(|app| {
            app.app_id == token.app_id && lock(&app.installations).get(&repo.id).is_none_or(current)
        })
    }

    /// Returns whether a token that expires at `expires_at`, by GitHub's clock, is still valid for
    /// at least `min_ttl`.
    pub(super) fn lasts(&self, expires_at: Timestamp, min_ttl: Duration) -> bool {
        SignedDuration::try_from(min_ttl)
            .ok()
            .and_then(|ttl| self.client.now().checked_add(ttl).ok())
            .is_some_and(|until| until <= expires_at)
    }

    /// Writes the tokens of `entry` to the token ledger, if one is configured. Waits at most
    /// `within` for the credential store.
    pub(super) async fn record(&self, key: Key, entry: &Entry, within: Duration) {
        if let Some(ledger) = &self.ledger {
            ledger.record(key, entry, self.client.sleep(within)).await;
        }
    }
}
