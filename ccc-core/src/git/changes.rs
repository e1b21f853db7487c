//! What changed in a workspace.

use serde::{Deserialize, Serialize};

use crate::ObjectId;
use crate::observe::Redactor;
use crate::secret_scan::SecretShapes;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its contents or its mode changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the root, `/`-separated.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// Bytes of the new contents; 0 when deleted.
    pub bytes: u64,
}

/// All that changed, in the order of the paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The commit that the changes are to.
    pub base: ObjectId,
    /// The tree with them, in the run's own git directory, synced to disk.
    pub tree: ObjectId,
    /// The changes; never empty.
    pub changes: Vec<Change>,
}

/// Why a change set must not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One line.
    pub reason: String,
    /// The paths that it is about, made printable and without secrets, at most twenty.
    pub paths: Vec<String>,
}

impl Refusal {
    /// The most paths that a refusal names.
    pub const MAX_PATHS: usize = 20;

    pub(super) fn new<P: AsRef<[u8]>>(
        reason: impl Into<String>,
        paths: impl IntoIterator<Item = P>,
        redactor: &Redactor,
    ) -> Self {
        let paths = paths
            .into_iter()
            .take(Self::MAX_PATHS)
            .map(|path| {
                // First, because half a secret, or one that is written otherwise, is not found.
                let text = redactor.clean(&String::from_utf8_lossy(path.as_ref()));
                let parts: Vec<&str> = text
                    .split('/')
                    .map(|part| match SecretShapes::adds(b"", part.as_bytes()) {
                        true => "[REDACTED]",
                        false => part,
                    })
                    .collect();
                crate::untrusted_text::one_line(&parts.join("/").escape_default().to_string(), 200)
            })
            .collect();
        Self { reason: reason.into(), paths }
    }
}
