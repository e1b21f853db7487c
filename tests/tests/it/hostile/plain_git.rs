//! Plain git: it performs the attacks, is their target, and shows the results.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::vector::Entry;

/// Files by path: git's mode and the content.
pub(crate) type Files = BTreeMap<String, (String, Vec<u8>)>;
/// Refs by name: the object that each points to.
pub(crate) type Refs = BTreeMap<String, String>;

/// A directory in which programs run, with their additional environment variables.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    dir: PathBuf,
    env: Vec<(String, String)>,
}

impl Plain {
    pub(crate) fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), env: Vec::new() }
    }

    pub(crate) fn with(mut self, env: &[(String, String)]) -> Self {
        self.env.extend_from_slice(env);
        self
    }

    /// Passes the token to git in a header through the environment, as most programs do.
    pub(crate) fn with_token(self, authorization: &str) -> Self {
        self.with(&[
            ("GIT_CONFIG_COUNT".to_owned(), "1".to_owned()),
            ("GIT_CONFIG_KEY_0".to_owned(), "http.extraHeader".to_owned()),
            ("GIT_CONFIG_VALUE_0".to_owned(), format!("Authorization: {authorization}")),
        ])
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@a")])
            .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@a")])
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn output(&self, program: &str, args: &[&str], stdin: &[u8]) -> Output {
        // The emulated GitHub must continue to run during the call.
        tokio::task::block_in_place(|| {
            let mut child = self.command(program, args).spawn().unwrap();
            // A program can end without reading all its input.
            child.stdin.take().unwrap().write_all(stdin).ok();
            child.wait_with_output().unwrap()
        })
    }

    /// Runs a shell script and returns its output, whether it succeeds or fails. Ends it after two
    /// minutes.
    pub(crate) fn try_shell(&self, script: &str) -> Output {
        self.output("timeout", &["120", "/bin/sh", "-c", script], b"")
    }

    /// Runs a shell script. Panics if one of its commands fails.
    pub(crate) fn shell(&self, script: &str) {
        let output = self.output("/bin/sh", &["-ec", script], b"");
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Runs git and returns its standard output. Panics if git fails.
    pub(crate) fn git(&self, args: &[&str], stdin: &[u8]) -> Vec<u8> {
        let output = self.output("git", args, stdin);
        assert!(output.status.success(), "git {args:?}: {output:?}");
        output.stdout
    }

    /// Runs git and returns its standard output as trimmed text. Panics if git fails.
    pub(crate) fn git_text(&self, args: &[&str], stdin: &[u8]) -> String {
        String::from_utf8(self.git(args, stdin)).unwrap().trim().to_owned()
    }

    /// Returns all files of a tree, without submodules.
    pub(crate) fn tree(&self, tree: &str) -> Files {
        let listed = self.git(&["ls-tree", "-r", "-z", "--full-tree", tree], b"");
        let listed = String::from_utf8(listed).unwrap();
        let entries = listed.split_terminator('\0').map(|line| line.split_once('\t').unwrap());
        entries
            .filter_map(|(head, path)| {
                let [mode, "blob", object] = head.split(' ').collect::<Vec<_>>()[..] else {
                    return None;
                };
                let content = self.git(&["cat-file", "blob", object], b"");
                Some((path.to_owned(), (mode.to_owned(), content)))
            })
            .collect()
    }

    /// Returns the files that plain git would commit: the tree of its index.
    pub(crate) fn staged(&self) -> Files {
        self.tree(&self.git_text(&["write-tree"], b""))
    }

    /// Returns all refs of a remote.
    pub(crate) fn remote_refs(&self, url: &str) -> Refs {
        let listed = self.git_text(&["ls-remote", "--refs", url], b"");
        let pair = |line: &str| line.split_once('\t').map(|(id, name)| (name.into(), id.into()));
        listed.lines().filter_map(pair).collect()
    }

    /// Creates a bare repository in this directory, with one commit of exactly these entries.
    pub(crate) fn seed(&self, entries: &[Entry]) {
        self.git(&["init", "--quiet", "--bare", "-b", "main", "."], b"");
        let mut list = Vec::new();
        for (mode, path, content) in entries {
            let object = if *mode == "160000" {
                String::from_utf8(content.to_vec()).unwrap()
            } else {
                let args = ["hash-object", "-w", "--no-filters", "--stdin"];
                self.git_text(&args, content)
            };
            list.extend(format!("{mode} {object}\t{path}\0").into_bytes());
        }
        self.git(&["update-index", "-z", "--index-info"], &list);
        let tree = self.git_text(&["write-tree"], b"");
        let commit = self.git_text(&["commit-tree", &tree, "-m", "seed"], b"");
        self.git(&["update-ref", "refs/heads/main", &commit], b"");
    }
}

/// Converts entries into the form of [`files_below`].
pub(crate) fn as_files(entries: &[Entry]) -> Files {
    let file = |entry: &&Entry| entry.0 != "160000";
    let pair = |(mode, path, content): &Entry| {
        ((*path).to_owned(), ((*mode).to_owned(), content.to_vec()))
    };
    entries.iter().filter(file).map(pair).collect()
}

/// Returns all files below a directory except its top `.git`.
pub(crate) fn files_below(root: &Path) -> Files {
    let (mut found, mut open) = (Files::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let shown = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if shown == ".git" {
                continue;
            }
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec();
                found.insert(shown, ("120000".to_owned(), target));
            } else if metadata.is_dir() {
                open.push(path);
            } else {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                let mode = if executable { "100755" } else { "100644" };
                found.insert(shown, (mode.to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found
}

/// Returns the first five paths whose files differ.
pub(crate) fn differing(left: &Files, right: &Files) -> Vec<String> {
    let all = left.keys().chain(right.keys()).collect::<std::collections::BTreeSet<_>>();
    let differs = |path: &&&String| left.get(**path) != right.get(**path);
    all.iter().filter(differs).take(5).map(|path| (*path).clone()).collect()
}
