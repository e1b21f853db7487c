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

#[cfg(test)]
mod tests {
    use super::escaped;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    #[test]
    fn a_reader_sees_each_character_of_a_path() {
        // spec: X17b
        for (path, expected) in [
            ("src/main.rs", "src/main.rs"),
            ("a b", "a b"),
            (" a", "\\u{20}a"),
            ("a ", "a\\u{20}"),
            ("a  b", "a \\u{20}b"),
            ("a / b", "a\\u{20}/\\u{20}b"),
            ("\u{202e}a\u{200b}", "\\u{202e}a\\u{200b}"),
            ("\u{e4}\n\"'\\", "\\u{e4}\\n\\\"\\'\\\\"),
        ] {
            assert_eq!(escaped(path), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::default() })]

        #[test]
        fn a_displayed_path_is_short_printable_text(path in any::<String>(), long in 1_usize..40) {
            let path = path.repeat(long);
            let shown = escaped(&path);
            prop_assert!(shown.chars().count() <= 200);
            prop_assert!(shown.chars().all(|c| matches!(c, ' '..='~' | '…')), "{:?}", shown);
            prop_assert!(!shown.starts_with(' ') && !shown.contains("  "), "{:?}", shown);
        }

        #[test]
        fn different_paths_look_different(one in "[a \u{e4}\\\\/\n]{0,6}", other in "[a \u{e4}\\\\/\n]{0,6}") {
            prop_assert_eq!(escaped(&one) == escaped(&other), one == other);
        }
    }
}
