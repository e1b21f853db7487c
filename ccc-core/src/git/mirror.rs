//! Mirrors: bare repositories, each with the default branch of one repository of the VCS host. All
//! runs of a repository share its mirror, so that git fetches each object only once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::HostGit;
use super::blocking::{spawn_blocking, unusable};
use super::git_dir::check_git_dir;
use super::own_dir::OwnDir;
use crate::event::RepoRef;
use crate::remove_tree::remove_tree;
use crate::vcs::{Access, Repository};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// The ref of a mirror with the newest fetched commit of the default branch. It is outside
/// `refs/heads`, so that its name cannot conflict with the name of a branch.
const TIP: &str = "refs/default";

/// Maximum number of packs in a mirror. If a mirror has more, the packs are combined. Each fetch
/// adds a pack and searches all packs. Therefore a large number of packs makes a fetch slow.
const MAX_PACKS: usize = 50;

impl HostGit {
    /// Returns the path of the mirror of `repo`, and creates the parent directory of the mirror.
    /// The path contains the id and not the name of the repository, because the name can later
    /// belong to another repository.
    pub(super) async fn mirror_path(&self, repo: &RepoRef) -> Result<PathBuf> {
        let clean = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
        if repo.host.is_empty() || repo.host.starts_with('.') || !repo.host.chars().all(clean) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the name of the VCS host, {:?}, is not valid: it may contain only ASCII \
                     letters, digits and `.`, `-`, `:`, `_`, and must not start with `.`",
                    repo.host
                ),
            ));
        }
        let (root, host, id) = (Arc::clone(&self.root), repo.host.clone(), repo.id);
        spawn_blocking(move || {
            let host = root.create("mirrors")?.create(&host)?;
            Ok(host.path().join(format!("{id}.git")))
        })
        .await
    }

    /// Updates the mirror from the remote, and returns the newest commit of the default branch.
    /// Creates a ref for `run` at this commit, so that the commit remains reachable if the branch
    /// moves.
    pub(super) async fn fetch(
        &self,
        run: RunId,
        repository: &Repository,
        access: &Access,
        mirror: &Path,
    ) -> Result<ObjectId> {
        let lock = self.fetching(mirror);
        let _one_at_a_time = lock.lock().await;
        let (root, path) = (Arc::clone(&self.root), mirror.to_owned());
        if !spawn_blocking(move || check_mirror(&root, &path)).await? {
            // Create the mirror under a temporary name first, because an interrupted `git init`
            // leaves a partial repository.
            let new = mirror.with_extension("new");
            remove_tree(new.clone()).await?;
            self.git("init").args(["--quiet", "--bare", "--template="]).arg(&new).run().await?;
            tokio::fs::rename(&new, mirror).await.map_err(|e| unusable(mirror, &e))?;
        }
        let branch = &repository.default_branch;
        let missing = || {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "the repository {} has no commit on its default branch `{branch}`: push a first \
                     commit, or change the default branch",
                    repository.repo
                ),
            )
        };
        // Some of these characters have a meaning in a refspec. No branch has them in its name.
        if branch.is_empty() || branch.contains([':', '*', '?', '[', '\\', '^', '~', ' ']) {
            return Err(missing());
        }
        self.git("fetch")
            .dir(mirror)
            .remote(access)?
            // Store each fetch as a pack, so that the mirror does not fill with loose objects.
            .setting("fetch.unpackLimit=1")
            .args(["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"])
            .arg("--")
            .arg(&access.clone_url)
            // Only the default branch, because another branch can be damaged, hidden or huge.
            .arg(format!("+refs/heads/{branch}:{TIP}"))
            .run()
            .await
            .map_err(|error| match error.message().contains("couldn't find remote ref") {
                true => missing(),
                false => error,
            })?;
        let tip = self
            .git("rev-parse")
            .dir(mirror)
            .args(["--verify", "--quiet", "--end-of-options"])
            .arg(format!("{TIP}^{{commit}}"))
            .run()
            .await
            .map_err(|_| missing())?;
        let tip = ObjectId::new(String::from_utf8_lossy(&tip).trim())?;
        self.git("update-ref")
            .dir(mirror)
            .args([run_ref(run).as_str(), tip.as_str()])
            .run()
            .await?;
        Ok(tip)
    }

    /// Deletes the ref that [`fetch`](Self::fetch) created for `run`. Also succeeds if the ref does
    /// not exist.
    pub(super) async fn release_ref(&self, run: RunId) -> Result<()> {
        let (root, name) = (self.root().to_owned(), run_ref(run));
        let wanted = name.clone();
        for mirror in spawn_blocking(move || mirrors_with_ref(&root, &wanted)).await? {
            // Wait for a fetch: a fetch lists all refs, then reads their objects, and fails if
            // a ref is deleted in between.
            let fetching = self.fetching(&mirror);
            let _alone = fetching.lock().await;
            self.git("update-ref").dir(&mirror).args(["-d", name.as_str()]).run().await?;
            // A failed repack is ignored, because the mirror is then only slower.
            let _ = self.repack(&mirror).await;
        }
        Ok(())
    }

    /// Combines the packs and the refs of `mirror` if the mirror has more than [`MAX_PACKS`]
    /// packs. Deletes no object, because active runs can still read objects that no ref of the
    /// mirror reaches.
    async fn repack(&self, mirror: &Path) -> Result<()> {
        let path = mirror.to_owned();
        if spawn_blocking(move || Ok(packs(&path))).await? <= MAX_PACKS {
            return Ok(());
        }
        // `--geometric`: large packs are not written again.
        // `-n`: `info/refs` is only needed to fetch from the mirror over plain HTTP.
        let together = ["-q", "-d", "-n", "--geometric=2", "--no-write-bitmap-index"];
        self.git("repack").dir(mirror).args(together).run().await?;
        self.git("pack-refs").dir(mirror).args(["--all", "--prune"]).run().await.map(drop)
    }
}

