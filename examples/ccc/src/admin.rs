//! The admin token: made here, kept as a digest in the credential store.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore, ErrorKind, Result, Secret};
pub(crate) use ccc_github::AdminToken;

fn name() -> Result<CredentialKey> {
    CredentialKey::new("service/admin-token")
}

/// Makes a token and gives it, this once. The one before is none any more; or, where `first`, none is made when there
/// is one.
pub(crate) async fn make(store: &dyn CredentialStore, first: bool) -> Result<Option<Secret>> {
    let (text, token) = AdminToken::generate()?;
    let precondition = if first { Precondition::Absent } else { Precondition::None };
    match store.put(&name()?, &token.to_record(), precondition).await {
        Err(error) if first && error.kind() == ErrorKind::Conflict => Ok(None),
        done => done.map(|_| Some(text)),
    }
}

/// The token that counts, if any was made.
pub(crate) async fn kept(store: &dyn CredentialStore) -> Result<Option<AdminToken>> {
    let kept = store.get(&name()?).await?;
    kept.map(|kept| AdminToken::from_record(&kept.secret)).transpose()
}
