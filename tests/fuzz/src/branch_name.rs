//! The names of branches.

use std::str::FromStr as _;

use ccc_core::{BranchName, BranchPrefix, RunId};

/// Checks that exactly the permitted names are accepted, that git accepts each of them, and that
/// the names of runs are stable. The input is a name, and also a prefix.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let name = BranchName::new(text);
    assert_eq!(name.is_ok(), is_permitted(text), "{text:?}");
    if let Ok(name) = name {
        assert!(is_ref(name.as_str()), "{text:?}");
        assert_eq!(name.as_str(), text);
        let stored = serde_json::to_string(&name).unwrap();
        assert_eq!(serde_json::from_str::<BranchName>(&stored).unwrap(), name);
    }
    if let Ok(prefix) = BranchPrefix::new(text) {
        let (issue, run) = run_of(data);
        let name = BranchName::for_run(&prefix, issue, run).unwrap();
        assert!(name.as_str().starts_with(text) && name.as_str().ends_with(&run.short()));
        assert!(name.as_str().len() <= 200 && is_ref(name.as_str()), "{name:?}");
        assert_eq!(BranchName::for_run(&prefix, issue, run).unwrap(), name);
        assert!(issue.is_none_or(|issue| name.as_str().contains(&issue.to_string())));
    }
}

/// Returns the number of an issue and the id of a run, which depend only on `data` (FNV-1a).
fn run_of(data: &[u8]) -> (Option<u64>, RunId) {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let run = RunId::from_str(&format!("{hash:016x}{:016x}", hash.rotate_left(29))).unwrap();
    ((!hash.is_multiple_of(4)).then_some(hash), run)
}

/// Returns whether git accepts `name` as the name of a branch, by the rules in
/// git-check-ref-format(1).
pub(crate) fn is_ref(name: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.split('/').all(is_part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(forbidden)
        && !name.ends_with('.')
        && !name.starts_with('-')
        && name != "@"
        && name != "HEAD"
}

/// Returns whether `name` follows the stricter rules of this project.
fn is_permitted(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_part = |part: &str| {
        !part.starts_with('-') && !part.ends_with('.') && !part.to_lowercase().ends_with(".lock")
    };
    is_ref(name) && name.len() <= 200 && name.chars().all(is_plain) && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{is_permitted, is_ref};

    #[test]
    fn git_and_the_target_accept_the_same_names() {
        let seeds = crate::seeds::read("branch-name").into_iter();
        for name in seeds.filter_map(|seed| String::from_utf8(seed).ok()) {
            // Git expands `@` and `@{-1}`, and a program receives no NUL.
            if name == "@" || name.contains("@{") || name.contains('\0') {
                continue;
            }
            let mut git = Command::new("git");
            let output = git.args(["check-ref-format", "--branch", &name]).output().unwrap();
            assert_eq!(output.status.success(), is_ref(&name), "{name:?}");
            assert!(is_ref(&name) || !is_permitted(&name), "{name:?}");
        }
    }
}
