//! The admin token for the route `/config`: issuing it, and storing its digest in the credential
//! store.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, ErrorKind, Result, Secret};
pub(crate) use ccc_github::AdminToken;

fn name() -> Result<CredentialKey> {
    CredentialKey::new("service/admin-token")
}

/// Issues a new admin token and revokes the previous admin token. If `first` is true and an admin
/// token already exists, returns `None` instead, and the existing token stays valid.
pub(crate) async fn issue(store: &dyn CredentialStore, first: bool) -> Result<Option<Secret>> {
    let (text, token) = AdminToken::generate()?;
    let precondition = if first { Precondition::Absent } else { Precondition::None };
    match store.put(&name()?, &token.to_record(), precondition).await {
        Err(error) if first && error.kind() == ErrorKind::Conflict => Ok(None),
        done => done.map(|_| Some(text)),
    }
}

/// Loads the digest of the valid admin token. Returns `None` if no admin token was issued.
pub(crate) async fn load(store: &dyn CredentialStore) -> Result<Option<AdminToken>> {
    let stored = store.get(&name()?).await?;
    stored.map(|stored| AdminToken::from_record(&stored.secret)).transpose()
}
