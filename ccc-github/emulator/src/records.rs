//! Records of calls, tokens, pull requests, comments and deliveries, for tests and demos.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::account::Actor;

/// A request that the emulator has received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Call {
    /// The method of the request, such as `GET`.
    pub method: String,
    /// The path of the request as it was sent, with percent-encoding.
    pub path: String,
    /// The query of the request as it was sent, without `?`.
    pub query: String,
    /// The status of the response. `None` if the response is not yet complete, or if the connection
    /// was closed without a response.
    pub status: Option<u16>,
    /// A description of the caller: `nobody`, `app jwt`, `token #3 octo/hello contents:read …`,
    /// `user alice`, or `refused: ` and the reason why the credential was refused.
    pub caller: String,
    /// The time at which the request arrived.
    pub at: Timestamp,
}

/// An installation token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The sequence number of the token. The emulator's first token has the number 1.
    pub number: usize,
    /// The ID of the GitHub App that requested the token.
    pub app: u64,
    /// The ID of the installation that the token belongs to.
    pub installation: u64,
    /// The IDs of the repositories that the token gives access to; `None` for all repositories of
    /// the installation.
    pub repositories: Option<Vec<u64>>,
    /// The permissions of the token: names with levels, such as `contents` with `read`.
    pub permissions: BTreeMap<String, String>,
    /// The time at which the token expires.
    pub expires_at: Timestamp,
    /// Whether the token is revoked.
    pub revoked: bool,
}

/// A pull request on the emulated GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PullRequest {
    /// The number of the pull request in the repository.
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
    /// The URL of the page that shows the pull request.
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
    /// The reactions to the comment. Each is the login of the account that reacted, and the content
    /// of the reaction, such as `eyes`.
    pub reactions: Vec<(String, String)>,
}

/// An attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HookDelivery {
    /// The ID of the attempt.
    pub id: u64,
    /// The ID of the GitHub App that the webhook was sent to.
    pub app: u64,
    /// The ID of the installation that the delivery is about; `None` for `ping`.
    pub installation: Option<u64>,
    /// The ID of the repository that the delivery is about; `None` if the delivery is not about a
    /// repository.
    pub repository: Option<u64>,
    /// The value of the header `X-GitHub-Delivery`. All attempts to send one delivery have the same
    /// value.
    pub guid: String,
    /// The time of the attempt.
    pub delivered_at: Timestamp,
    /// Whether the attempt repeats an earlier attempt. A GitHub App requests this repetition with
    /// `POST /app/hook/deliveries/{delivery_id}/attempts`.
    pub redelivery: bool,
    /// The status of the receiver's response; 0 if there was no response.
    pub status_code: u16,
    /// The value of the header `X-GitHub-Event`, such as `issues`.
    pub event: String,
    /// The value of the payload's field `action`; `None` if the payload has no such field.
    pub action: Option<String>,
    /// The address that the delivery was sent to.
    pub url: String,
    /// The headers of the request to the receiver.
    pub headers: BTreeMap<String, String>,
    /// The payload, byte for byte as it was sent.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The body of the receiver's response, or a text that says why there is no response.
    pub answer: String,
}
