//! The policy in a run's record.

use serde::{Deserialize, Serialize};

use super::class::ProtectedClass;
use crate::vcs::Permission;

/// The policy that was applied to a run, as the run's record contains it (spec: X17c).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AppliedPolicy {
    /// The minimum permission on the repository that an actor needed to start the run.
    pub permission: Permission,
    /// The classes of files that the change was not allowed to touch.
    pub protected_classes: Vec<ProtectedClass>,
    /// Further names of files and directories that the change was not allowed to touch.
    pub protected_names: Vec<String>,
    /// Maximum number of files in the change.
    pub max_files: usize,
    /// Maximum total size, in bytes, of the files in the change.
    pub max_bytes: u64,
    /// The weakened parts of the policy, one line for each part.
    pub weakenings: Vec<String>,
    /// The exceptions from the usual rules for runs that a reviewer must know, one line each. They
    /// include the weakened rules that permitted the run, an edit of the issue after the event, and
    /// files whose contents are not converted as usual.
    pub exceptions: Vec<String>,
}

impl AppliedPolicy {
    /// Returns the policy in one line, such as `starting a run requires write permission; …`.
    #[must_use]
    pub fn summary(&self) -> String {
        let classes: Vec<&str> =
            self.protected_classes.iter().map(|class| class.as_str()).collect();
        let names = match self.protected_names.len() {
            0 => "no further names are protected".to_owned(),
            _ => format!("further protected names are {}", self.protected_names.join(", ")),
        };
        format!(
            "starting a run requires {} permission; the protected classes of files are {}; {names}; \
             a change has at most {} files and {} bytes",
            self.permission,
            classes.join(", "),
            self.max_files,
            self.max_bytes
        )
    }
}
