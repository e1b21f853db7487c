//! Bare repositories, read and changed by the `git` program.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ccc_core::{Error, ErrorKind, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Inner;
use super::diff::{Changed, patch_of, raw};

/// What every repository refuses.
const PRE_RECEIVE: &str = include_str!("pre-receive.sh");
/// The most bytes of a diff that are shown.
const MAX_DIFF: usize = 1024 * 1024;

/// A commit, taken apart. People are name, address, date.
#[derive(Debug)]
pub(super) struct CommitInfo {
    pub(super) sha: String,
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
    pub(super) author: (String, String, String),
    pub(super) committer: (String, String, String),
    pub(super) message: String,
}

/// How large a change is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stat {
    pub(super) commits: usize,
    pub(super) additions: usize,
    pub(super) deletions: usize,
    pub(super) files: usize,
}

/// One entry of a directory: `blob` or `tree`, id, path.
pub(super) type Entry = (String, String, String);

/// `git`, with nothing of this machine's or this person's settings.
pub(super) fn program() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "GitHub emulator");
        command.env(format!("GIT_{who}_EMAIL"), "emulator@localhost");
    }
    command
}

async fn run(command: &mut Command, stdin: Option<&[u8]>) -> Result<Vec<u8>> {
    let failed = |error| {
        Error::new(ErrorKind::Unavailable, "cannot run git; is it installed?").with_source(error)
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        pipe.write_all(bytes).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("it does not say why");
    Err(Error::new(ErrorKind::Unavailable, format!("git failed: {said}")))
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// One repository on disk.
#[derive(Debug)]
pub(super) struct Git {
    dir: PathBuf,
}

impl Git {
    pub(super) fn of(inner: &Inner, repo: u64) -> Self {
        Self { dir: inner.data_dir.join(format!("{repo}.git")) }
    }

    async fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Vec<u8>> {
        run(program().arg("--git-dir").arg(&self.dir).args(args), None).await
    }

    /// Makes the bare repository, a clone of `seed` or one commit with its files, and says which
    /// branch is its default one. Without a seed it is empty.
    pub(super) async fn seed(&self, seed: Option<&Path>) -> Result<String> {
        match seed.map(|seed| (seed, seed.join(".git").exists() || seed.join("HEAD").exists())) {
            Some((seed, true)) => {
                // A seed may belong to somebody else; cloning runs nothing of it.
                let args = ["-c", "safe.directory=*", "clone", "--bare", "--quiet"];
                let command = &mut program();
                command.args(args).args(["--no-hardlinks", "--"]).arg(seed).arg(&self.dir);
                run(command, None).await?;
            }
            other => {
                let args = ["init", "--bare", "--quiet", "-b", "main", "--"];
                run(program().args(args).arg(&self.dir), None).await?;
                if let Some((seed, _)) = other {
                    let tree = [OsStr::new("--work-tree"), seed.as_os_str()];
                    let add = ["add", "--all", "."].map(OsStr::new);
                    self.run(tree.into_iter().chain(add)).await?;
                    let commit = ["commit", "--quiet", "--allow-empty", "-m", "Initial commit"];
                    self.run(tree.into_iter().chain(commit.map(OsStr::new))).await?;
                }
            }
        }
        self.run(["config", "http.receivepack", "true"]).await?;
        let hooks = self.dir.join("hooks");
        let hook = hooks.join("pre-receive");
        let executable = std::fs::Permissions::from_mode(0o755);
        let failed = |e| Error::new(ErrorKind::Unavailable, "cannot write the hook").with_source(e);
        tokio::fs::create_dir_all(&hooks).await.map_err(failed)?;
        tokio::fs::write(&hook, PRE_RECEIVE).await.map_err(failed)?;
        tokio::fs::set_permissions(&hook, executable).await.map_err(failed)?;
        Ok(line(&self.run(["symbolic-ref", "--short", "HEAD"]).await?))
    }

    /// Refuses pushes to branches with this prefix, in these words.
    pub(super) async fn refuse_push(&self, prefix: &str, message: &str) -> Result<()> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if prefix.is_empty() || !prefix.bytes().all(plain) || message.contains('\n') {
            let line =
                "a branch prefix is made of letters, digits and `-_./`, a message of one line";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let path = self.dir.join("refusals");
        let mut all = tokio::fs::read_to_string(&path).await.unwrap_or_default();
        all.push_str(&format!("{prefix} {message}\n"));
        tokio::fs::write(&path, all).await.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot write the refusal").with_source(e)
        })
    }

    /// The commit that a branch is at.
    pub(super) async fn branch(&self, name: &str) -> Option<String> {
        // `main~1` and `main@{1}` are no branches.
        if name.contains(['~', '^', ':', '@', ' ']) || name.contains("..") {
            return None;
        }
        self.commit_at(&format!("refs/heads/{name}")).await
    }

    /// The commit that a revision names.
    pub(super) async fn commit_at(&self, revision: &str) -> Option<String> {
        let name = format!("{revision}^{{commit}}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        Some(line(&self.run(args).await.ok()?))
    }

    /// Name and commit of each ref that starts so, such as `refs/heads/`.
    pub(super) async fn refs(&self, prefix: &str) -> Vec<(String, String)> {
        let out = self.run(["for-each-ref", "--format=%(refname) %(objectname)"]).await;
        String::from_utf8_lossy(&out.unwrap_or_default())
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, sha)| (name.to_owned(), sha.to_owned()))
            .collect()
    }

    /// Moves a ref, makes it (`old` is empty) or deletes it (`new` is empty).
    pub(super) async fn move_ref(&self, name: &str, new: &str, old: &str) -> Result<()> {
        let zero = "0".repeat(40);
        let or_zero = |sha: &str| if sha.is_empty() { zero.clone() } else { sha.to_owned() };
        let args = ["update-ref".to_owned(), name.to_owned(), or_zero(new), or_zero(old)];
        self.run(args).await.map(drop)
    }

    /// Whether the name is one that a ref may have.
    pub(super) async fn is_ref_name(&self, name: &str) -> bool {
        self.run(["check-ref-format", name]).await.is_ok()
    }

    /// Whether `ahead` contains `behind`.
    pub(super) async fn contains(&self, ahead: &str, behind: &str) -> bool {
        self.run(["merge-base", "--is-ancestor", behind, ahead]).await.is_ok()
    }

    /// A file of a revision, and its id.
    pub(super) async fn file(&self, revision: &str, path: &str) -> Option<(String, Vec<u8>)> {
        let name = format!("{revision}:{path}");
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
        let sha = line(&self.run(args).await.ok()?);
        Some((sha.clone(), self.run(["cat-file", "blob", &sha]).await.ok()?))
    }

    /// What a directory of a revision holds.
    pub(super) async fn list(&self, revision: &str, path: &str) -> Option<Vec<Entry>> {
        let name = format!("{revision}:{path}");
        let out = self.run(["ls-tree", "--end-of-options", &name]).await.ok()?;
        let entry = |row: &str| {
            let (head, name) = row.split_once('\t')?;
            let mut head = head.split(' ').skip(1);
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            Some((head.next()?.to_owned(), head.next()?.to_owned(), path))
        };
        Some(String::from_utf8_lossy(&out).lines().filter_map(entry).collect())
    }

    /// A commit on a branch that changes one file; a branch that is not there begins at `start`, or
    /// from nothing. Gives the commit and the file's id.
    pub(super) async fn write_file(
        &self,
        (branch, start): (&str, &str),
        (path, content): (&str, &[u8]),
        message: &str,
    ) -> Result<(String, String)> {
        let tip = self.branch(branch).await;
        let parent = match &tip {
            Some(tip) => Some(tip.clone()),
            None => self.branch(start).await,
        };
        let index = tempfile_name(&self.dir);
        let with_index = || {
            let mut command = program();
            command.arg("--git-dir").arg(&self.dir).env("GIT_INDEX_FILE", &index);
            command
        };
        let hash = ["hash-object", "-w", "--stdin"];
        let blob = line(&run(with_index().args(hash), Some(content)).await?);
        if let Some(parent) = &parent {
            run(with_index().args(["read-tree", parent]), None).await?;
        }
        let entry = format!("100644,{blob},{path}");
        let written = async {
            run(with_index().args(["update-index", "--add", "--cacheinfo", &entry]), None).await?;
            run(with_index().arg("write-tree"), None).await
        };
        let tree = written.await;
        let _ = tokio::fs::remove_file(&index).await;
        let tree = line(&tree?);
        let mut args = vec!["commit-tree".to_owned(), tree, "-m".to_owned(), message.to_owned()];
        args.extend(parent.iter().flat_map(|parent| ["-p".to_owned(), parent.clone()]));
        let commit = line(&self.run(args).await?);
        let name = format!("refs/heads/{branch}");
        self.move_ref(&name, &commit, tip.as_deref().unwrap_or_default()).await?;
        Ok((commit, blob))
    }

    /// A commit, taken apart.
    pub(super) async fn show(&self, revision: &str) -> Option<CommitInfo> {
        let sha = self.commit_at(revision).await?;
        let format = "--format=%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
        let out = self.run(["show", "--no-patch", format, &sha]).await.ok()?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let mut rows = text.splitn(10, '\n');
        let mut next = || rows.next().map(str::to_owned);
        Some(CommitInfo {
            sha: next()?,
            tree: next()?,
            parents: next()?.split_whitespace().map(str::to_owned).collect(),
            author: (next()?, next()?, next()?),
            committer: (next()?, next()?, next()?),
            message: next()?.trim_end().to_owned(),
        })
    }

    pub(super) async fn stat(&self, base: &str, head: &str) -> Stat {
        let changed = self.changed(base, head).await;
        let range = format!("{base}..{head}");
        let count = self.run(["rev-list", "--count", &range]).await.unwrap_or_default();
        Stat {
            commits: line(&count).parse().unwrap_or(0),
            additions: changed.iter().map(|file| file.additions).sum(),
            deletions: changed.iter().map(|file| file.deletions).sum(),
            files: changed.len(),
        }
    }

    /// The files that differ, from where `head` left `base`.
    pub(super) async fn changed(&self, base: &str, head: &str) -> Vec<Changed> {
        let range = format!("{base}...{head}");
        let args = ["diff", "--raw", "--numstat", "--no-renames", "--abbrev=40", &range];
        let out = self.run(args).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&out).into_owned();
        let mut files: Vec<Changed> = text.lines().filter_map(raw).collect();
        for row in text.lines().filter(|row| !row.starts_with(':')) {
            let mut columns = row.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (added, deleted, path) = (next(), next(), next());
            if let Some(file) = files.iter_mut().find(|file| file.path == path) {
                file.additions = added.parse().unwrap_or(0);
                file.deletions = deleted.parse().unwrap_or(0);
            }
        }
        let diff = self.diff(base, head).await;
        for file in &mut files {
            file.patch = patch_of(&diff, &file.path);
        }
        files
    }

    /// The change as `git diff` shows it.
    pub(super) async fn diff(&self, base: &str, head: &str) -> String {
        let range = format!("{base}...{head}");
        let args = ["diff", "--no-color", "--no-ext-diff", "--no-renames", &range];
        let mut out = self.run(args).await.unwrap_or_default();
        out.truncate(MAX_DIFF);
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn tempfile_name(dir: &Path) -> PathBuf {
    dir.join(format!("index-{}", super::apps::random()))
}
