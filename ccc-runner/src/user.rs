//! The user that agents run as, where the service may choose.

use std::fs::{self, Permissions};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
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

/// Takes a tree back: nobody but us can put anything into its directories any more, whatever modes and owners they
/// had, and whoever still holds one of them open. Files stay as they are.
pub(crate) async fn take(tree: PathBuf) -> Result<()> {
    let taken = tokio::task::spawn_blocking(move || take_now(&tree)).await;
    taken.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot take the workspace back").with_source(e)
    })
}

fn take_now(tree: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let take = |place: OwnedFd| -> io::Result<()> {
        chownat(&place, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        let mode = fstat(&place)?.st_mode & 0o7755;
        // By its descriptor: its name may be another's by now.
        let this = format!("/proc/self/fd/{}", place.as_raw_fd());
        fs::set_permissions(this, Permissions::from_mode(mode))
    };
    take(openat(CWD, tree, flags, Mode::empty())?)?;
    // From the top down: what is in a directory is looked at when nobody can change that any more.
    let all = ccc_keeper::visit(tree, |directory, name, found| {
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            take(openat(directory, name, flags, Mode::empty())?)?;
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    all.map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

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

    #[test]
    fn whoever_holds_a_directory_of_a_tree_that_was_taken_back_can_put_nothing_there() {
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
        // Somebody else, by a descriptor that they were handed.
        let put = |path: &Path, name: &str| {
            let held = fs::File::open(path).unwrap();
            let line = format!("touch /proc/self/fd/0/{name} 2>/dev/null");
            let mut other = std::process::Command::new("setpriv");
            other.args(["--reuid=10777", "--regid=10777", "--clear-groups", "sh", "-c", &line]);
            other.stdin(held).status().unwrap().success()
        };
        let all = [open.clone(), theirs.clone(), theirs.join("inner")];
        assert!(all.iter().all(|path| put(path, "before")));
        take_now(tree.path()).unwrap();
        assert!(!all.iter().any(|path| put(path, "after")));
        assert_eq!(fs::read_to_string(open.join("second")).unwrap(), "kept");
    }
}
