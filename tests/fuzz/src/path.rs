//! The filter for the paths of a change.

use std::sync::LazyLock;

use ccc_core::policy::{ProtectedClass, TrustPolicy};
use unicode_normalization::UnicodeNormalization as _;

/// The names that are protected only in this spelling.
const ONE_SPELLING: [&str; 9] = [
    "AGENT.md",
    "REVIEW.md",
    "OpenCode.md",
    "CRUSH.md",
    "WARP.md",
    "GROK.md",
    "PRESUBMIT.py",
    "OWNERS",
    "OWNERS_ALIASES",
];

static POLICY: LazyLock<TrustPolicy> = LazyLock::new(|| {
    let names = ["/deploy*", "Ünicode/größe", "secret*.yml"].map(str::to_owned);
    TrustPolicy::default().with_protected_names(names)
});

/// The policy that protects only continuous integration.
static WEAK: LazyLock<TrustPolicy> =
    LazyLock::new(|| TrustPolicy::default().with_protected_classes([ProtectedClass::Ci]));

/// Checks that all spellings that a file system treats as one path have the same verdict, and that
/// a line about a permitted path contains no special characters. The input is a path.
pub(crate) fn run(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    for line in WEAK.permitted_changes([path]) {
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
        assert!(line.len() <= 10 * path.len() + 500);
    }
    let has_one_spelling =
        |path: &str| path.split(['/', '\\']).any(|name| ONE_SPELLING.contains(&name));
    for is_symlink in [false, true] {
        let expected = POLICY.protection(path, is_symlink);
        for other in spellings(path) {
            if !has_one_spelling(path) && !has_one_spelling(&other) {
                let found = POLICY.protection(&other, is_symlink);
                assert_eq!(found, expected, "{path:?} and {other:?}");
            }
        }
    }
}

/// Returns other spellings of `path`.
pub(crate) fn spellings(path: &str) -> Vec<String> {
    let mut spellings = vec![
        path.to_lowercase(),
        path.to_uppercase(),
        path.nfc().collect(),
        path.nfd().collect(),
        path.nfkc().collect(),
        path.nfkd().collect(),
        path.replace('/', "\\"),
        path.replace('/', "//"),
        path.replace('/', "./"),
        path.replace('/', " /"),
        format!("./{path}"),
        format!("{path}. ."),
    ];
    // Text after a colon is the name of a stream, which belongs to the last name.
    if !path.ends_with(['/', '\\']) {
        spellings.push(format!("{path}:stream"));
        spellings.push(format!("{path}::$DATA"));
    }
    // A character that file systems ignore.
    if let Some((at, _)) = path.char_indices().nth(1) {
        spellings.push(format!("{}\u{200d}{}", &path[..at], &path[at..]));
    }
    spellings
}
