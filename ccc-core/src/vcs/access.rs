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
    /// Permission to read the repository.
    Read,
    /// Permission to manage issues.
    Triage,
    /// Permission to push commits.
    Write,
    /// Permission to manage the repository, except for sensitive and destructive actions.
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

/// The permissions of an access token. Each variant is named after the purpose of the token. Each
/// token is valid for one repository only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Permission to read the repository's contents, issues and metadata.
    Read,
    /// Permission to write comments and reactions on issues.
    Discuss,
    /// Permission to write the repository's contents and pull requests.
    Publish,
}

/// Short-lived access to one repository: its clone URL, and a token if the URL needs one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// The permissions of the token.
    pub grant: Grant,
    /// The URL that git fetches from and pushes to. The URL comes from the configuration, never
    /// from a webhook payload, and contains no user name or password.
    pub clone_url: String,
    /// The value of git's HTTP `Authorization` header; `None` if the URL needs no credential.
    pub authorization: Option<Secret>,
    /// The token that `authorization` contains; `None` if the URL needs no credential. The
    /// caller needs the token to redact it and to call
    /// [`VcsHost::release`](crate::VcsHost::release).
    pub token: Option<Secret>,
    /// The time at which the token expires; `None` if the token does not expire.
    pub expires_at: Option<Timestamp>,
}

impl Access {
    /// Creates an `Access` without a token, for a `clone_url` that needs no credential, such as a
    /// path on the host machine.
    pub fn open(grant: Grant, clone_url: impl Into<String>) -> Self {
        Self {
            grant,
            clone_url: clone_url.into(),
            authorization: None,
            token: None,
            expires_at: None,
        }
    }

    /// Returns whether `self` and `other` have the same token and the same grant.
    #[cfg(feature = "git")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let value = |access: &Self| access.token.as_ref().map(|token| token.expose().to_vec());
        self.grant == other.grant && value(self) == value(other)
    }

    /// Sets the token, the time at which the token expires, and `authorization`: the value of the
    /// HTTP header in which git sends the token.
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
