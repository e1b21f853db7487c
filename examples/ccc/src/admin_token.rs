//! The admin token for the route `/config`: issuing it, and storing its digest in the credential
//! store.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, ErrorKind, Result, Secret};
pub(crate) use ccc_github::AdminToken;

fn name() -> Result<CredentialKey> {
    CredentialKey::new("service/admin-token")
}

/// Issues the first admin token. If an admin token already exists, returns `None`, and the existing
/// token stays valid.
pub(crate) async fn issue_first(store: &dyn CredentialStore) -> Result<Option<Secret>> {
    let (text, token) = AdminToken::generate()?;
    match store.put(&name()?, &token.to_record(), Precondition::Absent).await {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        done => done.map(|_| Some(text)),
    }
}

/// Passes a new admin token to `show`, and then replaces the admin token. If `show` fails, the existing
/// token stays valid, because the new token would be lost.
pub(crate) async fn replace(
    store: &dyn CredentialStore,
    show: impl FnOnce(&Secret) -> Result<()>,
) -> Result<()> {
    let (text, token) = AdminToken::generate()?;
    show(&text)?;
    store.put(&name()?, &token.to_record(), Precondition::None).await.map(drop)
}

/// Loads the digest of the valid admin token. Returns `None` if no admin token was issued.
pub(crate) async fn load(store: &dyn CredentialStore) -> Result<Option<AdminToken>> {
    let stored = store.get(&name()?).await?;
    stored.map(|stored| AdminToken::from_record(&stored.secret)).transpose()
}
