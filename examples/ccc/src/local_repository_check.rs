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
        let name = String::from_utf8_lossy(&output.stdout);
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;
    use ccc_core::testing::git;

    #[tokio::test]
    async fn a_repository_with_special_files_is_refused_and_blocks_nothing() {
        // spec: X20e
        for (name, expected) in [
            ("HEAD", "the file HEAD"),
            ("config", "the file config"),
            ("commondir", "the file commondir"),
            ("packed-refs", "the file packed-refs"),
            ("shallow", "the file shallow"),
            ("objects/info/alternates", "the file objects/info/alternates"),
            ("refs/heads/main", "the file refs/heads/main"),
            ("refs/tags/a", "the file refs/tags/a"),
            ("refs/heads/claude/a", "the file refs/heads/claude/a"),
            ("objects/info/commit-graph", "the file objects/info/commit-graph"),
            ("objects/info/commit-graphs/a", "the file objects/info/commit-graphs/a"),
            ("objects/pack/pack-1.idx", "the file objects/pack/pack-1.idx"),
            ("objects/00", "the file objects/00"),
            ("reftable/tables.list", "the file reftable/tables.list"),
            ("description", ""),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("repository");
            std::fs::create_dir(&root).unwrap();
            git(&root, &["init", "--quiet"]);
            git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
            let path = root.join(".git").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&path);
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            match CheckedRepository::open(&root, &BranchPrefix::default()).await {
                Ok(_) => assert_eq!(expected, "", "{name}"),
                Err(error) => {
                    assert!(
                        !expected.is_empty() && error.to_string().contains(expected),
                        "{error}"
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn a_long_file_or_a_file_without_an_end_is_not_read() {
        // spec: X20e
        /// The replacement of a file: a sparse file with this number of bytes, or a symlink.
        enum New {
            Sparse(u64),
            Link(&'static str),
        }
        use New::{Link, Sparse};
        for (name, new, expected) in [
            (".git", Sparse(5 << 30), "more than 64 KiB"),
            (".git", Sparse((64 << 10) + 1), "more than 64 KiB"),
            (".git", Sparse(64 << 10), "is not in a git repository"),
            (".git", Link("/proc/kmsg"), "is not in a git repository"),
            (".git", Link("/dev/zero"), "is not in a git repository"),
            (".git/commondir", Sparse(3 << 30), "more than 64 KiB"),
            (".git/commondir", Link("/proc/kmsg"), "the file commondir"),
            (".git/commondir", Link("/dev/zero"), "the file commondir"),
            (".git/HEAD", Sparse(5 << 30), "the file HEAD"),
            (".git/HEAD", Link("/proc/kmsg"), "the file HEAD"),
            (".git/config", Sparse(5 << 30), "the file config"),
            (".git/config", Link("/proc/kmsg"), "the file config"),
            (".git/objects/info/alternates", Sparse(5 << 30), "the file objects/info/alternates"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("repository");
            std::fs::create_dir(&root).unwrap();
            git(&root, &["init", "--quiet"]);
            git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
            let path = root.join(name);
            match path.is_dir() {
                true => std::fs::remove_dir_all(&path).unwrap(),
                false => drop(std::fs::remove_file(&path)),
            }
            match new {
                Sparse(bytes) => std::fs::File::create(&path).unwrap().set_len(bytes).unwrap(),
                Link(target) => std::os::unix::fs::symlink(target, &path).unwrap(),
            }
            let error = CheckedRepository::open(&root, &BranchPrefix::default()).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn a_repository_with_symlinks_that_a_push_writes_through_is_refused() {
        // spec: X20e
        for (name, prefix, expected) in [
            ("refs", "claude/", "has refs "),
            ("refs/heads", "claude/", "has refs/heads "),
            ("refs/heads/claude", "claude/", "the file refs/heads/claude"),
            ("refs/heads/bots", "bots/claude/fix-", "the file refs/heads/bots"),
            ("refs/heads/bots/claude", "bots/claude/fix-", "the file refs/heads/bots/claude"),
            ("refs/heads/main", "claude/", "the file refs/heads/main"),
            ("objects", "claude/", "has objects "),
            ("objects/0f", "claude/", "the file objects/0f"),
            ("objects/pack", "claude/", "the file objects/pack"),
            ("objects/info", "claude/", "the file objects/info"),
            ("reftable", "claude/", "has reftable "),
            ("packed-refs", "claude/", "the file packed-refs"),
            ("shallow", "claude/", "the file shallow"),
            ("logs", "claude/", ""),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("repository");
            std::fs::create_dir(&root).unwrap();
            git(&root, &["init", "--quiet"]);
            git(&root, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
            let (path, outside) = (root.join(".git").join(name), directory.path().join("outside"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if std::fs::rename(&path, &outside).is_err() {
                match ["packed-refs", "shallow"].contains(&name) {
                    true => std::fs::write(&outside, "# a file\n").unwrap(),
                    false => std::fs::create_dir(&outside).unwrap(),
                }
            }
            std::os::unix::fs::symlink(outside, &path).unwrap();
            let prefix = BranchPrefix::new(prefix).unwrap();
            match CheckedRepository::open(&root, &prefix).await {
                Ok(_) => assert_eq!(expected, "", "{name}"),
                Err(error) => {
                    let shown = error.to_string();
                    assert!(!expected.is_empty() && shown.contains(expected), "{name}: {shown}");
                }
            }
        }
    }

    #[tokio::test]
    async fn ordinary_repositories_pass_the_checks_of_their_files() {
        // spec: X20e
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let plain = at("plain");
        std::fs::create_dir(&plain).unwrap();
        git(&plain, &["init", "--quiet"]);
        git(&plain, &["commit", "--quiet", "--allow-empty", "--message", "start"]);
        git(&plain, &["branch", "claude/issue-1"]);
        git(&plain, &["worktree", "add", "--quiet", "-b", "side", "../worktree"]);
        git(directory.path(), &["clone", "--quiet", "--bare", "plain", "bare.git"]);
        git(directory.path(), &["clone", "--quiet", "--shared", "plain", "shared"]);
        git(directory.path(), &["clone", "--quiet", "plain", "packed"]);
        git(&at("packed"), &["gc", "--quiet"]);
        git(&at("packed"), &["multi-pack-index", "write"]);
        git(&at("packed"), &["commit-graph", "write", "--reachable", "--split"]);
        let (old, moved) = (at("packed/.git/objects/pack"), at("moved.pack"));
        let pack = std::fs::read_dir(old).unwrap().map(|entry| entry.unwrap().path());
        let pack = pack.into_iter().find(|path| path.extension() == Some("pack".as_ref())).unwrap();
        std::fs::rename(&pack, &moved).unwrap();
        std::os::unix::fs::symlink(moved, pack).unwrap();
        std::os::unix::fs::symlink("plain/.git", at("link.git")).unwrap();
        let mut names = vec!["plain", "worktree", "bare.git", "shared", "packed", "link.git"];
        // A version of git that does not know the option knows no reftable.
        let mut reftable = std::process::Command::new("git");
        reftable.args(["init", "--quiet", "--initial-branch=main", "--ref-format=reftable"]);
        if reftable.arg(at("reftable")).status().is_ok_and(|status| status.success()) {
            git(&at("reftable"), &["commit", "--quiet", "--allow-empty", "--message", "start"]);
            names.push("reftable");
        }
        for name in names {
            let opened = CheckedRepository::open(&at(name), &BranchPrefix::default()).await;
            assert!(opened.is_ok(), "{name}: {opened:?}");
        }
    }
}
