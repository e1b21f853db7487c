//! The checks of a repository on this machine before a run: that it exists, that git trusts it, and
//! that a run can use it (spec: X20e, X20f).

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ccc_core::untrusted_text::one_line;
use ccc_core::{BranchPrefix, Error, ErrorKind, Result};

use crate::blocking::spawn_blocking;
use crate::git::{git_in, safe_directories};
use crate::local_repository::{RepositoryView, git_directories, is_repository};
use crate::local_repository_files::{check_branch, check_files, unusable};

/// A repository that a run can use.
#[derive(Debug)]
pub(crate) struct CheckedRepository {
    /// The root of the work tree, or the bare repository.
    pub(crate) root: PathBuf,
    pub(crate) view: RepositoryView,
    /// The branch that HEAD names.
    pub(crate) branch: String,
}

impl CheckedRepository {
    /// Opens the repository that contains the directory `path`. `prefix` is the prefix of the branches
    /// that runs create.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] if there is no repository or no branch is checked out.
    /// - [`ErrorKind::Refused`] if the repository belongs to another user and git's setting
    ///   `safe.directory` does not permit it.
    /// - [`ErrorKind::InvalidInput`] if a run cannot use the repository, for example because it is a
    ///   shallow clone.
    pub(crate) async fn open(path: &Path, prefix: &BranchPrefix) -> Result<Self> {
        let path = path.to_owned();
        // A file system of the repository can hang.
        let root = spawn_blocking(move || {
            let root = repository_root(&path)?;
            for directory in git_directories(&root)? {
                check_files(&root, &directory)?;
            }
            Ok(root)
        })
        .await?;
        let safe = safe_directories().await?;
        let branch = current_branch(&root, &safe).await?;
        check_object_format(&root, &safe).await?;
        let (at, checked_out, prefix) = (root.clone(), branch.clone(), prefix.clone());
        let view = spawn_blocking(move || {
            for directory in git_directories(&at)? {
                check_branch(&at, &directory, &checked_out)?;
            }
            let view = RepositoryView::new(&at)?;
            view.hide_other_refs(&checked_out, &prefix)?;
            Ok(view)
        })
        .await?;
        check_complete(&root, &view, &branch).await?;
        Ok(Self { root, view, branch })
    }
}

/// Returns the root of the repository that contains the directory `path`: `path` itself or the first
/// directory above it on the same file system.
fn repository_root(path: &Path) -> Result<PathBuf> {
    let not_found = |line: String| Error::new(ErrorKind::NotFound, line);
    let shown = path.display();
    let absolute = std::fs::canonicalize(path)
        .map_err(|e| not_found(format!("cannot find the directory {shown}")).with_source(e))?;
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    let start = device(&absolute);
    for directory in absolute.ancestors().take_while(|directory| device(directory) == start) {
        if is_repository(directory)? {
            return Ok(directory.to_owned());
        }
    }
    Err(not_found(format!(
        "the directory {shown} is not in a git repository: pass the directory of a repository, or create one there with \
         `git init` and a first commit"
    )))
}

/// Returns the branch that HEAD of the repository at `root` names.
async fn current_branch(root: &Path, safe: &[OsString]) -> Result<String> {
    let shown = root.display();
    let output = git_in(root, safe, &["symbolic-ref", "--quiet", "HEAD"]).await?;
    if output.status.success() {
        let Ok(name) = std::str::from_utf8(&output.stdout) else {
            let why = "has a checked-out branch whose name is not UTF-8";
            return Err(unusable(root, why, "rename the branch with `git branch -m NAME`"));
        };
        let name = name.trim_end_matches('\n');
        return Ok(name.strip_prefix("refs/heads/").unwrap_or(name).to_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("dubious ownership") {
        let line = format!(
            "the git repository {shown} belongs to another user, and its configuration can name programs: if you trust it, run \
             `git config --global --add safe.directory {}`",
            quoted(root)
        );
        return Err(Error::new(ErrorKind::Refused, line));
    }
    // With `--quiet`, git prints nothing if HEAD is a commit.
    if words.trim().is_empty() {
        let line = format!(
            "the git repository {shown} has no checked-out branch, because HEAD is a commit: check out a branch with \
             `git switch BRANCH`"
        );
        return Err(Error::new(ErrorKind::NotFound, line));
    }
    let line = format!(
        "git cannot open the directory {shown} as a repository: {}. Check it with `git -C {} status`",
        one_line(&words, 300),
        quoted(root)
    );
    Err(Error::new(ErrorKind::NotFound, line))
}

async fn check_object_format(root: &Path, safe: &[OsString]) -> Result<()> {
    let output = git_in(root, safe, &["rev-parse", "--show-object-format"]).await?;
    let format = String::from_utf8_lossy(&output.stdout);
    match format.trim() {
        // A version of git that does not know the option knows only SHA-1.
        "sha1" | "" | "--show-object-format" => Ok(()),
        other => Err(unusable(
            root,
            &format!(
                "uses the object format {}, but a run supports only SHA-1",
                one_line(other, 20)
            ),
            "copy its files into a new repository, created with `git init --object-format=sha1`",
        )),
    }
}

/// Checks that the repository at `root` has all objects of `branch`, the only branch that a run
/// fetches. The fetch would otherwise fail.
async fn check_complete(root: &Path, view: &RepositoryView, branch: &str) -> Result<()> {
    let shown = quoted(root);
    let shallow = view.path().join("shallow");
    if std::fs::metadata(shallow).is_ok_and(|found| found.len() > 0) {
        let step = format!("fetch the rest of the history with `git -C {shown} fetch --unshallow`");
        return Err(unusable(root, "is a shallow clone, which lacks a part of the history", &step));
    }
    // The check reads the whole history, which takes long in a large repository.
    if !view.can_lack_objects() {
        return Ok(());
    }
    let reference = format!("refs/heads/{branch}");
    let exists = ["rev-parse", "--verify", "--quiet", &reference];
    if !git_in(view.path(), &[], &exists).await?.status.success() {
        // The branch has no commit yet.
        return Ok(());
    }
    // The view has no remote, so git cannot fetch the missing objects.
    let args = ["rev-list", "--objects", "--quiet", &reference];
    if git_in(view.path(), &[], &args).await?.status.success() {
        return Ok(());
    }
    let fetch = format!("`git -C {shown} fetch --refetch --no-filter`");
    let step = if view.path().join("objects/info/alternates").exists() {
        format!(
            "fetch these objects with {fetch}, or in the repository that its file `objects/info/alternates` names"
        )
    } else {
        format!("fetch these objects with {fetch}")
    };
    Err(unusable(root, "lacks objects of the checked-out branch", &step))
}

/// Returns `path` in the form of one word of a shell.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), Cow::into_owned)
}

#[cfg(test)]
mod tests;
