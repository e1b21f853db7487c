//! Access to a git repository on this machine that runs no program of the repository.

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ccc_core::{BranchPrefix, Error, ErrorKind, Result};
use tempfile::TempDir;

/// Maximum size of a file of a git directory that contains one line, in bytes. Such a line is a path or
/// the name of a ref.
pub(crate) const MAX_LINE_FILE: u64 = 64 << 10;

/// The configuration of a [`RepositoryView`]. Git reads no other configuration, because the
/// environment of the calls of git excludes that of the system and of the user.
const CONFIG: &str = "\
[core]
\tbare = true
\thooksPath = /dev/null
\tfsmonitor = false
\tlogAllRefUpdates = false
\talternateRefsCommand = true
[receive]
\tautogc = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[protocol]
\tallow = never
";

/// A git directory of this program that has the objects and the refs of another repository.
///
/// Git executes programs that a repository names: hooks, and programs in its configuration such as
/// `core.alternateRefsCommand`. A fetch from a repository and a push into it start a git process
/// that reads them. The view has its own configuration and no hooks. Its objects and refs are
/// symbolic links to those of the repository. A fetch from the view and a push into it therefore
/// read and write the data of the repository, and execute nothing of it (spec: X20a).
#[derive(Debug)]
pub(crate) struct RepositoryView {
    dir: TempDir,
}

impl RepositoryView {
    /// Creates a view of the repository at `path`: a directory with `.git`, a linked worktree, or
    /// a bare repository.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] if there is no git repository at `path`.
    /// - [`ErrorKind::InvalidInput`] if a file of its git directory is too long.
    /// - [`ErrorKind::Unavailable`] if the view cannot be written.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let data = data_directory(path)?.ok_or_else(|| {
            let line = format!("the directory {} is not a git repository", path.display());
            Error::new(ErrorKind::NotFound, line)
        })?;
        let view = tempfile::Builder::new().prefix("ccc-repository-").tempdir();
        view.and_then(|dir| fill(dir.path(), &data).map(|()| Self { dir })).map_err(|e| {
            let line = "cannot write a directory for git: check the directory for temporary files";
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        })
    }

    /// Makes a push into the view consider only the branch `branch` and the branches that begin with
    /// `prefix`. Git otherwise refuses the push if any other ref of the repository is damaged.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the view cannot be written.
    pub(crate) fn hide_other_refs(&self, branch: &str, prefix: &BranchPrefix) -> Result<()> {
        // Git hides hierarchies, not names with a common start.
        let hierarchy = prefix.as_str().rsplit_once('/').map_or("", |(above, _)| above);
        let mut lines = "[receive]\n\thideRefs = refs\n".to_owned();
        for shown in [branch, hierarchy] {
            let name = format!("refs/heads/{shown}");
            let name = name.trim_end_matches('/').replace('\\', "\\\\").replace('"', "\\\"");
            lines.push_str(&format!("\thideRefs = \"!{name}\"\n"));
        }
        let file = self.path().join("config");
        let append = OpenOptions::new().append(true).open(file);
        append.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(|e| {
            let line = "cannot write a directory for git: check the directory for temporary files";
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        })
    }

    /// Returns the path of the view, which is deleted when this value is dropped.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns whether objects of the repository can be missing: it was cloned with a filter, or it
    /// borrows the objects of another repository.
    pub(crate) fn can_lack_objects(&self) -> bool {
        let objects = self.path().join("objects");
        let packs = std::fs::read_dir(objects.join("pack")).into_iter().flatten();
        objects.join("info/alternates").exists()
            || packs.flatten().any(|pack| pack.path().extension() == Some(OsStr::new("promisor")))
    }
}

/// Writes the view of the repository with the objects in `data/objects` to `view`.
fn fill(view: &Path, data: &Path) -> std::io::Result<()> {
    // The links to `packed-refs` and `shallow` may lead nowhere: git can create these files later.
    for name in ["objects", "refs", "packed-refs", "shallow"] {
        symlink(data.join(name), view.join(name))?;
    }
    let mut config = CONFIG.to_owned();
    if data.join("reftable").is_dir() {
        symlink(data.join("reftable"), view.join("reftable"))?;
        config.push_str(
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n",
        );
    }
    // In a repository that a group shares, new files must stay writable for the group.
    if std::fs::metadata(data.join("objects"))?.mode() & 0o2020 == 0o2020 {
        config.push_str("[core]\n\tsharedRepository = group\n");
    }
    std::fs::write(view.join("config"), config)?;
    // Git needs a valid HEAD. No call reads it.
    std::fs::write(view.join("HEAD"), "ref: refs/heads/main\n")
}

/// Returns whether there is a repository at `path`: a directory with `.git`, a linked worktree, a
/// working tree of a submodule, or a bare repository.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a file of its git directory is too long.
pub(crate) fn is_repository(path: &Path) -> Result<bool> {
    Ok(data_directory(path)?.is_some())
}

/// Returns the directory that the file `file` of git names after `prefix`. Does not open a FIFO or a
/// device, which could block this process.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the file has more than [`MAX_LINE_FILE`] bytes.
fn linked(file: &Path, prefix: &str) -> Result<Option<PathBuf>> {
    let read = |found: &Metadata| found.is_file() && found.len() > 0;
    // A file of `/proc`, whose length is 0, can have contents without an end.
    let Some(found) = std::fs::metadata(file).ok().filter(read) else { return Ok(None) };
    if found.len() > MAX_LINE_FILE {
        return Err(too_long(file));
    }
    // Another file can have replaced the one above.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let Ok(opened) = OpenOptions::new().read(true).custom_flags(nonblock).open(file) else {
        return Ok(None);
    };
    if !opened.metadata().is_ok_and(|found| read(&found)) {
        return Ok(None);
    }
    let mut text = Vec::new();
    if opened.take(MAX_LINE_FILE + 1).read_to_end(&mut text).is_err() {
        return Ok(None);
    }
    if text.len() as u64 > MAX_LINE_FILE {
        return Err(too_long(file));
    }
    let Some(mut target) = text.strip_prefix(prefix.as_bytes()) else { return Ok(None) };
    while let [rest @ .., b'\n' | b'\r'] = target {
        target = rest;
    }
    Ok(file.parent().map(|parent| parent.join(OsStr::from_bytes(target))))
}

