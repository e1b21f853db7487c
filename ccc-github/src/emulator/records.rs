//! What an emulator tells about what happened, to whoever looks from outside.

use std::collections::BTreeMap;

use ccc_core::event::Actor;
use jiff::Timestamp;
use serde::Serialize;

/// One request that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// `GET`, `POST`…
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent, without `?`.
    pub query: String,
    /// What it was answered with; `None` while it is under way, and when the connection was cut.
    pub status: Option<u16>,
    /// Who asked: `nobody`, `app jwt`, `token #3 octo/hello contents:read …`, `user alice`, or why
    /// the credential is not taken.
    pub caller: String,
    /// When it came.
    pub at: Timestamp,
}

/// An installation token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// The how-manieth it is, from 1.
    pub number: usize,
    /// The App that asked for it.
    pub app: u64,
    /// The installation that it belongs to.
    pub installation: u64,
    /// The numbers of the repositories it is for; `None` for all of the installation.
    pub repositories: Option<Vec<u64>>,
    /// What it may do: `contents` → `read`.
    pub permissions: BTreeMap<String, String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The branch with the work.
    pub head: String,
    /// The commit that the branch was at.
    pub head_sha: String,
    /// The branch it should go into.
    pub base: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it is open.
    pub open: bool,
    /// Who opened it.
    pub author: String,
    /// Where it is.
    pub url: String,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comment {
    /// Its id.
    pub id: u64,
    /// Who wrote it.
    pub author: Actor,
    /// What it says.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Login and content of each reaction.
    pub reactions: Vec<(String, String)>,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookDelivery {
    /// The attempt's id.
    pub id: u64,
    /// The App that it was for.
    pub app: u64,
    /// The installation that it is about.
    pub installation: Option<u64>,
    /// The repository that it is about.
    pub repository: Option<u64>,
    /// `X-GitHub-Delivery`: the same for every attempt of one delivery.
    pub guid: String,
    /// When it was tried.
    pub delivered_at: Timestamp,
    /// Whether somebody asked for it.
    pub redelivery: bool,
    /// What it was answered with; 0 when there was no answer.
    pub status_code: u16,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's action; `None` where it has none.
    pub action: Option<String>,
    /// Where it was sent.
    pub url: String,
    /// The headers that it was sent with.
    pub headers: BTreeMap<String, String>,
    /// The bytes that were sent.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The answer's body.
    pub answer: String,
}
