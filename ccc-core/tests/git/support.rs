//! Helpers of the tests: a remote made with plain git, a host git with its own directory, and
//! functions that inspect both.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::git::{Collected, HostGit, Workspace};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::vcs::{Access, Grant, Repository};
use ccc_core::{ObjectId, Result, RunId};
use tempfile::TempDir;

/// An entry of a tree: mode, path, content. The content of a submodule is its commit id.
pub(crate) type Entry<'a> = (&'a str, &'a str, &'a [u8]);

/// A commit id for submodules; no such commit exists.
pub(crate) const ELSEWHERE: &[u8] = b"1111111111111111111111111111111111111111";

/// A small tree with one entry of each kind.
pub(crate) const TREE: &[Entry] = &[
    ("100644", ".gitignore", b"ignored/\n*.o\n"),
    ("100644", "README.md", b"hello\n"),
    ("100644", "docs/guide.md", b"one\ntwo\n"),
    ("100755", "bin/run", b"#!/bin/sh\n"),
    ("100644", "data.bin", b"\0\x01\xff\xfe"),
    ("120000", "docs/readme", b"../README.md"),
];

/// Returns a command for plain git, which reads only the repository's own configuration.
pub(crate) fn plain_git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@a")])
        .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@a")])
        .env("GIT_AUTHOR_DATE", "@1700000000 +0000")
        .env("GIT_COMMITTER_DATE", "@1700000000 +0000")
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs plain git and returns its output, whether it succeeds or fails.
pub(crate) fn try_git(dir: &Path, args: &[&str]) -> Output {
    plain_git(dir).args(args).output().unwrap()
}

/// Runs plain git and returns its standard output. Panics if git fails.
pub(crate) fn git(dir: &Path, args: &[&str]) -> Vec<u8> {
    git_with(dir, args, b"")
}

/// Runs plain git and returns its standard output as trimmed text. Panics if git fails.
pub(crate) fn git_text(dir: &Path, args: &[&str]) -> String {
    String::from_utf8(git(dir, args)).unwrap().trim().to_owned()
}

/// Runs plain git with bytes on its standard input and returns its standard output. Panics if git
/// fails.
pub(crate) fn git_with(dir: &Path, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let mut child = plain_git(dir).args(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
    output.stdout
}

/// Creates a bare repository.
pub(crate) fn init_bare(path: &Path) {
    fs::create_dir_all(path).unwrap();
    git(path, &["init", "--quiet", "--bare", "-b", "main", "."]);
}

/// Commits exactly these entries to a branch of a bare repository. The parent is the branch's tip,
/// if any.
pub(crate) fn commit_tree(remote: &Path, branch: &str, entries: &[Entry]) -> ObjectId {
    let index = remote.join("seed-index");
    let _ = fs::remove_file(&index);
    let mut list = Vec::new();
    for (mode, path, content) in entries {
        let object = if *mode == "160000" {
            content.to_vec()
        } else {
            let printed =
                git_with(remote, &["hash-object", "-w", "--no-filters", "--stdin"], content);
            printed.trim_ascii().to_vec()
        };
        list.extend([mode.as_bytes(), b" ", &object, b"\t", path.as_bytes(), b"\0"].concat());
    }
    let indexed = |args: &[&str], stdin: &[u8]| {
        let mut child = plain_git(remote)
            .env("GIT_INDEX_FILE", &index)
            .args(args)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    indexed(&["update-index", "-z", "--index-info"], &list);
    let tree = indexed(&["write-tree"], b"");
    let name = format!("refs/heads/{branch}");
    let parent = try_git(remote, &["rev-parse", "--verify", "--quiet", &name]);
    let parent = String::from_utf8(parent.stdout).unwrap().trim().to_owned();
    let mut args = vec!["commit-tree", &tree, "-m", "seed"];
    if !parent.is_empty() {
        args.extend(["-p", &parent]);
    }
    let commit = git_text(remote, &args);
    git(remote, &["update-ref", &name, &commit]);
    ObjectId::new(commit).unwrap()
}

/// A remote, and a host git that has not fetched from it yet.
pub(crate) struct World {
    pub(crate) temp: TempDir,
    pub(crate) remote: PathBuf,
    pub(crate) host: HostGit,
}

impl World {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        Self::over(tempfile::tempdir().unwrap(), entries)
    }

    /// Creates a world below `place`, or below the default temporary directory if that fails.
    pub(crate) fn new_in(place: &Path, entries: &[Entry]) -> Self {
        Self::over(tempfile::tempdir_in(place).or_else(|_| tempfile::tempdir()).unwrap(), entries)
    }

    fn over(temp: TempDir, entries: &[Entry]) -> Self {
        let remote = temp.path().join("remote.git");
        init_bare(&remote);
        if !entries.is_empty() {
            commit_tree(&remote, "main", entries);
        }
        let host = HostGit::open(temp.path().join("host")).unwrap();
        Self { temp, remote, host }
    }

    pub(crate) fn path(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) fn access(&self) -> Access {
        Access::open(Grant::Publish, self.remote.to_str().unwrap())
    }

    /// Returns the run's own git directory.
    pub(crate) fn git_dir(&self, run: RunId) -> PathBuf {
        self.path().join(format!("host/runs/{run}/git"))
    }

    pub(crate) fn mirror(&self) -> PathBuf {
        self.path().join("host/mirrors/example.com/7.git")
    }

    pub(crate) async fn checkout(&self, run: RunId) -> Result<Workspace> {
        self.host.checkout(run, &repository(), &self.access()).await
    }

    pub(crate) async fn collect(&self, run: RunId, base: &ObjectId) -> Result<Collected> {
        let (policy, redactor) = (TrustPolicy::default(), Redactor::default());
        self.host.collect(run, base, &policy, &redactor).await
    }

    /// Returns the content of a path in a tree of the run's git directory.
    pub(crate) fn blob(&self, run: RunId, tree: &ObjectId, path: &str) -> Vec<u8> {
        let name = format!("{tree}:{path}");
        git(&self.git_dir(run), &["cat-file", "blob", &name])
    }
}

/// Returns the repository of a [`World`].
pub(crate) fn repository() -> Repository {
    let repo = RepoRef {
        host: "example.com".to_owned(),
        id: 7,
        owner: "o".to_owned(),
        name: "r".to_owned(),
    };
    Repository::new(repo, "main")
}

/// Returns the run id with this number.
pub(crate) fn run(n: u32) -> RunId {
    format!("01890a5d-ac96-774b-bcce-b302{n:08x}").parse().unwrap()
}

/// Returns all refs of a repository and the objects that they point to.
pub(crate) fn refs(repository: &Path) -> BTreeMap<String, String> {
    let format = "--format=%(refname) %(objectname)";
    git_text(repository, &["for-each-ref", format])
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, object)| (name.to_owned(), object.to_owned()))
        .collect()
}

