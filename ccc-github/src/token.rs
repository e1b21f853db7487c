//! Installation tokens: one repository and one power each, minted when needed, revoked when done
//! (GitHub docs, "Generating an installation access token for a GitHub App"; spec: G1a–G2c, G4).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result, Secret};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::client::{ApiError, Authorization, Call, Caller, Client};
use crate::endpoints::Endpoints;

mod app;
mod end;
mod kept;
mod mint;
mod send;

pub(crate) use app::Us;
pub(crate) use kept::Kept;

/// The least time that a token must still be good for, whoever asks (spec: G1b).
const MARGIN: Duration = Duration::from_secs(300);

/// A token as GitHub gave it.
#[derive(Clone, Debug)]
struct Token {
    secret: Secret,
    /// By GitHub's clock.
    expires_at: Timestamp,
    minted_at: Timestamp,
    /// The App that it is of.
    app: u64,
    installation: u64,
    /// GitHub did not take it: it is not handed out any more.
    refused: bool,
    /// How many [`Tokens::lease`] calls have it and have not given it back.
    leases: usize,
}

impl Token {
    fn identity(&self, repo: u64) -> Authorization<'_> {
        let caller = Caller::Installation(self.installation);
        Authorization { caller, token: Some(&self.secret), repo: Some(repo) }
    }
}

/// A failed mint: the number of the attempt, and what there is to say.
type Failure = (u64, ErrorKind, String, Option<Duration>);

/// The tokens of one repository and grant. At most one is handed out; the others wait for the last
/// of their leases.
#[derive(Debug, Default)]
struct Entry {
    tokens: Mutex<Vec<Token>>,
    /// Held while one mints, with the failure that ended the last attempt, for those who waited for it.
    minting: tokio::sync::Mutex<Option<Failure>>,
    /// How many mints have ended.
    attempts: AtomicU64,
    /// Held while they are written to the store: what is written last is what there is.
    keeping: tokio::sync::Mutex<()>,
}

impl Entry {
    /// One lease less.
    fn give_back(&self, id: &[u8; 32]) {
        let mut tokens = lock(&self.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == *id) {
            token.leases = token.leases.saturating_sub(1);
        }
    }

    /// Puts a new one in, and takes those out that ended: they are nobody's any more, also when their holders never
    /// gave them back.
    fn add(&self, token: Token, now: Timestamp) -> Vec<Token> {
        let mut tokens = lock(&self.tokens);
        let ended = tokens.extract_if(.., |token| token.expires_at <= now).collect();
        tokens.push(token);
        ended
    }

    /// Takes the token out, unless somebody holds it: in one step, so that nobody gets it meanwhile.
    fn take_idle(&self, id: &[u8; 32]) -> Option<Token> {
        let mut tokens = lock(&self.tokens);
        let idle = |token: &Token| token.leases == 0 && digest(&token.secret) == *id;
        let at = tokens.iter().position(idle)?;
        Some(tokens.remove(at))
    }
}

/// A lease that ends by itself: for a call of our own, so that nobody revokes its token meanwhile.
struct Held {
    entry: Arc<Entry>,
    token: Token,
    handed_out: bool,
}

impl Held {
    fn new(entry: &Arc<Entry>, token: Token) -> Self {
        Self { entry: Arc::clone(entry), token, handed_out: false }
    }

    /// Somebody else gives it back from now on.
    fn hand_out(mut self) -> Token {
        self.handed_out = true;
        self.token.clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.handed_out {
            self.entry.give_back(&digest(&self.token.secret));
        }
    }
}

type Key = (u64, Grant);

