//! UIDs and states of processes, read from `/proc`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns whether `process`, a directory of `/proc`, is a live process with the UID `uid`.
pub(crate) fn is_alive_as(uid: u32, process: &Path) -> bool {
    uid_of(process) == Some(uid)
}

/// Returns the UID of `process`, a directory of `/proc`, if the process is alive. The UID is read
/// from the file `status`, because the owner of the `/proc` directory can be a different user, such
/// as root.
pub(crate) fn uid_of(process: &Path) -> Option<u32> {
    let (uid, alive) = status(process)?;
    // A process whose first thread has ended looks dead, but continues in its other threads.
    let alive =
        alive || threads(process).any(|thread| status(&thread).is_some_and(|(_, alive)| alive));
    alive.then_some(uid)
}

/// Reads the file `status` in `task`, the `/proc` directory of a process or thread. Returns the UID
/// of the process or thread, and whether the process or thread is alive. The file is not always
/// UTF-8, because it contains the name of the process.
fn status(task: &Path) -> Option<(u32, bool)> {
    let text = fs::read(task.join("status")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let alive = !field("State:")?.trim_start().starts_with(['Z', 'X']);
    let uid = field("Uid:")?.split_whitespace().next()?.parse().ok()?;
    Some((uid, alive))
}

/// Returns the `/proc` directories of the threads of `process`, including the first thread.
pub(crate) fn threads(process: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Returns the UIDs of all processes on the host machine. Zombies are included, because they count
/// towards the process limit of a UID.
pub(crate) fn uids_in_use() -> HashSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(status(&entry.path())?.0)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    #[test]
    fn a_process_has_its_uid_only_while_it_is_alive() {
        let here = rustix::process::getuid().as_raw();
        assert!(is_alive_as(here, Path::new("/proc/self")));
        assert!(!is_alive_as(here + 1, Path::new("/proc/self")));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = format!("/proc/{}", child.id());
        // Dead, but not reaped yet.
        assert!((0..100_000).any(|_| !is_alive_as(here, Path::new(&process))));
        assert!(Path::new(&process).exists());
        child.wait().unwrap();
    }
}
