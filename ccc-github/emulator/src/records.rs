//! Records of what happened, for tests and demos.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::account::Actor;

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Call {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent, without `?`.
    pub query: String,
    /// The status of the answer; `None` before there is one, and when the connection was cut.
    pub status: Option<u16>,
    /// The caller: `nobody`, `app jwt`, `token #3 octo/hello contents:read …`, `user alice`, or the
    /// reason why the credential was refused.
    pub caller: String,
    /// The time of the request.
    pub at: Timestamp,
}

/// An installation token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The number of the token, counted from 1.
    pub number: usize,
    /// The number of the App that requested the token.
    pub app: u64,
    /// The number of the installation.
    pub installation: u64,
    /// The numbers of the repositories in its scope; `None` for all of the installation.
    pub repositories: Option<Vec<u64>>,
    /// The permissions, such as `contents` → `read`.
    pub permissions: BTreeMap<String, String>,
    /// The time at which the token expires.
    pub expires_at: Timestamp,
    /// Whether the token is revoked.
    pub revoked: bool,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PullRequest {
    /// The number within the repository.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The description, in Markdown.
    pub body: String,
    /// The branch that holds the change.
    pub head: String,
    /// The commit at the tip of `head`.
    pub head_sha: String,
    /// The branch to merge into.
    pub base: String,
    /// Whether the pull request is a draft.
    pub draft: bool,
    /// Whether the pull request is open.
    pub open: bool,
    /// The login of the author.
    pub author: String,
    /// The address of its page.
    pub url: String,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comment {
    /// The id.
    pub id: u64,
    /// The author.
    pub author: Actor,
    /// The text, in Markdown.
    pub body: String,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time of its last change.
    pub updated_at: Timestamp,
    /// Login and content of each reaction.
    pub reactions: Vec<(String, String)>,
}

/// An attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HookDelivery {
    /// The id of the attempt.
    pub id: u64,
    /// The number of the App that receives it.
    pub app: u64,
    /// The number of the installation that it concerns.
    pub installation: Option<u64>,
    /// The number of the repository that it concerns.
    pub repository: Option<u64>,
    /// The header `X-GitHub-Delivery`, the same for every attempt of one delivery.
    pub guid: String,
    /// The time of the attempt.
    pub delivered_at: Timestamp,
    /// Whether the attempt repeats an earlier one on request.
    pub redelivery: bool,
    /// The status of the answer; 0 when there was none.
    pub status_code: u16,
    /// The header `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`; `None` where it has none.
    pub action: Option<String>,
    /// The address that it was sent to.
    pub url: String,
    /// The headers of the request.
    pub headers: BTreeMap<String, String>,
    /// The payload, as it was sent.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The body of the answer, or the reason why there is none.
    pub answer: String,
}
