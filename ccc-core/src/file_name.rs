//! File names as file systems compare them and as people read them (spec: X6b, X17a, X17b).

mod deceptive;
mod folding;
mod short_name;

pub(crate) use deceptive::{Deception, deception};
pub(crate) use folding::{fold, fold_path};
pub(crate) use short_name::{ShortName, first_character};

/// Returns whether a file system can treat `name` as `.git`. Such names include `.GIT`, and the
/// short names `GIT~1` and `GI3B0D~1` of NTFS. They also include `.git` with trailing dots, trailing
/// spaces or an NTFS stream, and with code points that HFS+ ignores.
pub(crate) fn is_dot_git(name: &[u8]) -> bool {
    const DOT_GIT: &str = ".git";
    // A workspace can contain millions of names, and almost no name needs the slow comparison. All
    // forms of `.git` in ASCII contain `gi`.
    if name.is_ascii() && !name.windows(2).any(|two| two.eq_ignore_ascii_case(b"gi")) {
        return false;
    }
    let name = fold(&String::from_utf8_lossy(name));
    name == DOT_GIT || ShortName::parse(&name).is_some_and(|short| short.can_be(DOT_GIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_means_dot_git_is_known() {
        // spec: X6a, X6b, X17a
        for (name, expected) in [
            (".git", true),
            (".GIT", true),
            (".Git ", true),
            (".git...", true),
            (".git . .", true),
            ("git~1", true),
            ("GIT~1", true),
            ("GIT~2", true),
            ("GIT~1.", true),
            ("git~1:stream", true),
            ("GI3B0D~1", true),
            ("gid8f~12", true),
            (".git::$INDEX_ALLOCATION", true),
            (".git:$I30:$INDEX_ALLOCATION", true),
            (".g\u{200c}it", true),
            (".gi\u{fe0f}t", true),
            (".g\u{131}t", true),
            (".G\u{130}T", true),
            ("\u{ff0e}\u{ff47}\u{ff49}\u{ff54}", true),
            ("\u{2024}git", true),
            (".\u{1d4f0}it", true),
            (".gitignore", false),
            ("git", false),
            ("x.git", false),
            (".github", false),
            ("git~", false),
            ("git~0", false),
            ("git-1", false),
            ("git~1.txt", false),
            ("git~1x", false),
            ("gi~1", false),
            ("gixxxx~1", false),
            ("digit~1", false),
            ("\u{262}it", false),
        ] {
            assert_eq!(is_dot_git(name.as_bytes()), expected, "{name:?}");
        }
    }
}
