//! The user that agents run as, where the service may choose.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid, chownat, fstat, openat};

/// As in our images: a number that no user of the host is likely to have.
pub(crate) const AGENT_USER: u32 = 10_001;

/// Gives a whole tree to a user; follows nothing out of it. A tree that changes meanwhile is no harm to anybody
/// else, and an error where somebody takes from it.
pub(crate) async fn give(tree: PathBuf, uid: u32, gid: u32) -> Result<()> {
    let given = tokio::task::spawn_blocking(move || give_now(&tree, uid, gid)).await;
    given.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot give the workspace to the agent's user")
            .with_source(e)
    })
}

fn give_now(tree: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let hand = |place: &OwnedFd| chownat(place, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH);
    let place = OFlags::PATH | OFlags::CLOEXEC;
    hand(&openat(CWD, tree, place, Mode::empty())?)?;
    let all = ccc_keeper::visit(tree, |directory, name, _| {
        // By a descriptor: what is looked at is what is given.
        let place = openat(directory, name, place | OFlags::NOFOLLOW, Mode::empty())?;
        let found = fstat(&place)?;
        let theirs = found.st_uid == uid.as_raw() && found.st_gid == gid.as_raw();
        let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        if !theirs && !is_directory && found.st_nlink > 1 {
            // Its other name may be anywhere, and not ours to give away.
            return Err(io::Error::other("a file has a second name"));
        }
        if !theirs {
            hand(&place)?;
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    all.map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_tree_is_given_and_nothing_that_it_leads_to() {
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
        give_now(inside.path(), AGENT_USER, AGENT_USER).unwrap();
        for path in ["", "a", "a/b", "a/b/file", "a/link"] {
            let given = fs::symlink_metadata(inside.path().join(path)).unwrap();
            assert_eq!((given.uid(), given.gid()), (AGENT_USER, AGENT_USER), "{path}");
        }
        for path in ["", "file"] {
            assert_eq!(fs::metadata(outside.path().join(path)).unwrap().uid(), 0, "{path}");
        }
        fs::hard_link(outside.path().join("file"), inside.path().join("a/second")).unwrap();
        give_now(inside.path(), AGENT_USER, AGENT_USER).unwrap_err();
        assert_eq!(fs::metadata(outside.path().join("file")).unwrap().uid(), 0);
    }
}
