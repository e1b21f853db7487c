//! Tokens that are not revoked yet, in a credential store: so that one that a killed process held is found again.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore};
use futures_util::future::{Either, select};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::*;

/// How long somebody waits who wants to use a token until it is written down.
pub(super) const BEFORE_USE: Duration = Duration::from_secs(2);
/// The same for what was revoked, which nobody waits to use, and the next process must not.
pub(super) const AFTER_USE: Duration = Duration::from_secs(10);
/// How long past their time the tokens of another holder are before somebody forgets them: clocks differ.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// One holder's records, `github/HOST/tokens/HOLDER/REPOSITORY/GRANT`: as many as there are repositories and
/// grants, however many tokens there were.
pub(crate) struct Kept {
    store: Arc<dyn CredentialStore>,
    /// How the names of all holders' records begin.
    everybody: String,
    /// How the names of ours begin.
    prefix: String,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({})", self.prefix)
    }
}

/// A token as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    token: Zeroizing<String>,
    expires_at: Timestamp,
    minted_at: Timestamp,
    app_id: u64,
    installation_id: u64,
}

impl Row {
    fn of(token: &Token) -> Result<Self> {
        Ok(Self {
            token: token.secret.expose_str()?.to_owned().into(),
            expires_at: token.expires_at,
            minted_at: token.minted_at,
            app_id: token.app,
            installation_id: token.installation,
        })
    }

    fn token(&self) -> Token {
        Token {
            secret: Secret::from(self.token.as_str()),
            expires_at: self.expires_at,
            minted_at: self.minted_at,
            app: self.app_id,
            installation: self.installation_id,
            refused: false,
            leases: 0,
        }
    }
}

const GRANTS: [(Grant, &str); 3] =
    [(Grant::Read, "read"), (Grant::Discuss, "discuss"), (Grant::Publish, "publish")];

impl Kept {
    pub(crate) fn new(store: Arc<dyn CredentialStore>, host: &str, holder: &str) -> Result<Self> {
        let everybody = format!("{}tokens/", crate::secret_record::prefix(host));
        let kept = Self { store, prefix: format!("{everybody}{holder}/"), everybody };
        // Said now, and not with the first token.
        kept.name((u64::MAX, Grant::Publish))?;
        Ok(kept)
    }

    fn name(&self, (repo, grant): Key) -> Result<CredentialKey> {
        let grant = GRANTS.iter().find(|(known, _)| *known == grant).map_or("", |(_, name)| name);
        CredentialKey::new(format!("{}{repo}/{grant}", self.prefix))
    }

    fn key(&self, name: &CredentialKey) -> Option<Key> {
        let (repo, grant) = name.as_str().strip_prefix(&self.prefix)?.split_once('/')?;
        let (grant, _) = GRANTS.iter().find(|(_, known)| *known == grant)?;
        Some((repo.parse().ok()?, *grant))
    }

    async fn read(&self, name: &CredentialKey) -> Result<Vec<Row>> {
        let Some(stored) = self.store.get(name).await? else { return Ok(Vec::new()) };
        serde_json::from_slice(stored.secret.expose()).map_err(|_| {
            let line = format!("the credential `{name}` is not what is kept of tokens");
            Error::new(ErrorKind::Corrupt, line)
        })
    }

    /// Removes what holders who did not come back have left, once it is long past its time.
    async fn forget_others(&self, names: &[CredentialKey], now: Timestamp) -> Result<()> {
        let gone = |row: &Row| now.duration_since(row.expires_at) > FORGOTTEN_AFTER;
        let others = |name: &&CredentialKey| {
            name.as_str().starts_with(&self.everybody) && self.key(name).is_none()
        };
        for name in names.iter().filter(others) {
            match self.read(name).await {
                Ok(rows) if rows.iter().all(gone) => self.store.delete(name).await?,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                // A store that does not answer is not asked for each of them.
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn write(&self, key: Key, tokens: &[Token]) -> Result<()> {
        let name = self.name(key)?;
        if tokens.is_empty() {
            return self.store.delete(&name).await;
        }
        let rows: Vec<Row> = tokens.iter().map(Row::of).collect::<Result<_>>()?;
        let text = serde_json::to_vec(&rows).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "tokens that are no JSON").with_source(e)
        })?;
        self.store.put(&name, &Secret::new(text), Precondition::None).await.map(drop)
    }
}

impl Tokens {
    /// Writes down what there is. A store that fails, or does not answer, is said and keeps nobody from working: what
    /// it would have been good for is a crash.
    pub(super) async fn keep(&self, key: Key, entry: &Entry, within: Duration) {
        let Some(kept) = &self.kept else { return };
        let written = Box::pin(async {
            let _one_by_one = entry.keeping.lock().await;
            let tokens = lock(&entry.tokens).clone();
            kept.write(key, &tokens).await
        });
        let error = match select(written, Box::pin(self.client.sleep(within))).await {
            Either::Left((Ok(()), _)) => return,
            Either::Left((Err(error), _)) => error,
            Either::Right(_) => Error::new(ErrorKind::TimedOut, "the store does not answer"),
        };
        tracing::warn!(%error, "cannot write down which tokens there are");
    }

    pub(crate) async fn take_over(&self) -> Result<usize> {
        let Some(kept) = &self.kept else { return Ok(0) };
        let (mut used, now) = (0, self.client.now());
        let names = kept.store.list().await?;
        for name in &names {
            let Some(key) = kept.key(name) else { continue };
            let rows = match kept.read(name).await {
                Ok(rows) => rows,
                // One that does not read is left, and stands in nobody's way.
                Err(error) => {
                    tracing::warn!(%error, "cannot read which tokens an earlier process had");
                    continue;
                }
            };
            let entry = self.entry(key);
            // In this order, so that the newest is the last, which is handed out.
            for token in rows.iter().rev().map(Row::token).filter(|token| token.expires_at > now) {
                if self.us().is_ok_and(|us| us.app_id == token.app) {
                    lock(&self.owners).insert(digest(&token.secret), key);
                    lock(&entry.tokens).insert(0, token);
                    used += 1;
                } else {
                    self.revoke_or_say(&token.secret, Caller::Installation(token.installation))
                        .await;
                }
            }
            self.keep(key, &entry, AFTER_USE).await;
        }
        if let Err(error) = kept.forget_others(&names, now).await {
            tracing::warn!(%error, "cannot look what others have left of their tokens");
        }
        Ok(used)
    }
}
