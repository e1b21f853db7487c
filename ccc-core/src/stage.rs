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
    /// The files of the default branch are written to a new workspace. The run's own git directory
    /// is outside the workspace.
    Checkout,
    /// A container with the workspace is created, and the repository's setup commands are executed
    /// in the container.
    Provision,
    /// The agent edits the files in the workspace.
    Work,
    /// The agent's change is read from the workspace and checked against the policy.
    Collect,
    /// A git commit of the change is created.
    Commit,
    /// The commit is pushed to one new branch, and one pull request is opened.
    Publish,
    /// The outcome is written to the run's comment.
    Report,
    /// The container and the files of the run are removed, and the run's access tokens are revoked.
    Cleanup,
}

impl Stage {
    /// All ten stages, in the order in which a run passes through them.
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

    /// Returns the stage after this one; `None` for Cleanup.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }
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
