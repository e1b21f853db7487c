//! The ten stages of a run.

use serde::{Deserialize, Serialize};

/// The stages, in the order in which a run goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The delivery is verified, parsed and durable.
    Accept,
    /// The actor's permission and the state are checked.
    Authorize,
    /// A fresh workspace without our `.git`.
    Checkout,
    /// A container over it.
    Provision,
    /// The agent edits.
    Work,
    /// The change is read and checked against the policy.
    Collect,
    /// The change as a commit.
    Commit,
    /// One ref pushed, one pull request open.
    Publish,
    /// The comment that says how it ended.
    Report,
    /// Everything of the run is gone.
    Cleanup,
}

impl Stage {
    /// All ten, in order.
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
