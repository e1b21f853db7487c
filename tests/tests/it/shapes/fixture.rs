//! One run of a row: the creation of the repository, the run, and the comparison with the row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use ccc::LocalHost;
use ccc_core::event::IssueEvent;
use ccc_core::pipeline::{Limits, Pipeline};
use ccc_core::{BranchPrefix, CancellationToken, Clock as _, Outcome, Stage, SystemClock, VcsHost};
use ccc_runner::{CommandAgent, SubprocessRunner};
use ccc_store::MemoryCredentialStore;
use tempfile::TempDir;

use super::history::{SEED, history};
use super::shape::{Changed, Expected, Shape};

/// The functions of the scripts. `base` creates the repository `repo` with the random history and
/// enters it. `put MODE PATH` adds a file with the contents of the standard input, `link PATH` adds a
/// submodule, and `commit` commits both. `tree 'MODE TYPE' NAME OBJECT` commits an entry that git would
/// not add.
pub(crate) const PREAMBLE: &str = r#"
base() {
  git init -q -b main "$@" repo
  cd repo
  git fast-import --quiet < ../history
  git read-tree HEAD
}
put() {
  printf '%s %s\t%s\0' "$1" "$(git hash-object -w --stdin)" "$2" | git update-index -z --index-info
}
link() {
  printf '160000 %040d\t%s\0' 1 "$1" | git update-index -z --index-info
}
commit() {
  git update-ref HEAD "$(git commit-tree -m change -p HEAD "$(git write-tree)")"
}
tree() {
  object=$(git rev-parse "$3")
  new=$( (git ls-tree HEAD; printf '%s %s\t%s\n' "$1" "$object" "$2") | git mktree --missing)
  git update-ref HEAD "$(git commit-tree -m change -p HEAD "$new")"
}
"#;

/// The repository of a row.
pub(crate) struct Fixture {
    shape: Shape,
    dir: TempDir,
}

/// The end of a run.
pub(crate) enum Ended {
    /// The repository was refused before the run.
    NoRun(String),
    Run(Outcome),
}

impl Fixture {
    /// Creates the repository of `shape`. `number` is added to the seed of the history.
    pub(crate) fn new(shape: Shape, number: u64) -> Self {
        let fixture = Self { shape, dir: tempfile::tempdir().unwrap() };
        let dir = fixture.dir.path();
        std::fs::write(dir.join("history"), history(SEED + number)).unwrap();
        let made = command("sh", dir).args(["-euc", &format!("{PREAMBLE}{}", shape.make)]).output();
        let made = made.unwrap();
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{}: {errors}", shape.name);
        fixture
    }

