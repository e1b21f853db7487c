//! The objects of the emulator's state.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::account::{Actor, Permission};
use crate::git::Stat;
use crate::records::TokenInfo;

/// An installation token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    pub(crate) info: TokenInfo,
}

/// An installation of a GitHub App on an account.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) app: u64,
    pub(crate) account: String,
    /// The IDs of the account's repositories that are not part of the installation.
    pub(crate) excluded_repositories: BTreeSet<u64>,
    pub(crate) suspended_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// A reaction to an issue or a comment.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) id: u64,
    pub(crate) user: Actor,
    pub(crate) content: String,
    pub(crate) created_at: Timestamp,
}

/// A comment on an issue or a pull request.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) author: Actor,
    /// The ID of the GitHub App that wrote the comment; `None` if a user wrote it.
    pub(crate) via: Option<u64>,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) reactions: Vec<Reaction>,
}

/// The data that a pull request has in addition to the data of an issue.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) head: String,
    pub(crate) head_sha: String,
    pub(crate) base: String,
    pub(crate) base_sha: String,
    /// The numbers of commits, files and lines in the change from `base_sha` to `head_sha`.
    pub(crate) stat: Stat,
    pub(crate) draft: bool,
}

/// The key of an issue or a pull request: the ID of its repository and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IssueKey {
    pub(crate) repo: u64,
    pub(crate) number: u64,
}

/// Whether an issue is still in its repository, was deleted, or was transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssueLocation {
    /// The issue was neither deleted nor transferred.
    Here,
    /// The issue was deleted. Requests for the issue fail with the status 410.
    Deleted,
    /// The issue was transferred to another repository. The value is the issue's key in that
    /// repository.
    Moved(IssueKey),
}

/// An issue or a pull request. On GitHub, both are numbered in one sequence and share the API for
/// comments.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    pub(crate) author: Actor,
    pub(crate) via: Option<u64>,
    pub(crate) open: bool,
    pub(crate) state_reason: Option<String>,
    pub(crate) locked: bool,
    pub(crate) lock_reason: Option<String>,
    pub(crate) location: IssueLocation,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<Actor>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) pull: Option<Pull>,
}

/// A label of a repository.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: Option<String>,
}

/// A repository.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    /// The former names of the repository, as `owner/name` in lower case.
    pub(crate) former: Vec<String>,
    pub(crate) public: bool,
    pub(crate) archived: bool,
    pub(crate) default_branch: String,
    pub(crate) permissions: BTreeMap<String, Permission>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) labels: Vec<Label>,
    pub(crate) last_number: u64,
    pub(crate) created_at: Timestamp,
}

impl Token {
    /// Returns whether the token has the permission `workflows: write`, which is required to change
    /// workflow files.
    pub(crate) fn may_change_workflows(&self) -> bool {
        self.info.permissions.get("workflows").is_some_and(|level| level == "write")
    }
}

impl Repo {
    /// Returns the name of the repository as `owner/name`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn is_named(&self, owner: &str, name: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner) && self.name.eq_ignore_ascii_case(name)
    }

    pub(crate) fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name.eq_ignore_ascii_case(name))
    }
}
