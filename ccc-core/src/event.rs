//! Events: the verified meaning of deliveries.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::DeliveryId;

/// A repository on a VCS host.
///
/// `host` and `id` identify the repository. `owner` and `name` change when a repository is renamed
/// or transferred.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The DNS name of the VCS host, such as `github.com`.
    pub host: String,
    /// The id of the repository on the VCS host.
    pub id: u64,
    /// The account that owns the repository.
    pub owner: String,
    /// The repository's name within the account.
    pub name: String,
}

impl std::fmt::Display for RepoRef {
    /// Writes `owner/name`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The kind of an account: whether the account belongs to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    User,
    /// Any account that is not known to belong to a person: an app, a machine account, an
    /// organisation.
    Bot,
}

/// An account on the VCS host, usually the user whose action caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The id of the account on the host. A login can move to another account, but an id cannot.
    pub id: u64,
    /// The login, for display.
    pub login: String,
    /// The kind of the account.
    pub kind: ActorKind,
}

/// An action on an issue, as an event reports it. Each of these actions can start a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Trigger {
    /// The issue was opened.
    Opened,
    /// The issue was reopened.
    Reopened,
    /// A label was added to the issue.
    Labeled {
        /// The label's name.
        label: String,
    },
    /// The issue was assigned to an account.
    Assigned {
        /// The account that the issue was assigned to.
        assignee: Actor,
    },
    /// A comment was written on the issue.
    Commented {
        /// The id of the comment on the host.
        comment: u64,
        /// The text of the comment, as it was in the signed delivery: untrusted text.
        body: String,
    },
}

/// The issue as it was in the signed delivery. The agent works from this text, even if the issue is
/// edited later (spec: X12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueSnapshot {
    /// The issue's number, unique in its repository. 0 for a text that is not an issue of a VCS
    /// host. The texts of the run then refer to no issue.
    pub number: u64,
    /// The issue's title: untrusted text.
    pub title: String,
    /// The issue's description: untrusted text. Empty if the issue has no description.
    pub body: String,
    /// The account that wrote the issue.
    pub author: Actor,
    /// The time at which the issue was last changed before the host sent the delivery. Deliveries can
    /// arrive in any order, and this time shows which of them is older (spec: W10b).
    pub updated_at: Timestamp,
}

impl IssueSnapshot {
    /// Returns the issue's number, or `None` for a text that is not an issue of a VCS host.
    #[must_use]
    pub fn number_on_host(&self) -> Option<u64> {
        (self.number != 0).then_some(self.number)
    }
}

/// An action on an issue, as a verified delivery reports it. Every run starts from one such event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueEvent {
    /// The repository of the issue.
    pub repo: RepoRef,
    /// The issue, as it was in the delivery.
    pub issue: IssueSnapshot,
    /// The action on the issue.
    pub trigger: Trigger,
    /// The user whose action caused the event.
    pub actor: Actor,
    /// The id of the GitHub App through which the actor acted; `None` for an action without an App.
    pub via_app: Option<u64>,
    /// Whether the delivery names the actor as the owner of the repository, as a member of the
    /// organisation that owns it, or as a collaborator. False if the delivery does not report this.
    /// The checks of such an actor have a budget of their own, but the actor may still lack the
    /// permission to start runs (spec: W11f).
    #[serde(default)]
    pub actor_is_member: bool,
}

impl IssueEvent {
    /// Returns a key that is equal for all events that make the same request (spec: W6). Each
    /// comment gives a different key. All other actions on one issue, such as opening and
    /// labelling it, give the same key.
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

    /// Returns whether an issue template can have caused the action: a label or an assignment by the
    /// author of the issue. Any account can open an issue with a template, and GitHub then applies the
    /// labels and assignees of the template (GitHub docs, "Syntax for issue forms").
    #[cfg(feature = "git")]
    pub(crate) fn is_possibly_of_template(&self) -> bool {
        matches!(self.trigger, Trigger::Labeled { .. } | Trigger::Assigned { .. })
            && self.actor.id == self.issue.author.id
    }

    /// Returns whether this event reports an earlier action on the issue than `later`, an event of the
    /// same issue. The time of an action is that of the issue's last change
    /// ([`IssueSnapshot::updated_at`]), as a delivery reports it. It has a resolution of one second.
    /// Two different actions at the same time belong to one change, such as opening an issue with a
    /// label, so that neither of them is later (spec: W10b).
    #[must_use]
    pub fn is_not_later_than(&self, later: &Self) -> bool {
        let (this, other) = (self.issue.updated_at, later.issue.updated_at);
        this < other || this == other && self.trigger != later.trigger
    }

    /// Returns a key that is equal for all events of one actor in one repository. The actors and
    /// repositories with waiting runs take turns (spec: Q2f).
    #[must_use]
    pub fn requester_key(&self) -> String {
        format!("{}/{}/{}", self.repo.host, self.repo.id, self.actor.id)
    }

    /// Returns a key that is equal for all events of the same issue. Runs with the same key must
    /// not overlap, because at most one run may work on an issue at a time.
    #[must_use]
    pub fn issue_key(&self) -> String {
        format!("{}/{}#{}", self.repo.host, self.repo.id, self.issue.number)
    }
}

/// One webhook POST with a valid signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The delivery's id. A redelivery has the same id.
    pub id: DeliveryId,
    /// The SHA-256 digest of the raw body. If a delivery has the id of an earlier delivery but a
    /// different body, it is refused with an error (spec: W5).
    pub body_sha256: [u8; 32],
    /// The time at which the service received the delivery.
    pub received_at: Timestamp,
}
