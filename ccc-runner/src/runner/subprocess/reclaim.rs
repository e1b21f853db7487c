//! Transfer of a workspace from a run's dedicated user back to the user of this process.

use std::fs::{self, Permissions};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, chownat, fstat, openat};

/// Makes the user of this process the owner of every directory in `tree`, including `tree` itself,
/// and removes the write permission of the group and of others. Then no other user can add entries
/// to a directory, not even through an open descriptor. Files are unchanged.
pub(crate) async fn reclaim_tree(tree: PathBuf) -> Result<()> {
    let reclaimed = tokio::task::spawn_blocking(move || reclaim_tree_blocking(&tree)).await;
    reclaimed.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(
            ErrorKind::from_io(&e),
            "cannot make this service the owner of the run's workspace again",
        )
        .with_source(e)
    })
}

fn reclaim_tree_blocking(tree: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let reclaim = |place: OwnedFd| -> io::Result<()> {
        chownat(&place, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        let mode = fstat(&place)?.st_mode & 0o7755;
        // Use the descriptor, because the path may now lead to another directory.
        let this = format!("/proc/self/fd/{}", place.as_raw_fd());
        fs::set_permissions(this, Permissions::from_mode(mode))
    };
    reclaim(openat(CWD, tree, flags, Mode::empty())?)?;
    // Walk from the top down: the entries of a directory are read after the directory was
    // reclaimed, when no other user can change them.
    let all = ccc_keeper::walk_tree(tree, |directory, name, found| {
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            reclaim(openat(directory, name, flags, Mode::empty())?)?;
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    all.map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    #[test]
    fn another_user_cannot_write_to_a_reclaimed_tree_through_a_descriptor() {
        // spec: X4d
        let root = rustix::process::geteuid().is_root();
        if !ccc_core::testing::has_part("root", root, "run this as root") {
            return;
        }
        let tree = tempfile::tempdir().unwrap();
        let (open, theirs) = (tree.path().join("open"), tree.path().join("open/theirs"));
        fs::create_dir_all(theirs.join("inner")).unwrap();
        fs::write(open.join("file"), "kept").unwrap();
        fs::hard_link(open.join("file"), open.join("second")).unwrap();
        for path in [&open, &theirs, &theirs.join("inner")] {
            fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        }
        std::os::unix::fs::chown(&theirs, Some(10_777), Some(10_777)).unwrap();
        // Another user, with a descriptor that it inherited.
        let put = |path: &Path, name: &str| {
            let held = fs::File::open(path).unwrap();
            let line = format!("touch /proc/self/fd/0/{name} 2>/dev/null");
            let mut other = std::process::Command::new("setpriv");
            other.args(["--reuid=10777", "--regid=10777", "--clear-groups", "sh", "-c", &line]);
            other.stdin(held).status().unwrap().success()
        };
        let all = [open.clone(), theirs.clone(), theirs.join("inner")];
        assert!(all.iter().all(|path| put(path, "before")));
        reclaim_tree_blocking(tree.path()).unwrap();
        assert!(!all.iter().any(|path| put(path, "after")));
        assert_eq!(fs::read_to_string(open.join("second")).unwrap(), "kept");
    }

    #[tokio::test]
    async fn a_tree_that_is_nested_too_deeply_is_a_limit_and_no_temporary_failure() {
        // spec: X20c
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("d/".repeat(300))).unwrap();
        let error = reclaim_tree(tree.path().to_owned()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
        assert!(!error.is_retryable() && error.to_string().contains("200 levels"), "{error}");
    }
}
