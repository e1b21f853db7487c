//! The end of tokens: given back, revoked, swept.

use std::collections::BTreeSet;

use super::*;

/// What there is to say of a token that stays.
const LEFT: &str = "a token could not be revoked; it expires within the hour";

impl Tokens {
    /// Gives a leased token back. Revokes it when nobody else holds it; when nobody holds any token
    /// of that repository any more, the ones that our own calls left behind go as well.
    pub(crate) async fn release(&self, secret: &Secret) -> Result<()> {
        let id = digest(secret);
        let key = lock(&self.owners).get(&id).copied();
        let Some(key) = key else {
            // Given back before, and revoking failed then; or not ours at all.
            return self.revoke(secret, Caller::Anonymous).await.map_err(Error::from);
        };
        let entry = self.entry(key);
        entry.give_back(&id);
        let revoked = self.end(key, &entry, id).await.map_err(Error::from);
        self.sweep(key.0).await;
        revoked
    }

    /// Takes a token out of the cache and revokes it, unless somebody holds it. One that GitHub's
    /// limits keep us from revoking now stays, and is used again.
    async fn end(&self, key: Key, entry: &Entry, id: [u8; 32]) -> Result<(), ApiError> {
        let Some(token) = entry.take_idle(&id) else { return Ok(()) };
        lock(&self.owners).remove(&id);
        let revoked = self.revoke(&token.secret, Caller::Installation(token.installation)).await;
        if revoked
            .as_ref()
            .is_err_and(|error| error.rate_limit_wait().is_some() || error.is_held_back())
        {
            lock(&self.owners).insert(id, key);
            // First, because the last one is handed out: a newer one goes before it.
            lock(&entry.tokens).insert(0, token);
        }
        self.keep(key, entry, kept::AFTER_USE).await;
        revoked
    }

    /// Revokes all tokens of each repository of which nobody holds one.
    pub(crate) async fn sweep_all(&self) {
        let repos: BTreeSet<u64> = lock(&self.entries).keys().map(|(repo, _)| *repo).collect();
        for repo in repos {
            self.sweep(repo).await;
        }
    }

    /// Revokes all tokens of a repository, unless somebody holds one of them.
    async fn sweep(&self, repo: u64) {
        let entries: Vec<_> = [Grant::Read, Grant::Discuss, Grant::Publish]
            .into_iter()
            .filter_map(|grant| {
                let entry = lock(&self.entries).get(&(repo, grant)).map(Arc::clone)?;
                Some(((repo, grant), entry))
            })
            .collect();
        let held = |entry: &Entry| lock(&entry.tokens).iter().any(|token| token.leases > 0);
        if entries.iter().any(|(_, entry)| held(entry)) {
            return;
        }
        for (key, entry) in entries {
            let all: Vec<_> =
                lock(&entry.tokens).iter().map(|token| digest(&token.secret)).collect();
            for id in all {
                if let Err(error) = self.end(key, &entry, id).await {
                    tracing::warn!(%error, "{LEFT}");
                }
            }
        }
    }

    /// `DELETE /installation/token`; a token that is not valid any more is revoked enough.
    async fn revoke(&self, secret: &Secret, caller: Caller) -> Result<(), ApiError> {
        let url = self.endpoints.api(&["installation", "token"]);
        let call = Call::new(Method::DELETE, url).unpaced().prompt();
        let identity = Authorization { caller, token: Some(secret), repo: None };
        match self.client.send(&call, identity).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(
                    error.status(),
                    Some(StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn revoke_or_say(&self, secret: &Secret, caller: Caller) {
        if let Err(error) = self.revoke(secret, caller).await {
            tracing::warn!(%error, "{LEFT}");
        }
    }
}