/// Mints, caches, counts and revokes. One of these is one App at a time on one host: tokens of another
/// App are not handed out, and those of another host cannot get into its cache.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// None until somebody says who we are.
    us: RwLock<Option<Arc<Us>>>,
    pub(crate) client: Client,
    pub(crate) endpoints: Endpoints,
    kept: Option<Kept>,
    /// What repositories are called now, where that is not what their events say.
    names: Mutex<HashMap<u64, (String, String)>>,
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
    /// Which entry a token is in, by its SHA-256: what is given back names no repository.
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
    pub(crate) fn new(client: Client, endpoints: Endpoints, kept: Option<Kept>) -> Self {
        Self {
            us: RwLock::default(),
            client,
            endpoints,
            kept,
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
        let token = self.get(repo, grant, min_ttl.max(MARGIN)).await?.hand_out();
        Ok((token.secret, self.client.to_local(token.expires_at)))
    }

    /// A token for a call of our own, until what comes back is dropped.
    async fn hold(&self, repo: &RepoRef, grant: Grant) -> Result<Held> {
        self.get(repo, grant, MARGIN).await
    }

    fn entry(&self, key: Key) -> Arc<Entry> {
        Arc::clone(lock(&self.entries).entry(key).or_default())
    }

    /// The cached token, leased once more, if it will do.
    fn cached(&self, entry: &Arc<Entry>, repo: &RepoRef, min_ttl: Duration) -> Option<Held> {
        let mut tokens = lock(&entry.tokens);
        let token = tokens.last_mut()?;
        if token.refused || !self.is_current(repo, token) || !self.lasts(token.expires_at, min_ttl)
        {
            return None;
        }
        token.leases += 1;
        Some(Held::new(entry, token.clone()))
    }

    async fn get(&self, repo: &RepoRef, grant: Grant, min_ttl: Duration) -> Result<Held> {
        let key = (repo.id, grant);
        let entry = self.entry(key);
        let seen = entry.attempts.load(Ordering::Acquire);
        if let Some(held) = self.cached(&entry, repo, min_ttl) {
            return Ok(held);
        }
        let mut failure = entry.minting.lock().await;
        if let Some(held) = self.cached(&entry, repo, min_ttl) {
            return Ok(held);
        }
        if let Some((attempt, kind, line, wait)) = &*failure
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
                *failure = Some((attempt, error.kind(), line, error.retry_after()));
                return Err(error);
            }
        };
        *failure = None;
        drop(failure);
        let lasts = self.lasts(token.expires_at, min_ttl);
        token.leases = usize::from(lasts);
        lock(&self.owners).insert(digest(&token.secret), key);
        let now = self.client.now();
        for ended in entry.add(token.clone(), now) {
            lock(&self.owners).remove(&digest(&ended.secret));
        }
        // Before anything is waited for: who is dropped meanwhile gives it back.
        let held = lasts.then(|| Held::new(&entry, token.clone()));
        self.keep(key, &entry, kept::BEFORE_USE).await;
        if let Some(held) = held {
            return Ok(held);
        }
        if token.expires_at <= now {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "GitHub gave a token that had ended already: is its clock right, or the API URL?",
            ));
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "a token good for {} s was asked for, and GitHub's live an hour: ask again later in \
                 the run",
                min_ttl.as_secs()
            ),
        ))
    }

    /// Whether the token is of the App that we are, and of its present installation as far as we know it.
    fn is_current(&self, repo: &RepoRef, token: &Token) -> bool {
        let current = |id: &u64| *id == token.installation;
        self.us().is_ok_and(|us| {
            us.app_id == token.app && lock(&us.installations).get(&repo.id).is_none_or(current)
        })
    }

    fn lasts(&self, expires_at: Timestamp, min_ttl: Duration) -> bool {
        SignedDuration::try_from(min_ttl)
            .ok()
            .and_then(|ttl| self.client.now().checked_add(ttl).ok())
            .is_some_and(|until| until <= expires_at)
    }

    /// Hands a token out no more that GitHub refused. Whoever holds it gives it back all the same.
    fn refuse(entry: &Entry, secret: &Secret) {
        let id = digest(secret);
        let mut tokens = lock(&entry.tokens);
        if let Some(token) = tokens.iter_mut().find(|token| digest(&token.secret) == id) {
            token.refused = true;
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
