//! The check for symlinks that leave the repository's tree (spec: X6c).

use crate::file_name::is_dot_git;

/// Returns whether a symlink at `path` to `target` leaves the repository's tree or points into a
/// `.git` directory.
///
/// `..` is allowed only at the start of `target`. A name before `..` can itself be a symlink, and
/// `..` is then resolved from the target of that symlink. Two symlinks that each stay inside the
/// tree could thus leave the tree together.
pub(super) fn escapes(path: &[u8], target: &[u8]) -> bool {
    let mut above = path.split(|b| *b == b'/').count() - 1;
    let mut named = false;
    target.starts_with(b"/")
        || target.split(|b| *b == b'/').any(|part| match part {
            b"" | b"." => false,
            b".." if named || above == 0 => true,
            b".." => {
                above -= 1;
                false
            }
            name => {
                named = true;
                is_dot_git(name)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symlinks_may_point_anywhere_inside_the_tree() {
        // spec: X6c
        for (path, target, expected) in [
            ("a", "b", false),
            ("a", "/etc/passwd", true),
            ("a", "..", true),
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("a/b", "c/../../../d", true),
            ("a/b/c", "../../d", false),
            ("a", "./b/c", false),
            ("a", "b/../c", true),
            ("a/b/c", ".././../d", false),
            ("a", ".git/hooks", true),
            ("a/b", "../.GIT", true),
        ] {
            assert_eq!(escapes(path.as_bytes(), target.as_bytes()), expected, "{path} -> {target}");
        }
    }
}
