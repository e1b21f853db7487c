//! What happened on the host: the verified meaning of a delivery.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::DeliveryId;

/// A repository on a host, as the host names it.
///
/// The numeric id is the identity: owner and name change when a repository is renamed or moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The host's DNS name, such as `github.com`.
    pub host: String,
    /// The host's number for the repository.
    pub id: u64,
    /// The account that holds it.
    pub owner: String,
    /// Its name within the account.
    pub name: String,
}

impl std::fmt::Display for RepoRef {
    /// `owner/name`, as people write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Whether an account is a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    User,
    /// Anything that is not known to be a person: apps, machine accounts, organisations.
    Bot,
}

/// An account that did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The host's number for the account; a login can change hands, this cannot.
    pub id: u64,
    /// The login, for people to read.
    pub login: String,
    /// Person or not.
    pub kind: ActorKind,
}

/// Why a delivery might start a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Trigger {
    /// The issue was opened.
    Opened,
    /// The issue was opened again.
    Reopened,
    /// A label was put on the issue.
    Labeled {
        /// The label's name.
        label: String,
    },
    /// The issue was assigned.
    Assigned {
        /// Who it was assigned to.
        assignee: Actor,
    },
    /// A comment was written on the issue.
    Commented {
        /// The host's number for the comment.
        comment: u64,
        /// What it says, as signed: untrusted text.
        body: String,
    },
}

/// The issue as the signed delivery showed it: the text that the agent works from, however it is
/// edited afterwards (spec: X12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueSnapshot {
    /// The number that people know it by, unique in its repository.
    pub number: u64,
    /// The title: untrusted text.
    pub title: String,
    /// The description: untrusted text, empty when there is none.
    pub body: String,
    /// Who wrote it.
    pub author: Actor,
    /// When the host last changed it.
    pub updated_at: Timestamp,
}

/// The one way into the pipeline: somebody did something to an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueEvent {
    /// Where.
    pub repo: RepoRef,
    /// What about.
    pub issue: IssueSnapshot,
    /// What happened.
    pub trigger: Trigger,
    /// Who did it.
    pub actor: Actor,
    /// The number of the App through which it was done, when it was not done by hand.
    pub via_app: Option<u64>,
}

impl IssueEvent {
    /// The key under which two deliveries mean the same run (spec: W6): opening, labelling and
    /// assigning an issue are one wish; every comment is a wish of its own.
    #[must_use]
    pub fn trigger_key(&self) -> String {
        let (repo, issue) = (&self.repo, self.issue.number);
        match &self.trigger {
            Trigger::Commented { comment, .. } => {
                format!("{}/{}#{issue}/comment/{comment}", repo.host, repo.id)
            }
            _ => format!("{}/{}#{issue}", repo.host, repo.id),
        }
    }

    /// The key under which runs must not overlap: one issue is worked on by one run at a time.
    #[must_use]
    pub fn issue_key(&self) -> String {
        format!("{}/{}#{}", self.repo.host, self.repo.id, self.issue.number)
    }
}

/// One webhook POST whose signature has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its identity; a redelivery has the same.
    pub id: DeliveryId,
    /// SHA-256 of the raw body: the same id with another body is an alarm, not a repeat (spec: W5).
    pub body_sha256: [u8; 32],
    /// When we took it.
    pub received_at: Timestamp,
}
