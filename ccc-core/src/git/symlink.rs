//! Symlinks that leave the tree (spec: X6c).

use super::inspect::is_dot_git;

/// Returns whether a link at `path` to `target` leads out of the tree, or into a `.git`.
///
/// `..` may stand at the start alone. After a name it would go up from wherever that name leads: the
/// name may be a link itself, and two links that each stay inside may lead out together.
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
    fn links_may_point_anywhere_inside() {
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