/// Returns the error that `file`, which git would read as one line, is too long.
fn too_long(file: &Path) -> Error {
    let line = format!(
        "the file {} of a git repository has more than {} KiB, but git reads a single line from it: \
         restore it from a clone of the repository",
        file.display(),
        MAX_LINE_FILE >> 10
    );
    Error::new(ErrorKind::InvalidInput, line)
}

/// Returns the git directory of the working tree or bare repository at `path`.
fn git_directory(path: &Path) -> Result<Option<PathBuf>> {
    let dot_git = path.join(".git");
    if dot_git.is_dir() {
        Ok(Some(dot_git))
    } else if dot_git.is_file() {
        linked(&dot_git, "gitdir: ")
    } else {
        Ok(Some(path.to_owned()))
    }
}

/// Returns the git directory of the repository at `path`, and the one with its objects and refs if
/// that is another one.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if a file of the git directory is too long.
pub(crate) fn git_directories(path: &Path) -> Result<Vec<PathBuf>> {
    let (git_dir, data) = (git_directory(path)?, data_directory(path)?);
    let other = git_dir.filter(|git_dir| std::fs::canonicalize(git_dir).ok() != data);
    Ok(other.into_iter().chain(data).collect())
}

/// Returns the directory with the objects and the refs of the repository at `path`.
fn data_directory(path: &Path) -> Result<Option<PathBuf>> {
    let Some(git_dir) = git_directory(path)? else { return Ok(None) };
    if std::fs::symlink_metadata(git_dir.join("HEAD")).is_err() {
        return Ok(None);
    }
    // A linked worktree shares the data of the repository that it belongs to.
    let data = linked(&git_dir.join("commondir"), "")?.unwrap_or(git_dir);
    let Ok(data) = std::fs::canonicalize(data) else { return Ok(None) };
    Ok((data.join("objects").is_dir() && data.join("refs").is_dir()).then_some(data))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;
    use ccc_core::testing::git;

    /// Checks that a push into the view of `repository` creates a branch of `source`.
    fn check(source: &Path, repository: &Path, branch: &str) {
        let view = RepositoryView::new(repository).unwrap();
        let view = view.path().to_str().unwrap();
        let target = format!("HEAD:refs/heads/{branch}");
        git(source, &["push", "--quiet", view, &target]);
        let head = git(source, &["rev-parse", "HEAD"]);
        assert_eq!(git(repository, &["rev-parse", &format!("refs/heads/{branch}")]), head);
        git(repository, &["fsck", "--strict"]);
    }

    #[test]
    fn repositories_of_all_forms_can_be_read_and_written() {
        // spec: X20a, X20i
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let plain = at("plain");
        std::fs::create_dir(&plain).unwrap();
        git(&plain, &["init", "--quiet"]);
        std::fs::write(plain.join("a"), "1").unwrap();
        git(&plain, &["add", "."]);
        git(&plain, &["commit", "--quiet", "-m", "start"]);
        git(&plain, &["worktree", "add", "--quiet", "-b", "side", "../worktree"]);
        git(&plain, &["pack-refs", "--all"]);
        git(dir.path(), &["clone", "--quiet", "--bare", "plain", "bare.git"]);
        git(dir.path(), &["clone", "--quiet", "--shared", "plain", "shared"]);
        let shallow = format!("file://{}", plain.display());
        git(dir.path(), &["clone", "--quiet", "--depth=1", &shallow, "shallow"]);
        for (i, name) in ["plain", "worktree", "bare.git", "shared", "shallow"].iter().enumerate() {
            git(&plain, &["commit", "--quiet", "--allow-empty", "-m", name]);
            check(&plain, &at(name), &format!("claude/{i}"));
        }
        // A push without the hidden refs succeeds beside a damaged branch.
        std::fs::write(plain.join(".git/refs/heads/damaged"), "1".repeat(40) + "\n").unwrap();
        std::fs::write(plain.join(".git/refs/heads/garbage"), "garbage\n").unwrap();
        let source = at("bare.git");
        git(&source, &["update-ref", "HEAD", "HEAD~0"]);
        for (prefix, succeeds) in [("claude/", true), ("bots/claude/fix-", true), ("fix-", false)] {
            let prefix = BranchPrefix::new(prefix).unwrap();
            let view = RepositoryView::new(&plain).unwrap();
            view.hide_other_refs("main", &prefix).unwrap();
            let commit = git(&source, &["commit-tree", "-p", "HEAD", "-m", "new", "HEAD^{tree}"]);
            let target = format!("{commit}:refs/heads/{prefix}new");
            let mut push = std::process::Command::new("git");
            push.current_dir(&source).args(["push", "--quiet"]).arg(view.path()).arg(target);
            let pushed = push.output().unwrap();
            assert_eq!(pushed.status.success(), succeeds, "{prefix}: {pushed:?}");
        }
        for name in ["", "nowhere"] {
            let error = RepositoryView::new(&at(name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
        }
    }
}