/// Returns the paths of the mirrors in the data directory `root` that have the ref `name`.
fn mirrors_with_ref(root: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let list = |path: PathBuf| -> Result<Vec<PathBuf>> {
        std::fs::read_dir(&path)
            .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
            .map_err(|e| unusable(&path, &e))
    };
    let has_ref = |mirror: &PathBuf| {
        let packed = || std::fs::read_to_string(mirror.join("packed-refs")).unwrap_or_default();
        mirror.join(name).exists() || packed().contains(name)
    };
    let mut mirrors = Vec::new();
    for host in list(root.join("mirrors"))? {
        let of_host = list(host)?.into_iter().filter(|p| p.extension() == Some("git".as_ref()));
        mirrors.extend(of_host.filter(has_ref));
    }
    Ok(mirrors)
}

/// Returns whether `mirror` exists in the data directory `root`, and removes the files that a killed
/// git process left in it.
///
/// # Errors
/// [`ErrorKind::Refused`] if another user owns the mirror or may write it. The mirror is then not
/// removed, because it shows how the other user got access.
fn check_mirror(root: &OwnDir, mirror: &Path) -> Result<bool> {
    let relative = mirror.strip_prefix(root.path()).unwrap_or(mirror);
    match check_git_dir(root, relative) {
        Ok(()) => {
            remove_stale_locks(mirror);
            Ok(true)
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Returns the name of the ref that makes the base commit of `run` reachable in a mirror. The ref
/// is not the ref that a fetch writes, so that it stays when the default branch moves.
fn run_ref(run: RunId) -> String {
    format!("refs/runs/{run}")
}

fn packs(mirror: &Path) -> usize {
    let found = std::fs::read_dir(mirror.join("objects/pack")).into_iter().flatten().flatten();
    found.filter(|entry| entry.path().extension() == Some("pack".as_ref())).count()
}

/// Removes the lock files and unfinished packs that a killed git process left in `mirror`, because
/// a lock file makes later calls of git fail. No other git process needs these files: only this
/// process uses the data directory, and the caller has locked the mirror.
fn remove_stale_locks(mirror: &Path) {
    // The names of unfinished packs start with `tmp_` (fetch) or `.tmp-` (repack).
    let unfinished = ["tmp_", ".tmp-"];
    let stale =
        |name: &str| name.ends_with(".lock") || unfinished.iter().any(|of| name.starts_with(of));
    let mut open = vec![mirror.join("refs"), mirror.join("objects/pack")];
    let top = std::fs::read_dir(mirror).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = top.map(|entry| entry.path()).filter(|p| p.is_file()).collect();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory { open.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    for path in found {
        if path.file_name().and_then(|name| name.to_str()).is_some_and(stale) {
            // An error is ignored: if the file still exists, the next call of git reports it.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed expectation fails the test")]

    use super::*;
    use crate::{Clock, SystemClock};

    #[tokio::test]
    async fn a_ref_is_deleted_only_while_no_fetch_runs() {
        // spec: P3
        let root = tempfile::tempdir().unwrap();
        let git = HostGit::open(root.path()).unwrap();
        let (mirror, other) = ("host/1.git", "host/2.git");
        for name in [mirror, other] {
            let path = git.root().join("mirrors").join(name);
            git.git("init").args(["--quiet", "--bare"]).arg(&path).run().await.unwrap();
        }
        let run = RunId::new(SystemClock.now()).unwrap();
        let path = git.root().join("mirrors").join(mirror);
        let empty = git.git("hash-object").dir(&path).args(["-w", "--stdin"]).run().await.unwrap();
        let empty = String::from_utf8(empty).unwrap();
        git.git("update-ref").dir(&path).args([&run_ref(run), empty.trim()]).run().await.unwrap();

        // A fetch of another mirror does not delay the deletion.
        let (ours, theirs) =
            (git.fetching(&path), git.fetching(&git.root().join("mirrors").join(other)));
        let (fetching, _elsewhere) = (ours.lock().await, theirs.lock().await);
        let going = git.release_ref(run);
        tokio::pin!(going);
        tokio::select! {
            biased;
            _ = &mut going => panic!("`release_ref` must wait for the fetch"),
            () = SystemClock.sleep(std::time::Duration::from_millis(50)) => {}
        }
        assert!(path.join(run_ref(run)).exists());
        drop(fetching);
        going.await.unwrap();
        assert!(!path.join(run_ref(run)).exists());
    }
}
