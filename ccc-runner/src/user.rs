//! The user that agents run as, where the service may choose.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, openat, statat};

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
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = openat(CWD, tree, flags, Mode::empty())?;
    chownat(&top, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    let mut open = vec![PathBuf::new()];
    while let Some(path) = open.pop() {
        let directory = ccc_keeper::open_within(&top, &path)?;
        for entry in Dir::read_from(openat(&directory, ".", OFlags::RDONLY, Mode::empty())?)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let found = statat(&directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
            if is_directory {
                open.push(path.join(OsStr::from_bytes(entry.file_name().to_bytes())));
            }
            if found.st_uid == uid.as_raw() && found.st_gid == gid.as_raw() {
                continue;
            }
            if !is_directory && found.st_nlink > 1 {
                // Its other name may be anywhere, and not ours to give away.
                return Err(io::Error::other("a file has a second name"));
            }
            chownat(
                &directory,
                entry.file_name(),
                Some(uid),
                Some(gid),
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
    }
    Ok(())
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
        if !rustix::process::geteuid().is_root() {
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
