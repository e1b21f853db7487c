//! The user under which the agent's processes run, if the service can choose this user.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chownat, fstat, openat};

/// The UID of the agent's user in the images of this project. A user of the host machine is
/// unlikely to have this UID.
pub(crate) const AGENT_UID: u32 = 10_001;

/// The UID and GID of the agent's processes, which are never those of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContainerUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Makes `user` the owner of the directory `tree` and of everything in it. Does not follow symlinks
/// inside the tree, even if another process changes the tree at the same time.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the owner of an entry cannot be changed, or if a file that `user`
/// does not own yet has more than one hard link. [`ErrorKind::LimitExceeded`] if directories are
/// nested too deeply.
pub(crate) async fn chown_tree(tree: PathBuf, user: ContainerUser) -> Result<()> {
    let changed = tokio::task::spawn_blocking(move || chown_tree_blocking(&tree, user)).await;
    changed.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(
            ErrorKind::from_io(&e),
            "cannot make the agent's user the owner of the workspace",
        )
        .with_source(e)
    })
}

fn chown_tree_blocking(tree: &Path, user: ContainerUser) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let chown = |place: &OwnedFd| chownat(place, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH);
    let place = OFlags::PATH | OFlags::CLOEXEC;
    chown(&openat(CWD, tree, place, Mode::empty())?)?;
    let all = ccc_keeper::walk_tree(tree, |directory, name, _| {
        // Use a descriptor, so that the entry that was checked is the entry that is changed.
        let place = openat(directory, name, place | OFlags::NOFOLLOW, Mode::empty())?;
        let found = fstat(&place)?;
        let theirs = found.st_uid == uid.as_raw() && found.st_gid == gid.as_raw();
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if !theirs && !is_directory && found.st_nlink > 1 {
            // Another name of the file can be outside the tree, where the owner must not change.
            return Err(io::Error::other(
                "a file in the workspace has more than one hard link: the owner of the file is not \
                 changed, because another link can be outside the workspace",
            ));
        }
        if !theirs {
            chown(&place)?;
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    all.map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    const USER: ContainerUser = ContainerUser { uid: AGENT_UID, gid: AGENT_UID };

    #[test]
    fn a_change_of_owner_does_not_leave_the_tree() {
        // spec: X4d
        let root = rustix::process::geteuid().is_root();
        if !ccc_core::testing::has_part("root", root, "run this as root") {
            return;
        }
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(inside.path().join("a/b")).unwrap();
        fs::write(inside.path().join("a/b/file"), "").unwrap();
        fs::write(outside.path().join("file"), "").unwrap();
        symlink(outside.path(), inside.path().join("a/link")).unwrap();
        chown_tree_blocking(inside.path(), USER).unwrap();
        for path in ["", "a", "a/b", "a/b/file", "a/link"] {
            let given = fs::symlink_metadata(inside.path().join(path)).unwrap();
            assert_eq!((given.uid(), given.gid()), (AGENT_UID, AGENT_UID), "{path}");
        }
        for path in ["", "file"] {
            assert_eq!(fs::metadata(outside.path().join(path)).unwrap().uid(), 0, "{path}");
        }
        fs::hard_link(outside.path().join("file"), inside.path().join("a/second")).unwrap();
        chown_tree_blocking(inside.path(), USER).unwrap_err();
        assert_eq!(fs::metadata(outside.path().join("file")).unwrap().uid(), 0);
    }

    #[tokio::test]
    async fn a_tree_that_is_nested_too_deeply_is_a_limit_and_no_temporary_failure() {
        // spec: X20c
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("d/".repeat(300))).unwrap();
        let own = fs::metadata(tree.path()).unwrap();
        let user = ContainerUser { uid: own.uid(), gid: own.gid() };
        let error = chown_tree(tree.path().to_owned(), user).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
        assert!(!error.is_retryable() && error.to_string().contains("200 levels"), "{error}");
    }
}
