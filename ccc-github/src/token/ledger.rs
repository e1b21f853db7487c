//! The token ledger: records of unrevoked installation tokens in a credential store. If a process
//! is killed, the next process finds the tokens of the killed process in the ledger.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::credential::Precondition;
use ccc_core::vcs::Grant;
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result};
use futures_util::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::secret_record::{self, SecretText};
use crate::token::cache::{Entry, Key, Token, lock};

/// The maximum time to wait for the credential store to record a new token. After this time, the
/// token is used even if the store has not recorded the token.
pub(super) const BEFORE_USE: Duration = Duration::from_secs(2);
/// The maximum time to wait for the credential store to record that tokens were revoked or taken
/// over.
pub(super) const AFTER_USE: Duration = Duration::from_secs(10);
/// The minimum time from the expiry of all tokens of a record to the removal of the record by
/// another holder. The time is long, because the clocks of the holders can differ.
const REMOVED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The token ledger of one holder. A holder is the name of the process that owns the tokens. The
/// name of a record is `github/HOST/tokens/HOLDER/REPOSITORY/GRANT`. A record contains all
/// unrevoked tokens of its repository and grant.
pub(crate) struct TokenLedger {
    store: Arc<dyn CredentialStore>,
    /// The prefix of the record names of all holders.
    all_holders: String,
    /// The prefix of the record names of this ledger's holder.
    prefix: String,
}

impl std::fmt::Debug for TokenLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenLedger({})", self.prefix)
    }
}

/// A token in the JSON of a ledger record.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    token: SecretText,
    expires_at: Timestamp,
    minted_at: Timestamp,
    app_id: u64,
    installation_id: u64,
}

impl Row {
    fn from_token(token: &Token) -> Result<Self> {
        Ok(Self {
            token: SecretText::from_secret(&token.secret)?,
            expires_at: token.expires_at,
            minted_at: token.minted_at,
            app_id: token.app_id,
            installation_id: token.installation,
        })
    }

    fn to_token(&self) -> Token {
        Token {
            secret: self.token.to_secret(),
            expires_at: self.expires_at,
            minted_at: self.minted_at,
            used_at: self.minted_at,
            app_id: self.app_id,
            installation: self.installation_id,
            // The earlier process can have revoked the token without recording this, if it was
            // killed in between. A push with the token would fail.
            refused: true,
            leases: 0,
        }
    }
}

const GRANTS: [(Grant, &str); 3] =
    [(Grant::Read, "read"), (Grant::Discuss, "discuss"), (Grant::Publish, "publish")];

impl TokenLedger {
    /// Creates the ledger of `holder` for the GitHub host `host`. The records are in `store`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `holder` cannot be part of a record name.
    pub(crate) fn new(store: Arc<dyn CredentialStore>, host: &str, holder: &str) -> Result<Self> {
        let all_holders = format!("{}tokens/", crate::secret_record::prefix(host));
        let ledger = Self { store, prefix: format!("{all_holders}{holder}/"), all_holders };
        // This detects an invalid holder before the first token is recorded.
        ledger.name((u64::MAX, Grant::Publish))?;
        Ok(ledger)
    }

    fn name(&self, (repo, grant): Key) -> Result<CredentialKey> {
        let grant = GRANTS.iter().find(|(known, _)| *known == grant).map_or("", |(_, name)| name);
        CredentialKey::new(format!("{}{repo}/{grant}", self.prefix))
    }

    /// Returns the repository id and the grant that `name`, the name of a record, contains. Returns
    /// `None` if the record belongs to a holder other than the holder of this ledger.
    pub(super) fn key(&self, name: &CredentialKey) -> Option<Key> {
        let (repo, grant) = name.as_str().strip_prefix(&self.prefix)?.split_once('/')?;
        let (grant, _) = GRANTS.iter().find(|(_, known)| *known == grant)?;
        Some((repo.parse().ok()?, *grant))
    }

    /// Reads the tokens of the record `name`, with the newest token last. Returns no tokens if the
    /// record does not exist.
    async fn read_rows(&self, name: &CredentialKey) -> Result<Vec<Row>> {
        let Some(stored) = self.store.get(name).await? else { return Ok(Vec::new()) };
        secret_record::read(&stored.secret).ok_or_else(|| {
            let line = format!("the stored credential `{name}` is not a valid token record");
            Error::new(ErrorKind::Corrupt, line)
        })
    }

    /// Removes each record in `names` that belongs to another holder and whose tokens all expired
    /// more than [`REMOVED_AFTER`] before `now`.
    pub(super) async fn remove_expired(
        &self,
        names: &[CredentialKey],
        now: Timestamp,
    ) -> Result<()> {
        let expired = |row: &Row| now.duration_since(row.expires_at) > REMOVED_AFTER;
        let others = |name: &&CredentialKey| {
            name.as_str().starts_with(&self.all_holders) && self.key(name).is_none()
        };
        for name in names.iter().filter(others) {
            match self.read_rows(name).await {
                Ok(rows) if rows.iter().all(expired) => self.store.delete(name).await?,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                // If the store fails, the remaining records are not tried.
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
        let rows: Vec<Row> = tokens.iter().map(Row::from_token).collect::<Result<_>>()?;
        let record = secret_record::write("a token record", &rows)?;
        self.store.put(&name, &record, Precondition::None).await.map(drop)
    }

    /// Lists the names of all records in the credential store, including records that do not belong
    /// to a token ledger.
    pub(super) async fn names(&self) -> Result<Vec<CredentialKey>> {
        self.store.list().await
    }

    /// Reads the tokens of the record `name`, with the newest token last.
    pub(super) async fn read(&self, name: &CredentialKey) -> Result<Vec<Token>> {
        Ok(self.read_rows(name).await?.iter().map(Row::to_token).collect())
    }

    /// Writes the current tokens of `entry` to the record of `key`. The attempt ends at the latest
    /// when the future `deadline` completes. A failure is only logged, because a missing record
    /// matters only after a crash.
    pub(super) async fn record(&self, key: Key, entry: &Entry, deadline: impl Future<Output = ()>) {
        let written = Box::pin(async {
            let _one_by_one = entry.recording.lock().await;
            let tokens = lock(&entry.tokens).clone();
            self.write(key, &tokens).await
        });
        let error = match select(written, Box::pin(deadline)).await {
            Either::Left((Ok(()), _)) => return,
            Either::Left((Err(error), _)) => error,
            Either::Right(_) => {
                Error::new(ErrorKind::TimedOut, "the credential store did not answer in time")
            }
        };
        tracing::warn!(
            %error,
            "cannot record the unrevoked tokens in the credential store: if this process is \
             killed, the tokens stay valid until they expire"
        );
    }
}
