//! Removing what an agent may have made as hard to remove as it could.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// Removes a file or a whole tree, of any depth and whatever its modes, without following links;
/// `Ok` when there is none. Dropping the future ends the removal half-way; it can be begun again.
///
/// # Errors
/// [`ErrorKind::Unavailable`] when something cannot be removed.
pub async fn remove_tree(path: PathBuf) -> Result<()> {
    let given_up = GivenUp(Arc::default());
    let flag = Arc::clone(&given_up.0);
    tokio::task::spawn_blocking(move || {
        // A process that was killed a moment ago may still finish a last write.
        let mut last = Ok(());
        for _ in 0..20 {
            last = remove_tree_now(&path, &flag);
            if last.is_ok() || flag.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        last
    })
    .await
    .unwrap_or_else(|e| Err(Error::new(ErrorKind::Unexpected, "removal died").with_source(e)))
}

/// As [`remove_tree`], on this thread and to its end.
///
/// # Errors
/// As there.
pub fn remove_tree_blocking(path: &Path) -> Result<()> {
    remove_tree_now(path, &AtomicBool::new(false))
}

/// Tells the thread that nobody waits for it any more.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As [`remove_tree`], on this thread, until the flag is set.
pub(crate) fn remove_tree_now(path: &Path, give_up: &AtomicBool) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => remove_directory(path, give_up),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::new(
            ErrorKind::Unavailable,
            format!("cannot remove {}: {e}", path.display()),
        )),
        _ => Ok(()),
    }
}

/// Removes a directory of any depth. What lies deep is moved up, so that no depth needs more stack,
/// open files or longer paths: an agent can dig deeper than all three reach.
fn remove_directory(top: &Path, give_up: &AtomicBool) -> io::Result<()> {
    open_up(top);
    let mut moved = 0_u64;
    let mut free_name = || loop {
        moved += 1;
        let name = top.join(format!("moved-{moved}"));
        if fs::symlink_metadata(&name).is_err() {
            return name;
        }
    };
    loop {
        let mut empty = true;
        for entry in fs::read_dir(top)? {
            if give_up.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long"));
            }
            let entry = entry?;
            empty = false;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                continue;
            }
            open_up(&entry.path());
            for inner in fs::read_dir(entry.path())? {
                let inner = inner?;
                if inner.file_type()?.is_dir() {
                    // Who is moved must be writable: its `..` changes.
                    open_up(&inner.path());
                    fs::rename(inner.path(), free_name())?;
                } else {
                    fs::remove_file(inner.path())?;
                }
            }
            fs::remove_dir(entry.path())?;
        }
        if empty {
            return fs::remove_dir(top);
        }
    }
}

/// A directory without permissions hides its contents from its owner. Where this fails, what
/// follows says why.
fn open_up(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
}
