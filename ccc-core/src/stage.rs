//! The ten stages of a run.

use serde::{Deserialize, Serialize};

/// A stage of a run. The variants are in the order in which a run passes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The delivery is verified, parsed and stored.
    Accept,
    /// The actor's permission and the state are checked.
    Authorize,
    /// The files of the default branch are written to a new workspace, without the run's own git
    /// directory.
    Checkout,
    /// A container over the workspace is created.
    Provision,
    /// The agent edits the workspace.
    Work,
    /// The change is read and checked against the policy.
    Collect,
    /// The change becomes a commit.
    Commit,
    /// One branch is pushed, and one pull request is opened.
    Publish,
    /// The outcome is written to the run's comment.
    Report,
    /// The container, the tokens and the files of the run are removed.
    Cleanup,
}

impl Stage {
    /// All ten stages, in order.
    pub const ALL: [Self; 10] = [
        Self::Accept,
        Self::Authorize,
        Self::Checkout,
        Self::Provision,
        Self::Work,
        Self::Collect,
        Self::Commit,
        Self::Publish,
        Self::Report,
        Self::Cleanup,
    ];
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Accept => "accept",
            Self::Authorize => "authorize",
            Self::Checkout => "checkout",
            Self::Provision => "provision",
            Self::Work => "work",
            Self::Collect => "collect",
            Self::Commit => "commit",
            Self::Publish => "publish",
            Self::Report => "report",
            Self::Cleanup => "cleanup",
        })
    }
}
