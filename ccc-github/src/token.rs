//! Installation tokens: one repository and one power each, minted when needed, revoked when done
//! (GitHub docs, "Generating an installation access token for a GitHub App"; spec: G1a–G2c, G4).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result, Secret};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::client::{Call, Client, Identity};
use crate::endpoints::Endpoints;
use crate::fault::Fault;
use crate::jwt::AppKey;
use crate::pace::Who;

mod mint;
mod send;

/// The least time that a token must still be good for, whoever asks (spec: G1b).
const MARGIN: Duration = Duration::from_secs(300);

/// A token as GitHub gave it.
#[derive(Clone, Debug)]
struct Token {
    secret: Secret,
    /// By GitHub's clock.
    expires_at: Timestamp,
    minted_at: Timestamp,
    installation: u64,
    /// How many [`Tokens::lease`] calls have it and have not given it back.
    leases: usize,
}

impl Token {
    fn identity(&self, repo: u64) -> Identity<'_> {
        let who = Who::Installation(self.installation);
        Identity { who, token: Some(&self.secret), repo: Some(repo) }
    }
}

/// The tokens of one repository and grant. At most one is handed out; the others wait for the last
/// of their leases.
#[derive(Debug, Default)]
struct Slot {
    tokens: Vec<Token>,
    /// The failure that ended attempt number `.0`, for those who waited for that attempt.
    failure: Option<(u64, ErrorKind, String, Option<Duration>)>,
}

/// A slot, and how many mints for it have ended.
#[derive(Debug, Default)]
struct Entry {
    slot: tokio::sync::Mutex<Slot>,
    attempts: AtomicU64,
}

type Key = (u64, Grant);

