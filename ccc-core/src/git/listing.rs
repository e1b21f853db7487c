//! The list of the files that an agent changed (spec: X6d, X18d).

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::fchown;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{Mode, OFlags, fstat, mkdirat, openat};

use super::HostGit;
use super::blocking::{spawn_blocking, unusable};
use super::command::{Call, RunUser};
use super::finding::Finding;
use super::walk::Workspace;
use crate::remove_tree::remove_tree_at;
use crate::{Result, RunId};

/// Files of a run's git directory that git needs to list the changed files.
const STAGED: &[&str] = &["HEAD", "config", "index", "info/attributes"];

impl HostGit {
    /// Returns the sorted names of the files in the workspace of `run` that differ from the index of
    /// `run`, without ignored files. Returns a finding if git exceeds its limits.
    pub(super) async fn changed_files(
        &self,
        run: RunId,
    ) -> Result<std::result::Result<Vec<Vec<u8>>, Finding>> {
        let options = ["-z", "--modified", "--others", "--exclude-standard", "--deduplicate"];
        let call = self.git("ls-files").args(options);
        let listed = match self.read_workspace(run, call, &[0]).await? {
            Ok(listed) => listed,
            Err(finding) => return Ok(Err(finding)),
        };
        let mut names: Vec<_> = names(&listed).map(<[u8]>::to_vec).collect();
        names.sort();
        Ok(Ok(names))
    }

    /// Returns those of `paths` that git ignores in the workspace of `run`. A path in the index of
    /// `run` is not ignored. Returns a finding if git exceeds its limits.
    pub(super) async fn ignored(
        &self,
        run: RunId,
        paths: &HashSet<Vec<u8>>,
    ) -> Result<std::result::Result<HashSet<Vec<u8>>, Finding>> {
        // The prefix, because a path can start with `:`, which otherwise starts a pattern.
        let list = paths.iter().flat_map(|path| [b"./", path.as_slice(), &[0]]).flatten().copied();
        let call =
            self.git("check-ignore").args(["-z", "--stdin"]).stdin(list.collect::<Vec<u8>>());
        // The exit status is 1 if no path is ignored.
        let printed = self.read_workspace(run, call, &[0, 1]).await?;
        let path = |name: &[u8]| name.strip_prefix(b"./").map(<[u8]>::to_vec);
        Ok(printed.map(|printed| names(&printed).filter_map(path).collect()))
    }

    /// Executes `call` in the workspace of `run`, and returns its output. Returns a finding if git
    /// exceeds its limits. `statuses` are the exit statuses of a successful call.
    ///
    /// Git reads files that the agent wrote, such as ignore patterns. If this process is root and the
    /// workspace belongs to another user, git is executed as that user, with a copy of the index. A
    /// defect of git then gives the agent no access that it does not already have.
    async fn read_workspace(
        &self,
        run: RunId,
        call: Call,
        statuses: &[i32],
    ) -> Result<std::result::Result<Vec<u8>, Finding>> {
        let paths = self.paths(run);
        let (workspace, git_dir) = (paths.workspace.clone(), paths.git_dir.clone());
        let user = spawn_blocking(move || {
            stage(&workspace, &git_dir).map_err(|e| unusable(&workspace, &e))
        })
        .await?;
        let staged = user.is_some();
        let call = match user {
            Some(user) => call.of_run(user),
            None => call.dir(&paths.git_dir).work_tree(&paths.workspace),
        };
        let call = call.reads_workspace();
        let ended = call.run_raw().await;
        if staged {
            let workspace = paths.workspace.clone();
            spawn_blocking(move || unstage(&workspace).map_err(|e| unusable(&workspace, &e)))
                .await?;
        }
        match ended {
            Ok((status, printed, _)) if status.code().is_some_and(|c| statuses.contains(&c)) => {
                Ok(Ok(printed))
            }
            Ok((_, _, stderr)) => Err(call.failure(&stderr)),
            Err(error) => Finding::of_limit(error).map(Err),
        }
    }
}

/// Splits an output of git in which NUL ends each name.
fn names(printed: &[u8]) -> impl Iterator<Item = &[u8]> {
    printed.split(|byte| *byte == 0).filter(|name| !name.is_empty())
}

/// Creates a git directory `.git` in `workspace` that belongs to the owner of the workspace, with the
/// files of `git_dir` that `git ls-files` needs. Does nothing and returns `None` if this process is
/// not root, or if the workspace belongs to the user of this process.
fn stage(workspace: &Path, git_dir: &Path) -> io::Result<Option<RunUser>> {
    let opened = Workspace::open(workspace)?;
    let found = fstat(opened.descriptor())?;
    let (uid, gid) = (found.st_uid, found.st_gid);
    if !rustix::process::geteuid().is_root() || uid == 0 {
        return Ok(None);
    }
    // The name can exist again: a program that still runs may have created it.
    remove_tree_at(opened.descriptor(), ".git", &AtomicBool::new(false))?;
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    mkdirat(opened.descriptor(), ".git", Mode::RWXU)?;
    let top = openat(opened.descriptor(), ".git", flags, Mode::empty())?;
    let mut directories = Vec::new();
    for name in ["objects", "refs", "info"] {
        mkdirat(&top, name, Mode::RWXU)?;
        directories.push(openat(&top, name, flags, Mode::empty())?);
    }
    for name in STAGED {
        let content = match std::fs::read(git_dir.join(name)) {
            // A commit without files has no index.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            content => content?,
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut copy = File::from(openat(&top, *name, flags, Mode::RUSR | Mode::WUSR)?);
        copy.write_all(&content)?;
        fchown(&copy, Some(uid), Some(gid))?;
    }
    // The owner changes last. Until then, no program of the run can write into the directories.
    directories.push(top);
    for directory in &directories {
        fchown(directory, Some(uid), Some(gid))?;
    }
    Ok(Some(RunUser { uid, gid, workspace: opened.into_descriptor() }))
}

/// Removes the git directory that [`stage`] created.
fn unstage(workspace: &Path) -> io::Result<()> {
    let opened = Workspace::open(workspace)?;
    remove_tree_at(opened.descriptor(), ".git", &AtomicBool::new(false))
}
