//! Permissions of accounts, and access tokens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// The permission of an account in a repository. Each level includes the levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// No access.
    None,
    /// Read the repository.
    Read,
    /// Manage issues.
    Triage,
    /// Push commits.
    Write,
    /// Manage the repository, except for sensitive and destructive actions.
    Maintain,
    /// Full access.
    Admin,
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "no",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        })
    }
}

/// The purpose of a token. Each token is created for one repository, with only these permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Read contents, issues and metadata.
    Read,
    /// Write comments and reactions on issues.
    Discuss,
    /// Write contents and pull requests.
    Publish,
}

/// Short-lived access to one repository.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The purpose of the token.
    pub grant: Grant,
    /// The URL that git fetches from and pushes to. It comes from the configuration, never from a
    /// webhook payload, and contains no user information.
    pub clone_url: String,
    /// The value of git's HTTP `Authorization` header; `None` if the URL needs no credential.
    pub authorization: Option<Secret>,
    /// The token itself, for redaction and for [`VcsHost::release`](crate::VcsHost::release).
    pub token: Option<Secret>,
    /// The time at which the token expires; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
}

impl Access {
    /// Returns an access that needs no credential, such as to a path on the host machine.
    pub fn open(grant: Grant, clone_url: impl Into<String>) -> Self {
        Self {
            grant,
            clone_url: clone_url.into(),
            authorization: None,
            token: None,
            expires_at: None,
        }
    }

    /// Returns whether both are the same grant of the same token.
    #[cfg(feature = "git")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let value = |access: &Self| access.token.as_ref().map(|token| token.expose().to_vec());
        self.grant == other.grant && value(self) == value(other)
    }

    /// Sets the token, the header value in which git sends it, and its expiry.
    #[must_use]
    pub fn with_token(
        mut self,
        token: Secret,
        authorization: Secret,
        expires_at: Option<Timestamp>,
    ) -> Self {
        self.token = Some(token);
        self.authorization = Some(authorization);
        self.expires_at = expires_at;
        self
    }
}