/// Returns all files below a directory except its top `.git`: path, git's mode, content.
pub(crate) fn files_below(root: &Path) -> BTreeMap<String, (&'static str, Vec<u8>)> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if path == root.join(".git") {
                continue;
            }
            let shown = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(shown, ("120000", target.as_os_str().as_bytes().to_vec()));
            } else if metadata.is_dir() {
                open.push(path);
            } else {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                let mode = if executable { "100755" } else { "100644" };
                found.insert(shown, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Converts entries of a tree into the form of [`files_below`].
pub(crate) fn as_files(entries: &[Entry]) -> BTreeMap<String, (&'static str, Vec<u8>)> {
    entries
        .iter()
        .map(|(mode, path, content)| {
            let mode =
                ["100644", "100755", "120000"].into_iter().find(|known| known == mode).unwrap();
            ((*path).to_owned(), (mode, content.to_vec()))
        })
        .collect()
}

/// Writes a file and creates the directories above it.
pub(crate) fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Writes an executable script.
pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    chmod(path, 0o755);
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Creates nested directories, deeper than a path can name. The deepest one has no permissions.
pub(crate) fn dig(top: &Path, depth: usize) {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut at = openat(CWD, top, flags, Mode::empty()).unwrap();
    for _ in 0..depth {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    mkdirat(&at, "shut", Mode::empty()).unwrap();
}

/// Opens a root that was closed a moment ago. Retries, because a process that another test starts
/// can hold a copy of the lock for an instant.
pub(crate) async fn reopen(root: &Path) -> HostGit {
    let mut host = None;
    let opened = || {
        host = HostGit::open(root).ok();
        host.is_some()
    };
    assert!(becomes_true(opened).await, "still locked");
    host.unwrap()
}

/// Runs a shell script in a directory. Panics if it fails.
pub(crate) fn shell(dir: &Path, script: &str) {
    let status = Command::new("/bin/sh")
        .args(["-ec", script])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}

/// Awaits a future. Panics after this time, so that a hang fails the test.
#[allow(clippy::disallowed_methods, reason = "a hang must fail, not hang")]
pub(crate) async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future).await.expect("took too long")
}

/// Polls a condition for ten seconds. Returns `true` once it holds, otherwise `false`.
pub(crate) async fn becomes_true(mut ask: impl FnMut() -> bool) -> bool {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        ticks.tick().await;
        if ask() {
            return true;
        }
    }
    false
}

/// Returns the processes with this text in their command line, environment or working directory.
pub(crate) fn processes_with(marker: &str) -> Vec<String> {
    let me = std::process::id().to_string();
    let marker = marker.as_bytes();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && *pid != me)
        .filter_map(|pid| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            let all = [read("cmdline"), read("environ"), cwd.as_os_str().as_bytes().to_vec()];
            let command = String::from_utf8_lossy(&all[0]).replace('\0', " ");
            all.concat()
                .windows(marker.len())
                .any(|window| window == marker)
                .then(|| format!("{pid}: {command}"))
        })
        .collect()
}
