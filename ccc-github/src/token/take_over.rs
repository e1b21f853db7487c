//! The tokens of an earlier process under the same holder's name.

use ccc_core::Result;

use crate::token::cache::{digest, lock};
use crate::token::ledger::AFTER_USE;
use crate::token::tokens::Tokens;

impl Tokens {
    /// Reads the holder's records. Tokens of the present App are used again, those of another App
    /// are revoked, and expired ones are removed. Returns the number of tokens that are used again.
    pub(crate) async fn take_over(&self) -> Result<usize> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let (mut used, now) = (0, self.client.now());
        let names = ledger.names().await?;
        for name in &names {
            let Some(key) = ledger.key(name) else { continue };
            let tokens = match ledger.read(name).await {
                Ok(tokens) => tokens,
                // A corrupt record is left, and does no harm.
                Err(error) => {
                    tracing::warn!(%error, "cannot read which tokens an earlier process had");
                    continue;
                }
            };
            let entry = self.entry(key);
            // In this order, so that the newest token, which is leased, is the last.
            for token in tokens.into_iter().rev().filter(|token| token.expires_at > now) {
                if self.app().is_ok_and(|app| app.app_id == token.app_id) {
                    lock(&self.owners).insert(digest(&token.secret), key);
                    lock(&entry.tokens).insert(0, token);
                    used += 1;
                } else {
                    self.revoke_or_warn(&token.secret, token.caller()).await;
                }
            }
            self.record(key, &entry, AFTER_USE).await;
        }
        if let Err(error) = ledger.remove_expired(&names, now).await {
            tracing::warn!(%error, "cannot look what others have left of their tokens");
        }
        Ok(used)
    }
}
