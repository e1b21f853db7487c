//! Tokens that are not revoked yet, in a credential store: so that one that a killed process held is found again.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::*;

/// One holder's records, `github/HOST/tokens/HOLDER/REPOSITORY/GRANT`: as many as there are repositories and
/// grants, however many tokens there were.
pub(crate) struct Kept {
    store: Arc<dyn CredentialStore>,
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
        let kept = Self { store, prefix: format!("{}tokens/{holder}/", apps::prefix(host)) };
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

    /// What is there. One that does not read is said and left, and stands in nobody's way.
    async fn read(&self, name: &CredentialKey) -> Option<Vec<Row>> {
        let read = async {
            let Some(stored) = self.store.get(name).await? else { return Ok(None) };
            serde_json::from_slice(stored.secret.expose()).map(Some).map_err(|_| {
                let line = format!("the credential `{name}` is not what is kept of tokens");
                Error::new(ErrorKind::Corrupt, line)
            })
        };
        read.await.unwrap_or_else(|error: Error| {
            tracing::warn!(%error, "cannot read which tokens an earlier process had");
            None
        })
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
    /// Writes down what there is. A store that fails is said, and keeps nobody from working: what it would have
    /// been good for is a crash.
    pub(super) async fn keep(&self, key: Key, entry: &Entry) {
        let Some(kept) = &self.kept else { return };
        let _one_by_one = entry.keeping.lock().await;
        let tokens = lock(&entry.tokens).clone();
        if let Err(error) = kept.write(key, &tokens).await {
            tracing::warn!(%error, "cannot write down which tokens there are");
        }
    }

    pub(crate) async fn take_over(&self) -> Result<usize> {
        let Some(kept) = &self.kept else { return Ok(0) };
        let (mut used, now) = (0, self.client.now());
        for name in kept.store.list().await? {
            let Some(key) = kept.key(&name) else { continue };
            let Some(rows) = kept.read(&name).await else { continue };
            let entry = self.entry(key);
            for token in rows.iter().map(Row::token).filter(|token| token.expires_at > now) {
                if self.us().is_ok_and(|us| us.app_id == token.app) {
                    lock(&self.owners).insert(digest(&token.secret), key);
                    lock(&entry.tokens).insert(0, token);
                    used += 1;
                } else {
                    self.revoke_or_say(&token.secret, Who::Installation(token.installation)).await;
                }
            }
            self.keep(key, &entry).await;
        }
        Ok(used)
    }
}
