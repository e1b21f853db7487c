//! Checks of the issues, files and processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ccc_core::{Clock, SystemClock};
use github_emulator::{Emulator, RepoRef};

/// The pause between two checks of the issues.
const PAUSE: Duration = Duration::from_millis(50);

/// Returns whether the issue has a comment with the result of its run.
pub(crate) fn is_final(github: &Emulator, repo: &RepoRef, issue: u64) -> bool {
    github.comments(repo, issue).iter().any(|comment| comment.body.contains("Opened #"))
}

/// Waits until each issue has a final comment.
pub(crate) async fn all_final(github: &Emulator, repo: &RepoRef, mut issues: Vec<u64>) {
    loop {
        issues.retain(|issue| !is_final(github, repo, *issue));
        if issues.is_empty() {
            return;
        }
        SystemClock.sleep(PAUSE).await;
    }
}

/// Returns the directories of runs below `dir`.
pub(crate) fn files_of_runs(dir: &Path) -> Vec<PathBuf> {
    let entries = |dir: &Path| {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for path in entries(dir) {
        if path.is_dir() && path.file_name().is_some_and(|name| name == "runs") {
            found.extend(entries(&path));
        } else if path.is_dir() {
            found.extend(files_of_runs(&path));
        }
    }
    found
}

/// Returns the working directories of the processes in `dir`.
pub(crate) fn processes_in(dir: &Path) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let directories =
        processes.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    directories.filter(|cwd| cwd.starts_with(dir)).collect()
}
