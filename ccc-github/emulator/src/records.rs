//! Records of calls, tokens, pull requests, comments and deliveries, for tests and demos.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::account::Actor;

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Call {
    /// The method, such as `GET`.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// The status of the response; `None` before the response, and if the connection was cut
    /// without one.
    pub status: Option<u16>,
    /// The caller: `nobody`, `app jwt`, `token #3 octo/hello contents:read …`, `user alice`, or
    /// `refused: ` and the reason why the credential was refused.
    pub caller: String,
    /// The time of the request.
    pub at: Timestamp,
}

/// An installation token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The sequence number of the token, which starts at 1.
    pub number: usize,
    /// The ID of the App that requested the token.
    pub app: u64,
    /// The ID of the installation.
    pub installation: u64,
    /// The IDs of the repositories in its scope; `None` for all repositories of the installation.
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
    /// The number in the repository.
    pub number: u64,
    /// The title of the pull request.
    pub title: String,
    /// The description of the pull request, in Markdown.
    pub body: String,
    /// The branch that contains the change.
    pub head: String,
    /// The commit at the tip of `head`.
    pub head_sha: String,
    /// The branch that the change is to be merged into.
    pub base: String,
    /// Whether the pull request is a draft.
    pub draft: bool,
    /// Whether the pull request is open.
    pub open: bool,
    /// The login of the author of the pull request.
    pub author: String,
    /// The URL of its page.
    pub url: String,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comment {
    /// The ID of the comment.
    pub id: u64,
    /// The author of the comment.
    pub author: Actor,
    /// The text of the comment, in Markdown.
    pub body: String,
    /// The time at which the comment was created.
    pub created_at: Timestamp,
    /// The time at which the comment was last changed.
    pub updated_at: Timestamp,
    /// The login and the content of each reaction.
    pub reactions: Vec<(String, String)>,
}

/// An attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HookDelivery {
    /// The ID of the attempt.
    pub id: u64,
    /// The ID of the App that receives the delivery.
    pub app: u64,
    /// The ID of the installation that the delivery concerns.
    pub installation: Option<u64>,
    /// The ID of the repository that the delivery concerns.
    pub repository: Option<u64>,
    /// The header `X-GitHub-Delivery`, which is the same for every attempt of one delivery.
    pub guid: String,
    /// The time of the attempt.
    pub delivered_at: Timestamp,
    /// Whether the attempt is a requested redelivery.
    pub redelivery: bool,
    /// The status of the response; 0 if there was none.
    pub status_code: u16,
    /// The header `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`; `None` if the payload has none.
    pub action: Option<String>,
    /// The address that the delivery was sent to.
    pub url: String,
    /// The headers of the request.
    pub headers: BTreeMap<String, String>,
    /// The payload as it was sent.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The body of the response, or the reason why there is none.
    pub answer: String,
}
