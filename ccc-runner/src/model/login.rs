//! Model access of an agent: the proxy and the credential.

use ccc_core::{CredentialKey, Result, Secret};

use crate::model::proxy::{ModelCredential, ModelProxy};

/// The kind of credential that the model proxy adds to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// An API key, as Claude Code reads it from the environment variable `ANTHROPIC_API_KEY`.
    ApiKey,
    /// An OAuth token of a Claude subscription, as Claude Code reads it from the environment
    /// variable `CLAUDE_CODE_OAUTH_TOKEN`.
    OAuthToken,
    /// A bearer token of a gateway to the API, as Claude Code reads it from the environment
    /// variable `ANTHROPIC_AUTH_TOKEN`.
    BearerToken,
}

impl CredentialKind {
    /// Checks that `secret` can be sent as a credential of this kind.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `secret` is empty, or contains a
    /// character that cannot be part of a credential, such as a space.
    pub fn check(self, secret: &Secret) -> Result<()> {
        self.of(secret.clone()).check()
    }

    /// Returns `secret` as a credential of this kind.
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
    /// Creates the model access of an agent. `proxy` adds a credential of the kind `kind` to the
    /// agent's requests. `credential` is the key under which the credential is stored in the
    /// credential store.
    #[must_use]
    pub fn new(proxy: ModelProxy, kind: CredentialKind, credential: CredentialKey) -> Self {
        Self { proxy, kind, credential }
    }

    /// Returns the key of the credential in the credential store.
    #[must_use]
    pub fn credential(&self) -> &CredentialKey {
        &self.credential
    }

    /// Returns the model proxy that the agent uses.
    #[must_use]
    pub fn proxy(&self) -> &ModelProxy {
        &self.proxy
    }

    /// Returns the kind of the credential that the proxy adds to requests.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }
}
