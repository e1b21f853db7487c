//! The classes of files that cause programs to run outside the review of a change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A class of files that cause programs to run before or outside the review of a change, or that
/// decide which reviews a change needs (spec: X7).
///
/// The order of the variants is the order in which a refusal lists the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProtectedClass {
    /// Settings of services that run programs when a branch is pushed or a pull request is opened.
    /// This class is always protected.
    Ci,
    /// Instructions, settings, tools and hooks of AI agents.
    Agents,
    /// Settings of editors and development environments.
    Editors,
    /// Hooks of git, and programs that hooks run.
    Hooks,
    /// Settings of package managers, build tools, shells and interpreters that run a program, or
    /// choose the place of a download, as soon as the tool starts.
    Tools,
    /// Settings of git and other version control systems, and files that decide which reviews a
    /// change needs.
    Ownership,
}

impl ProtectedClass {
    /// All classes.
    pub const ALL: [Self; 6] =
        [Self::Ci, Self::Agents, Self::Editors, Self::Hooks, Self::Tools, Self::Ownership];

    /// Returns the name of the class in settings and in JSON, such as `agents`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Agents => "agents",
            Self::Editors => "editors",
            Self::Hooks => "hooks",
            Self::Tools => "tools",
            Self::Ownership => "ownership",
        }
    }

    /// Returns what the files of the class configure, such as `AI agents`.
    #[must_use]
    pub fn configures(self) -> &'static str {
        match self {
            Self::Ci => "continuous integration or deployments",
            Self::Agents => "AI agents",
            Self::Editors => "editors or development environments",
            Self::Hooks => "git hooks",
            Self::Tools => "package managers, build tools or shells",
            Self::Ownership => "git or approvals",
        }
    }

    /// Returns whether the class is protected even if the policy does not list it.
    #[must_use]
    pub fn is_always_protected(self) -> bool {
        matches!(self, Self::Ci)
    }
}

impl fmt::Display for ProtectedClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
