//! Installation tokens: one repository and one power each, minted when needed, revoked when done
//! (GitHub docs, "Generating an installation access token for a GitHub App"; spec: G1a–G2c, G4).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result, Secret};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::client::{Call, Client};
use crate::endpoints::Endpoints;
use crate::fault::Fault;
use crate::jwt::{AppKey, app_jwt};

mod mint;

/// The least time that a token must still be good for, whoever asks (spec: G1b).
const MARGIN: Duration = Duration::from_secs(300);

/// A token as GitHub gave it.
#[derive(Debug)]
struct Token {
    secret: Secret,
    /// By GitHub's clock.
    expires_at: Timestamp,
    /// How many [`Tokens::lease`] calls have it and have not given it back.
    leases: usize,
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
    attempts: std::sync::atomic::AtomicU64,
}

type Key = (u64, Grant);

/// Mints, caches, counts and revokes.
#[derive(Debug)]
pub(crate) struct Tokens {
    app_id: u64,
    key: AppKey,
    pub(crate) client: Client,
    pub(crate) endpoints: Endpoints,
    installations: Mutex<HashMap<u64, u64>>,
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
            entries: Mutex::default(),
            owners: Mutex::default(),
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
        let (secret, expires_at) = self.get(repo, grant, min_ttl.max(MARGIN), 1).await?;
        Ok((secret, self.client.to_local(expires_at)))
    }

    /// Calls with a token of our own: the cached one if there is one. A token that GitHub no longer
    /// takes is replaced once (spec: G2a).
    pub(crate) async fn send(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: &Call,
    ) -> Result<http::Response<bytes::Bytes>, Fault> {
        let (token, _) = self.get(repo, grant, MARGIN, 0).await?;
        match self.client.send(call, &token).await {
            Err(fault) if fault.status() == Some(StatusCode::UNAUTHORIZED) => {
                self.evict((repo.id, grant), &token).await;
                let (token, _) = self.get(repo, grant, MARGIN, 0).await?;
                self.client.send(call, &token).await
            }
            answer => answer,
        }
    }

    /// Calls as the App itself. Once more when the first answer showed that our clock is off
    /// (spec: G3).
    pub(crate) async fn send_as_app(
        &self,
        call: &Call,
    ) -> Result<http::Response<bytes::Bytes>, Fault> {
        let mut skew = self.client.skew();
        loop {
            let jwt = app_jwt(self.app_id, &self.key, self.client.now())?;
            let answer = self.client.send(call, &jwt).await;
            let refused =
                matches!(&answer, Err(fault) if fault.status() == Some(StatusCode::UNAUTHORIZED));
            let learned = self.client.skew();
            if refused && (learned - skew).abs() > SignedDuration::from_secs(30) {
                skew = learned;
                continue;
            }
            if refused {
                let line = format!(
                    "GitHub does not accept the App's JWT: is app id {} the one of this private key, \
                     and is the clock right? ({})",
                    self.app_id,
                    answer.err().map(|fault| fault.to_string()).unwrap_or_default()
                );
                return Err(Error::new(ErrorKind::Unauthenticated, line).into());
            }
            return answer;
        }
    }

    /// Calls for something public that belongs to no repository: as nobody, which is enough for the
    /// few such calls that there are. Where GitHub wants to know who asks (a private Enterprise
    /// Server, an address whose hour is used up), with a token that can read metadata and nothing else,
    /// revoked at once.
    pub(crate) async fn send_anywhere(
        &self,
        call: &Call,
    ) -> Result<http::Response<bytes::Bytes>, Fault> {
        let refused =
            [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
        match self.client.send_with(call, None).await {
            Err(fault) if fault.status().is_some_and(|status| refused.contains(&status)) => {}
            answer => return answer,
        }
        let Some(token) = self.powerless().await? else {
            return self.client.send_with(call, None).await;
        };
        let answer = self.client.send(call, &token).await;
        if let Err(error) = self.revoke(&token).await {
            tracing::warn!(%error, "a token could not be revoked; it expires within the hour");
        }
        answer
    }

    async fn get(
        &self,
        repo: &RepoRef,
        grant: Grant,
        min_ttl: Duration,
        leases: usize,
    ) -> Result<(Secret, Timestamp)> {
        use std::sync::atomic::Ordering;
        let key = (repo.id, grant);
        let entry = Arc::clone(lock(&self.entries).entry(key).or_default());
        let seen = entry.attempts.load(Ordering::Acquire);
        let mut slot = entry.slot.lock().await;
        if let Some(token) = slot.tokens.last_mut()
            && self.lasts(token.expires_at, min_ttl)
        {
            token.leases += leases;
            return Ok((token.secret.clone(), token.expires_at));
        }
        if let Some((attempt, kind, line, wait)) = &slot.failure
            && *attempt > seen
        {
            let error = Error::new(*kind, line.clone());
            return Err(wait.iter().fold(error, |error, wait| error.with_retry_after(*wait)));
        }
        let minted = self.mint(repo, grant).await;
        let attempt = entry.attempts.fetch_add(1, Ordering::AcqRel) + 1;
        let (secret, expires_at) = match minted {
            Ok(token) => token,
            Err(error) => {
                let line = error.message().to_owned();
                slot.failure = Some((attempt, error.kind(), line, error.retry_after()));
                return Err(error);
            }
        };
        slot.failure = None;
        lock(&self.owners).insert(digest(&secret), key);
        slot.tokens.push(Token { secret: secret.clone(), expires_at, leases: 0 });
        self.drop_idle(&mut slot, 1).await;
        if !self.lasts(expires_at, min_ttl) {
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
        if let Some(token) = slot.tokens.last_mut() {
            token.leases += leases;
        }
        Ok((secret, expires_at))
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
                idle.push(token.secret.clone());
            }
            kept
        });
        for secret in idle {
            lock(&self.owners).remove(&digest(&secret));
            if let Err(error) = self.revoke(&secret).await {
                tracing::warn!(%error, "a token could not be revoked; it expires within the hour");
            }
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
            return self.revoke(secret).await.map_err(Error::from);
        };
        let entry = Arc::clone(lock(&self.entries).entry(key).or_default());
        {
            let mut slot = entry.slot.lock().await;
            let Some(at) = slot.tokens.iter().position(|token| digest(&token.secret) == id) else {
                return Ok(());
            };
            slot.tokens[at].leases = slot.tokens[at].leases.saturating_sub(1);
            if slot.tokens[at].leases > 0 {
                return Ok(());
            }
            slot.tokens.remove(at);
            lock(&self.owners).remove(&id);
        }
        let revoked = self.revoke(secret).await.map_err(Error::from);
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
    async fn revoke(&self, secret: &Secret) -> Result<(), Fault> {
        let url = self.endpoints.api(&["installation", "token"]);
        match self.client.send(&Call::new(Method::DELETE, url), secret).await {
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
