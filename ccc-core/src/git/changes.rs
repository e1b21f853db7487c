//! Changes in a workspace.

use serde::{Deserialize, Serialize};

use crate::ObjectId;
use crate::observe::Redactor;
use crate::secret_scan::find;

/// The kind of change to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The path is new.
    Added,
    /// The contents or the mode of the path changed.
    Modified,
    /// The path was deleted.
    Deleted,
}

/// One changed path of a [`ChangeSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The path relative to the root of the repository, with `/` as the separator.
    pub path: String,
    /// The kind of change.
    pub kind: ChangeKind,
    /// Size of the new contents, in bytes; 0 for a deleted path.
    pub bytes: u64,
}

/// All changes in a workspace, sorted by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The commit that the changes are relative to.
    pub base: ObjectId,
    /// The id of the repository's git tree after the changes. The tree is in the run's git
    /// directory and is synced to disk.
    pub tree: ObjectId,
    /// The changes, one for each path; never empty.
    pub changes: Vec<Change>,
    /// Exceptions from the rules that a reviewer of the changes must know, one line each.
    #[serde(default)]
    pub exceptions: Vec<String>,
}

/// The reason why the changes in a workspace must not be published, and the affected paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, in one line.
    pub reason: String,
    /// At most [`MAX_PATHS`](Self::MAX_PATHS) affected paths, relative to the root of the
    /// repository. Quotes, backslashes, invisible spaces, and characters other than printable ASCII
    /// are escaped. Secrets are redacted.
    pub paths: Vec<String>,
}

impl Refusal {
    /// Maximum number of paths in a refusal.
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
                // Redact before splitting and escaping, because a split or escaped secret is not
                // found.
                let text = redactor.clean(&String::from_utf8_lossy(path.as_ref()));
                let is_secret = |text: &str| !find(text.as_bytes()).is_empty();
                let mut parts: Vec<&str> = text
                    .split('/')
                    .map(|part| if is_secret(part) { "[REDACTED]" } else { part })
                    .collect();
                // The parts of a path can form a secret together.
                if is_secret(&parts.join("/")) || is_secret(&parts.concat()) {
                    parts = vec!["[REDACTED]"];
                }
                escaped(&parts.join("/"))
            })
            .collect();
        Self { reason: reason.into(), paths }
    }
}

/// Returns `path` with escape sequences in place of quotes, backslashes, and characters other than
/// printable ASCII. Spaces at an end and spaces after another space are escaped too, because a
/// reader does not see them. A long path is truncated.
pub(super) fn escaped(path: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    let mut rest = path.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ' ' && (matches!(before, ' ' | '/') || matches!(rest.peek(), None | Some('/'))) {
            escaped.push_str("\\u{20}");
        } else {
            escaped.extend(c.escape_default());
        }
        before = c;
    }
    crate::untrusted_text::one_line(&escaped, 200)
}