    /// Returns the path that the run gets.
    pub(crate) fn start(&self) -> PathBuf {
        self.dir.path().join(self.shape.start)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Executes a run in the repository on this machine. Returns the differences from the row.
    pub(crate) async fn check_local(&self) -> Vec<String> {
        let (start, prefix) = (self.start(), BranchPrefix::default());
        let before = refs(&start);
        let text = "Change the notes";
        let opened = LocalHost::open(&start, text, &prefix, SystemClock.now()).await;
        let ended = match opened {
            Err(error) => Ended::NoRun(error.to_string()),
            Ok(host) => {
                let event = host.event();
                Ended::Run(self.run(Arc::new(host), event).await)
            }
        };
        self.differences(&ended, &start, &before)
    }

    /// Executes a run for `event` of `host`, with the agent of the row in a process of its own.
    pub(crate) async fn run(&self, host: Arc<impl VcsHost>, event: IssueEvent) -> Outcome {
        let mut limits = Limits::default();
        if self.shape.workspace_bytes > 0 {
            limits.resources.workspace_bytes = self.shape.workspace_bytes;
        }
        let pipeline = Pipeline::builder()
            .host(host)
            .runner(SubprocessRunner::new(self.path().join("state")).unwrap())
            .agent(CommandAgent::new(["sh", "-ec", self.shape.act]).unwrap())
            .credentials(MemoryCredentialStore::default())
            .data_dir(self.path().join("data"))
            .limits(limits)
            .build()
            .unwrap();
        let report = pipeline.run(event, &CancellationToken::new()).await.unwrap();
        pipeline.wait_for_cleanups().await;
        let left = std::fs::read_dir(self.path().join("data/runs")).unwrap().count();
        assert_eq!((left, report.cleanup.is_ok()), (0, true), "{}: {report:?}", self.shape.name);
        report.outcome
    }

    /// Returns the differences of `ended` and of the repository at `repo` from the row. `before` are
    /// the refs of the repository before the run.
    pub(crate) fn differences(
        &self,
        ended: &Ended,
        repo: &Path,
        before: &BTreeMap<String, String>,
    ) -> Vec<String> {
        let name = self.shape.name;
        let mut problems = Vec::new();
        let mut expected_refs = before.clone();
        match (&self.shape.expected, ended) {
            (Expected::Changes(changes), Ended::Run(Outcome::PullRequest { pull_request })) => {
                let head = pull_request.head.as_str();
                problems.extend(self.compare(repo, head, changes));
                let branch = format!("refs/heads/{head}");
                expected_refs.insert(branch.clone(), git(repo, &["rev-parse", &branch]));
            }
            (
                Expected::Refused(words, paths),
                Ended::Run(Outcome::Refused { stage: Stage::Collect, reason, paths: found }),
            ) => {
                if !reason.contains(words) || found != paths {
                    problems.push(format!("the reason is {reason:?} for {found:?}"));
                }
            }
            (
                Expected::NoCheckout(words),
                Ended::Run(Outcome::Failed { stage: Stage::Checkout, message, .. }),
            ) => {
                if !words.iter().all(|words| message.contains(words)) || message.contains('\n') {
                    problems.push(format!("the message is {message:?}"));
                }
            }
            (Expected::NoRun(words), Ended::NoRun(message)) => {
                if !message.contains(words) || message.contains('\n') {
                    problems.push(format!("the message is {message:?}"));
                }
            }
            (expected, Ended::NoRun(message)) => {
                problems.push(format!("no run: {message}, expected {expected:?}"));
            }
            (expected, Ended::Run(outcome)) => {
                problems.push(format!("{outcome:?}, expected {expected:?}"));
            }
        }
        let after = refs(repo);
        if after != expected_refs {
            let new: Vec<_> =
                after.iter().filter(|(name, _)| !before.contains_key(*name)).collect();
            problems.push(format!("other refs changed; the new ones are {new:?}"));
        }
        problems.into_iter().map(|problem| format!("{name}: {problem}")).collect()
    }

    /// Compares the branch `head` of the repository at `repo` with its parent: the changes must be
    /// `changes`, and a clone of the branch has none.
    fn compare(&self, repo: &Path, head: &str, changes: &[Changed]) -> Vec<String> {
        let branch = format!("refs/heads/{head}");
        let parent = format!("{branch}^");
        let base = git(repo, &["rev-parse", "HEAD"]);
        let mut problems = Vec::new();
        if git(repo, &["rev-parse", &format!("{branch}^@")]) != base {
            problems.push("the branch has another parent than the base".to_owned());
        }
        let expected: Vec<u8> = changes
            .iter()
            .flat_map(|(status, path, mode, _)| {
                [format!("{mode} {status}\0").as_bytes(), path, b"\0"].concat()
            })
            .collect();
        let args = ["diff-tree", "-r", "--raw", "-z", "--no-renames", &parent, &branch];
        // The index of a row can be damaged.
        let raw = git_command(repo).args(args).env("GIT_INDEX_FILE", "/nonexistent/index").output();
        let raw = raw.unwrap().stdout;
        let mut found = Vec::new();
        for (n, field) in raw.split(|byte| *byte == 0).enumerate() {
            // `:<old mode> <new mode> <old object> <new object> <status>NUL<path>NUL`
            match String::from_utf8_lossy(field).split(' ').collect::<Vec<_>>()[..] {
                [_, mode, _, _, status] if n % 2 == 0 => {
                    found.extend_from_slice(format!("{mode} {status}\0").as_bytes());
                }
                _ if n % 2 == 1 => found.extend_from_slice(&[field, b"\0"].concat()),
                _ => {}
            }
        }
        if found != expected {
            problems.push(format!("the change is {:?}", String::from_utf8_lossy(&found)));
            return problems;
        }
        for (_, path, _, content) in changes.iter().filter(|(status, ..)| *status != 'D') {
            use std::os::unix::ffi::OsStrExt as _;
            let mut show = git_command(repo);
            let name = [branch.as_bytes(), b":", path].concat();
            show.args(["cat-file", "blob"]).arg(std::ffi::OsStr::from_bytes(&name));
            let stored = show.output().unwrap().stdout;
            if stored != *content {
                let (path, stored) = (path.escape_ascii(), stored.escape_ascii());
                problems.push(format!("{path} contains \"{stored}\""));
            }
        }
        if !self.shape.unclonable {
            problems.extend(self.clone_of(repo, head));
        }
        problems
    }

    /// Returns the problems of a clone of the branch `head` by plain git.
    fn clone_of(&self, repo: &Path, head: &str) -> Vec<String> {
        let common = git(repo, &["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let clone = self.path().join("clone");
        let args = ["clone", "-q", "--single-branch", "--no-tags", "--branch", head, "--", &common];
        let cloned = git_command(self.path()).args(args).arg(&clone).output().unwrap();
        if !cloned.status.success() {
            return vec![format!("cannot clone: {}", String::from_utf8_lossy(&cloned.stderr))];
        }
        let status = git(&clone, &["status", "--porcelain"]);
        if status.is_empty() == self.shape.dirty {
            return vec![format!("the status of a clone is {status:?}")];
        }
        Vec::new()
    }
}

/// Returns a command in `dir` that reads no configuration of git.
fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_NO_REPLACE_OBJECTS", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "t");
        command.env(format!("GIT_{role}_EMAIL"), "t@example.org");
        command.env(format!("GIT_{role}_DATE"), "@1700000100 +0000");
    }
    command
}

fn git_command(dir: &Path) -> Command {
    let mut git = command("git", dir);
    // A row can have settings that would change the comparison.
    git.args(["-c", "core.autocrlf=false", "-c", "core.safecrlf=false"]);
    git
}

pub(crate) fn try_git(dir: &Path, args: &[&str]) -> Output {
    git_command(dir).args(args).output().unwrap()
}

/// Executes git. Returns its output without the last line break, or an empty text if git fails.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args);
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if output.status.success() { text } else { String::new() }
}

/// Returns the refs of the repository at `dir`, with their objects. A repository that git cannot open
/// has none.
pub(crate) fn refs(dir: &Path) -> BTreeMap<String, String> {
    if !dir.is_dir() {
        return BTreeMap::new();
    }
    let listed = git(dir, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    listed.lines().filter_map(pair).collect()
}
