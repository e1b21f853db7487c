//! Who may do what, and the tokens for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// What an account may do in a repository; each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Sort issues.
    Triage,
    /// Push.
    Write,
    /// Manage without the dangerous parts.
    Maintain,
    /// Everything.
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

/// What a token is for. Each is minted for one repository, with just this power.
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

/// A short-lived way into one repository.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Access {
    /// What it is good for.
    pub grant: Grant,
    /// Where git fetches from and pushes to. From configuration, never from a payload; no user
    /// information in it.
    pub clone_url: String,
    /// The value of git's HTTP `Authorization` header; `None` where the URL needs none.
    pub authorization: Option<Secret>,
    /// The token itself, for redaction and for [`VcsHost::release`](crate::VcsHost::release).
    pub token: Option<Secret>,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl Access {
    /// An access that needs no credential, such as a path on this machine.
    pub fn open(grant: Grant, clone_url: impl Into<String>) -> Self {
        Self {
            grant,
            clone_url: clone_url.into(),
            authorization: None,
            token: None,
            expires_at: None,
        }
    }

    /// Whether both are the same grant of the same token.
    #[cfg(feature = "git")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let value = |access: &Self| access.token.as_ref().map(|token| token.expose().to_vec());
        self.grant == other.grant && value(self) == value(other)
    }

    /// Adds the token, and the header value in which git sends it.
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
