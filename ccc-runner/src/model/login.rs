//! The proxy and the credential with which an agent reaches its model.

use ccc_core::{CredentialKey, Result, Secret};

use crate::model::proxy::{ModelCredential, ModelProxy};

/// The kind of credential that the model proxy adds to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// `ANTHROPIC_API_KEY`.
    ApiKey,
    /// `CLAUDE_CODE_OAUTH_TOKEN`, of a subscription.
    OAuthToken,
    /// `ANTHROPIC_AUTH_TOKEN`, of a gateway.
    BearerToken,
}

impl CredentialKind {
    /// Checks that the secret can be sent as a credential of this kind.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) when it is empty or no header can carry it.
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

/// The way of an agent to its model: a proxy, and the name of a credential in the credential store.
/// The agent's programs get the proxy's address and a secret of their run, and never the
/// credential.
#[derive(Clone, Debug)]
pub struct ModelLogin {
    proxy: ModelProxy,
    kind: CredentialKind,
    credential: CredentialKey,
}

impl ModelLogin {
    /// `credential` is the name in the credential store.
    #[must_use]
    pub fn new(proxy: ModelProxy, kind: CredentialKind, credential: CredentialKey) -> Self {
        Self { proxy, kind, credential }
    }

    /// The name in the credential store.
    #[must_use]
    pub fn credential(&self) -> &CredentialKey {
        &self.credential
    }

    /// The proxy.
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