/// Mints, caches, counts and revokes. One of these is one App on one host, and so is its cache: tokens
/// of another App or host cannot get into it.
#[derive(Debug)]
pub(crate) struct Tokens {
    app_id: u64,
    key: AppKey,
    pub(crate) client: Client,
    pub(crate) endpoints: Endpoints,
    /// The App's installation on each repository, as far as it is known. A token of another one is
    /// not used.
    installations: Mutex<HashMap<u64, u64>>,
    /// What repositories are called now, where that is not what their events say.
    names: Mutex<HashMap<u64, (String, String)>>,
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
    /// Which slot a token is in, by its SHA-256: what is given back names no repository.
    owners: Mutex<HashMap<[u8; 32], Key>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section leaves the maps whole, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn digest(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

impl Tokens {
    pub(crate) fn new(app_id: u64, key: AppKey, client: Client, endpoints: Endpoints) -> Self {
        Self {
            app_id,
            key,
            client,
            endpoints,
            installations: Mutex::default(),
            names: Mutex::default(),
            entries: Mutex::default(),
            owners: Mutex::default(),
        }
    }

    /// The repository under the name that it has now, as far as we heard.
    pub(crate) fn current(&self, repo: &RepoRef) -> RepoRef {
        let mut repo = repo.clone();
        if let Some((owner, name)) = lock(&self.names).get(&repo.id) {
            owner.clone_into(&mut repo.owner);
            name.clone_into(&mut repo.name);
        }
        repo
    }

    /// That the repository is called so by now. Redirects may end, and its old name may be taken.
    pub(crate) fn learn_name(&self, asked: &RepoRef, owner: &str, name: &str) {
        let mut names = lock(&self.names);
        if (asked.owner.as_str(), asked.name.as_str()) == (owner, name) {
            names.remove(&asked.id);
        } else {
            names.insert(asked.id, (owner.to_owned(), name.to_owned()));
        }
    }

    /// A token for somebody else to hold until [`release`](Self::release), and when it expires by our
    /// clock.
    pub(crate) async fn lease(
        &self,
        repo: &RepoRef,
        grant: Grant,
        min_ttl: Duration,
    ) -> Result<(Secret, Timestamp)> {
        let token = self.get(repo, grant, min_ttl.max(MARGIN), 1).await?;
        Ok((token.secret, self.client.to_local(token.expires_at)))
    }

    async fn get(
        &self,
        repo: &RepoRef,
        grant: Grant,
        min_ttl: Duration,
        leases: usize,
    ) -> Result<Token> {
        let key = (repo.id, grant);
        let entry = Arc::clone(lock(&self.entries).entry(key).or_default());
        let seen = entry.attempts.load(Ordering::Acquire);
        let mut slot = entry.slot.lock().await;
        if let Some(token) = slot.tokens.last_mut()
            && self.is_current(repo, token)
            && self.lasts(token.expires_at, min_ttl)
        {
            token.leases += leases;
            return Ok(token.clone());
        }
        if let Some((attempt, kind, line, wait)) = &slot.failure
            && *attempt > seen
        {
            let error = Error::new(*kind, line.clone());
            return Err(wait.iter().fold(error, |error, wait| error.with_retry_after(*wait)));
        }
        let minted = self.mint(repo, grant).await;
        let attempt = entry.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let mut token = match minted {
            Ok(token) => token,
            Err(error) => {
                let line = error.message().to_owned();
                slot.failure = Some((attempt, error.kind(), line, error.retry_after()));
                return Err(error);
            }
        };
        slot.failure = None;
        lock(&self.owners).insert(digest(&token.secret), key);
        slot.tokens.push(token.clone());
        self.drop_idle(&mut slot, 1).await;
        if !self.lasts(token.expires_at, min_ttl) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a token good for {} s was asked for, and GitHub's live an hour: ask again later \
                     in the run",
                    min_ttl.as_secs()
                ),
            ));
        }
        // Last, so that a caller who gave up on the way holds nothing.
        if let Some(kept) = slot.tokens.last_mut() {
            kept.leases += leases;
            token = kept.clone();
        }
        Ok(token)
    }

    /// Whether the token is of the App's present installation, as far as we know it.
    fn is_current(&self, repo: &RepoRef, token: &Token) -> bool {
        lock(&self.installations).get(&repo.id).is_none_or(|id| *id == token.installation)
    }

    fn lasts(&self, expires_at: Timestamp, min_ttl: Duration) -> bool {
        SignedDuration::try_from(min_ttl)
            .ok()
            .and_then(|ttl| self.client.now().checked_add(ttl).ok())
            .is_some_and(|until| until <= expires_at)
    }

    /// Revokes every token of the slot that nobody holds, but for the newest `keep`. What cannot be
    /// revoked now expires within the hour.
    async fn drop_idle(&self, slot: &mut Slot, keep: usize) {
        let first_kept = slot.tokens.len().saturating_sub(keep);
        let mut index = 0;
        let mut idle = Vec::new();
        slot.tokens.retain(|token| {
            index += 1;
            let kept = token.leases > 0 || index > first_kept;
            if !kept {
                idle.push(token.clone());
            }
            kept
        });
        for token in idle {
            lock(&self.owners).remove(&digest(&token.secret));
            self.revoke_or_say(&token.secret, Who::Installation(token.installation)).await;
        }
    }

    /// Forgets a token that GitHub refused.
    async fn evict(&self, key: Key, secret: &Secret) {
        let entry = lock(&self.entries).get(&key).map(Arc::clone);
        if let Some(entry) = entry {
            let gone = digest(secret);
            let mut slot = entry.slot.lock().await;
            slot.tokens.retain(|token| digest(&token.secret) != gone);
            lock(&self.owners).remove(&gone);
        }
    }

    /// Gives a leased token back. Revokes it when nobody else holds it; when nobody holds any token
    /// of that repository any more, the ones that our own calls left behind go as well.
    pub(crate) async fn release(&self, secret: &Secret) -> Result<()> {
        let id = digest(secret);
        let key = lock(&self.owners).get(&id).copied();
        let Some(key) = key else {
            // Given back before, and revoking failed then; or not ours at all.
            return self.revoke(secret, Who::Nobody).await.map_err(Error::from);
        };
        let entry = Arc::clone(lock(&self.entries).entry(key).or_default());
        let who = {
            let mut slot = entry.slot.lock().await;
            let Some(at) = slot.tokens.iter().position(|token| digest(&token.secret) == id) else {
                return Ok(());
            };
            slot.tokens[at].leases = slot.tokens[at].leases.saturating_sub(1);
            if slot.tokens[at].leases > 0 {
                return Ok(());
            }
            lock(&self.owners).remove(&id);
            Who::Installation(slot.tokens.remove(at).installation)
        };
        let revoked = self.revoke(secret, who).await.map_err(Error::from);
        self.sweep(key.0).await;
        revoked
    }

    /// Revokes all tokens of a repository, unless somebody holds one of them.
    async fn sweep(&self, repo: u64) {
        let entries: Vec<_> = [Grant::Read, Grant::Discuss, Grant::Publish]
            .iter()
            .filter_map(|grant| lock(&self.entries).get(&(repo, *grant)).map(Arc::clone))
            .collect();
        for entry in &entries {
            // A slot that is busy is in use: its user's release sweeps.
            match entry.slot.try_lock() {
                Ok(slot) if slot.tokens.iter().all(|token| token.leases == 0) => {}
                _ => return,
            }
        }
        for entry in &entries {
            if let Ok(mut slot) = entry.slot.try_lock() {
                self.drop_idle(&mut slot, 0).await;
            }
        }
    }

    /// `DELETE /installation/token`; a token that is not valid any more is revoked enough.
    async fn revoke(&self, secret: &Secret, who: Who) -> Result<(), Fault> {
        let url = self.endpoints.api(&["installation", "token"]);
        let call = Call::new(Method::DELETE, url).unpaced();
        let identity = Identity { who, token: Some(secret), repo: None };
        match self.client.send(&call, identity).await {
            Ok(_) => Ok(()),
            Err(fault)
                if matches!(
                    fault.status(),
                    Some(StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND)
                ) =>
            {
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    async fn revoke_or_say(&self, secret: &Secret, who: Who) {
        if let Err(error) = self.revoke(secret, who).await {
            tracing::warn!(%error, "a token could not be revoked; it expires within the hour");
        }
    }
}

/// What each grant asks GitHub for (GitHub docs, "Permissions required for GitHub Apps").
fn permissions(grant: Grant) -> BTreeMap<&'static str, &'static str> {
    let power: &[(&str, &str)] = match grant {
        Grant::Read => &[("contents", "read"), ("issues", "read")],
        Grant::Discuss => &[("issues", "write")],
        Grant::Publish => &[("contents", "write"), ("pull_requests", "write")],
    };
    power.iter().copied().chain([("metadata", "read")]).collect()
}
