//! Model access of an agent: the proxy and the credential.

use ccc_core::{CredentialKey, Result, Secret};

use crate::model::proxy::{ModelCredential, ModelProxy};

/// The kind of credential that the model proxy adds to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// An API key: `ANTHROPIC_API_KEY`.
    ApiKey,
    /// An OAuth token of a subscription: `CLAUDE_CODE_OAUTH_TOKEN`.
    OAuthToken,
    /// A bearer token of a gateway: `ANTHROPIC_AUTH_TOKEN`.
    BearerToken,
}

impl CredentialKind {
    /// Checks that the secret can be sent as a credential of this kind.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if it is empty or cannot be sent in a
    /// header.
    pub fn check(self, secret: &Secret) -> Result<()> {
        self.of(secret.clone()).check()
    }

    /// Returns the secret as a credential of this kind.
    pub(crate) fn of(self, secret: Secret) -> ModelCredential {
        match self {
            Self::ApiKey => ModelCredential::ApiKey(secret),
            Self::OAuthToken => ModelCredential::OAuthToken(secret),
            Self::BearerToken => ModelCredential::BearerToken(secret),
        }
    }
}

/// Model access of an agent: a proxy, and the key of a credential in the credential store. The
/// agent's programs receive the proxy's address and a secret of their run, never the credential.
#[derive(Clone, Debug)]
pub struct ModelLogin {
    proxy: ModelProxy,
    kind: CredentialKind,
    credential: CredentialKey,
}

impl ModelLogin {
    /// Creates a login with the credential that is stored under the key `credential`.
    #[must_use]
    pub fn new(proxy: ModelProxy, kind: CredentialKind, credential: CredentialKey) -> Self {
        Self { proxy, kind, credential }
    }

    /// Returns the credential's key in the credential store.
    #[must_use]
    pub fn credential(&self) -> &CredentialKey {
        &self.credential
    }

    /// Returns the proxy.
    #[must_use]
    pub fn proxy(&self) -> &ModelProxy {
        &self.proxy
    }

    /// Returns the kind of the credential.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }
}
