//! Revocation of the unrevoked tokens of an earlier process. That process used the same holder name
//! as this process.

use ccc_core::Result;

use crate::token::cache::{digest, lock};
use crate::token::ledger::AFTER_USE;
use crate::token::tokens::Tokens;

impl Tokens {
    /// Reads the token records of an earlier process that used the same holder name as this
    /// process. Adds the tokens of the current GitHub App to the cache, revokes the tokens of other
    /// Apps, and removes the expired tokens. Returns the number of tokens that were added to the
    /// cache.
    pub(crate) async fn take_over(&self) -> Result<usize> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let (mut used, now) = (0, self.client.now());
        let names = ledger.names().await?;
        for name in &names {
            let Some(key) = ledger.key(name) else { continue };
            let tokens = match ledger.read(name).await {
                Ok(tokens) => tokens,
                // An unreadable record is left unchanged. This does no harm, because its tokens
                // expire.
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "cannot read a token record of an earlier process: the tokens in this \
                         record stay valid until they expire"
                    );
                    continue;
                }
            };
            let entry = self.entry(key);
            // The reverse order and the insertion at the start preserve the order, with the newest
            // token last.
            for token in tokens.into_iter().rev().filter(|token| token.expires_at > now) {
                if self.app().is_ok_and(|app| app.app_id == token.app_id) {
                    lock(&self.keys_by_token).insert(digest(&token.secret), key);
                    lock(&entry.tokens).insert(0, token);
                    used += 1;
                } else {
                    self.revoke_or_warn(&token.secret, token.caller()).await;
                }
            }
            self.record(key, &entry, AFTER_USE).await;
        }
        if let Err(error) = ledger.remove_expired(&names, now).await {
            tracing::warn!(
                %error,
                "cannot remove expired token records of other processes from the credential store"
            );
        }
        Ok(used)
    }
}
