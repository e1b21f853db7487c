//! The user that agents run as, where the service may choose.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};

/// As in our images: a number that no user of the host is likely to have.
pub(crate) const AGENT_USER: u32 = 10_001;

/// Gives a whole tree to a user. Nobody of the run is alive.
pub(crate) async fn give(tree: PathBuf, uid: u32, gid: u32) -> Result<()> {
    let given = tokio::task::spawn_blocking(move || give_now(&tree, uid, gid)).await;
    given.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot give the workspace to the agent's user")
            .with_source(e)
    })
}

fn give_now(tree: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(uid), Some(gid));
    give(tree)?;
    let mut open = vec![tree.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            give(&entry.path())?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
