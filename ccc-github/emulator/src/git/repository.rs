//! A bare repository: refs, commits and files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::git::command::{line, program, run};
use crate::git::objects::Entry;

/// A bare git repository on disk.
#[derive(Debug)]
pub(crate) struct Git {
    dir: PathBuf,
}

impl Git {
    /// Returns the git repository of the emulated repository with the ID `repo`. The git repository
    /// is the directory `ID.git` in `data_dir`, for example `7.git` if `repo` is 7.
    pub(crate) fn new(data_dir: &Path, repo: u64) -> Self {
        Self { dir: data_dir.join(format!("{repo}.git")) }
    }

    /// Returns the path of the git repository's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Executes git with `args` in the repository. Returns git's standard output. Fails if the exit
    /// status is not 0.
    pub(crate) async fn run<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u8>> {
        run(program().arg("--git-dir").arg(&self.dir).args(args), None).await
    }

    /// Returns the ID of the commit at the tip of the branch `name`, or `None` if the branch does
    /// not exist.
    pub(crate) async fn branch(&self, name: &str) -> Option<String> {
        // `main~1` and `main@{1}` are revisions and not branches.
        if name.contains(['~', '^', ':', ' ']) || name.contains("..") || name.contains("@{") {
            return None;
        }
        self.commit_at(&format!("refs/heads/{name}")).await
    }

    /// Returns the ID of the commit that `revision` names, or `None` if the commit does not
    /// exist.
    pub(crate) async fn commit_at(&self, revision: &str) -> Option<String> {
        let name = format!("{revision}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        Some(line(&self.run(args).await.ok()?))
    }

    /// Returns the ID of the commit that `name` names, or `None` if it does not exist. A branch takes
    /// precedence over a tag with the same name (spec: E8).
    pub(crate) async fn commit_named(&self, name: &str) -> Option<String> {
        match self.branch(name).await {
            Some(commit) => Some(commit),
            None => self.commit_at(name).await,
        }
    }

    /// Returns the name and the object ID of each ref whose name starts with `prefix`, such as
    /// `refs/heads/`.
    pub(crate) async fn refs(&self, prefix: &str) -> Vec<(String, String)> {
        let out = self.run(["for-each-ref", "--format=%(refname) %(objectname)"]).await;
        String::from_utf8_lossy(&out.unwrap_or_default())
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
            .collect()
    }

    /// Moves the ref `name` from the commit `old` to the commit `new`. Fails if the ref points to
    /// another commit than `old`. If `old` is empty, creates the ref, and fails if the ref already
    /// exists. If `new` is empty, deletes the ref.
    pub(crate) async fn move_ref(&self, name: &str, new: &str, old: &str) -> Result<()> {
        let zero = "0".repeat(40);
        let or_zero = |sha: &str| if sha.is_empty() { zero.clone() } else { sha.to_owned() };
        let args = ["update-ref".to_owned(), name.to_owned(), or_zero(new), or_zero(old)];
        self.run(args).await.map(drop)
    }

    /// Returns whether `name` is valid as the name of a ref.
    pub(crate) async fn is_ref_name(&self, name: &str) -> bool {
        self.run(["check-ref-format", name]).await.is_ok()
    }

    /// Returns whether the history of the commit `ahead` contains the commit `behind`.
    pub(crate) async fn contains(&self, ahead: &str, behind: &str) -> bool {
        self.run(["merge-base", "--is-ancestor", behind, ahead]).await.is_ok()
    }

    /// Returns the object ID and the content of the file `path` in the commit `revision`.
    pub(crate) async fn file(&self, revision: &str, path: &str) -> Option<(String, Vec<u8>)> {
        let name = format!("{revision}:{path}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        let sha = line(&self.run(args).await.ok()?);
        Some((sha.clone(), self.run(["cat-file", "blob", &sha]).await.ok()?))
    }

    /// Returns the entries of the directory `path` in the commit `revision`.
    pub(crate) async fn list(&self, revision: &str, path: &str) -> Option<Vec<Entry>> {
        let name = format!("{revision}:{path}");
        let out = self.run(["ls-tree", "--end-of-options", &name]).await.ok()?;
        let entry = |row: &str| {
            let (head, name) = row.split_once('\t')?;
            let mut head = head.split(' ').skip(1);
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let is_directory = head.next()? == "tree";
            Some(Entry { is_directory, sha: head.next()?.to_owned(), path })
        };
        Some(String::from_utf8_lossy(&out).lines().filter_map(entry).collect())
    }
}
