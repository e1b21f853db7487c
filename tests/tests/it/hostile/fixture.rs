//! The environment of the tests: one emulated GitHub and one host git; for each vector a separate
//! repository, run and attacker.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::git::{ChangeSet, Collected, CommitInfo, HostGit, Workspace};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::vcs::{Access, BotIdentity, Grant, VcsHost};
use ccc_core::{BranchName, RunId, SystemClock};
use ccc_github::{AppKey, GitHub, RateLimits};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{Emulator, EmulatorConfig};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::emulated::repo_ref;

use super::plain_git::{Files, Plain, Refs, as_files, differing, files_below};
use super::trap::Trap;
use super::vector::{Entry, Ours, PlainGitEffect, Row, Vector};

/// A small tree with one entry of each kind.
const TREE: &[Entry] = &[
    ("100644", ".gitignore", b"ignored/\n/docs/.gitattributes\n"),
    ("100644", "README.md", b"hello\n"),
    ("100644", "docs/guide.md", b"one\ntwo\n"),
    ("100755", "bin/run", b"#!/bin/sh\n"),
    ("100644", "data.bin", b"\0\x01\xff\xfe"),
    ("120000", "docs/readme", b"../README.md"),
];

pub(crate) struct Fixture {
    emulator: Emulator,
    github: GitHub,
    host: HostGit,
    dir: TempDir,
}

/// The results of one vector.
pub(crate) struct Seen {
    pub(crate) row: Row,
    pub(crate) problems: Vec<String>,
}

/// The state of the test of one vector.
struct Case<'a> {
    fixture: &'a Fixture,
    vector: &'a Vector,
    dir: PathBuf,
    run: RunId,
    repo: RepoRef,
    base: Files,
    at: Workspace,
    trap: Trap,
    publish: Access,
    problems: Vec<String>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = EmulatorConfig::new(dir.path().join("github"), "hook secret".into());
        let emulator = Emulator::start(config).await.unwrap();
        let key = AppKey::from_pem(&emulator.private_key_pem().expose_secret().into()).unwrap();
        let github = GitHub::builder(emulator.app_id(), key, Arc::new(SystemClock))
            .api_url(emulator.api_url())
            .rate_limits(RateLimits::unlimited())
            .build()
            .unwrap();
        let host = HostGit::open(dir.path().join("host")).unwrap();
        Self { emulator, github, host, dir }
    }

    async fn access(&self, repo: &RepoRef, grant: Grant) -> Access {
        self.github.access(repo, grant, Duration::ZERO).await.unwrap()
    }

    /// Checks that the vector affects plain git, and then that host git performs all its operations
    /// unaffected.
    pub(crate) async fn check(&self, n: u32, vector: &Vector) -> Seen {
        let mut case = Case::new(self, n, vector).await;
        let plain = case.plain();
        let ours = case.ours().await;
        let row = [vector.name.to_owned(), plain, ours];
        if row != vector.row() {
            case.problems.push(format!("the row is {row:?}, not {:?}", vector.row()));
        }
        let named = |problem: String| format!("{}: {problem}", vector.name);
        Seen { row, problems: case.problems.into_iter().map(named).collect() }
    }
}

impl<'a> Case<'a> {
    /// Creates a repository, checks it out, changes a file and plants the vector.
    async fn new(fixture: &'a Fixture, n: u32, vector: &'a Vector) -> Self {
        let dir = fixture.dir.path().join(n.to_string());
        let seed = dir.join("seed.git");
        fs::create_dir_all(&seed).unwrap();
        let entries = [TREE, vector.base].concat();
        Plain::in_dir(&seed).seed(&entries);
        let emulator = &fixture.emulator;
        let repo = emulator.add_repository("octo", &format!("v{n}"), &seed).await.unwrap();
        emulator.set_public(&repo, false);
        let repo = repo_ref(&repo);
        let read = fixture.access(&repo, Grant::Read).await;
        let repository = fixture.github.repository(&repo).await.unwrap();
        let run: RunId = format!("01890a5d-ac96-774b-bcce-b302{n:08x}").parse().unwrap();
        let at = fixture.host.checkout(run, &repository, &read).await.unwrap();
        let base = as_files(&entries);
        let mut problems = Vec::new();
        let differing = differing(&files_below(&at.path), &base);
        if !differing.is_empty() {
            problems.push(format!("the checkout differs from the commit: {differing:?}"));
        }

        let publish = fixture.access(&repo, Grant::Publish).await;
        let trap = Trap::new(&dir, &publish.clone_url, vector);
        fs::write(at.path.join("README.md"), "changed\n").unwrap();
        Plain::in_dir(&at.path).with(&trap.env).shell(vector.plant);
        trap.set();
        Self { fixture, vector, dir, run, repo, base, at, trap, publish, problems }
    }

    fn authorization(&self) -> &str {
        self.publish.authorization.as_ref().unwrap().expose_str().unwrap()
    }

    /// Returns plain git with the token, outside of the workspace.
    fn looker(&self) -> Plain {
        Plain::in_dir(&self.dir).with_token(self.authorization())
    }

    fn remote_refs(&self) -> Refs {
        self.looker().remote_refs(&self.publish.clone_url)
    }

    /// Runs plain git in a copy of the workspace and returns the text for the table.
    fn plain(&mut self) -> String {
        let copy = self.dir.join("copy");
        let from = self.at.path.to_str().unwrap();
        Plain::in_dir(&self.dir).shell(&format!("cp -a '{from}' '{}'", copy.display()));
        let left = files_below(&copy);
        let before = self.remote_refs();
        let git = Plain::in_dir(&copy).with(&self.trap.env).with_token(self.authorization());
        let said = git.try_shell(self.vector.bait);
        let fell = self.fell(&git, &said, &left, &before);
        if !fell {
            self.problems.push(format!("the vector does not affect plain git: {said:?}"));
        }
        fs::remove_dir_all(&copy).unwrap();
        self.trap.set();
        if fell { self.vector.effect.text() } else { "is not affected" }.to_owned()
    }

    fn fell(&self, git: &Plain, said: &Output, left: &Files, before: &Refs) -> bool {
        let trap = &self.trap;
        match self.vector.effect {
            PlainGitEffect::Runs => trap.ran(),
            PlainGitEffect::Writes => trap.wrote(),
            PlainGitEffect::Leaks => {
                trap.heard().iter().any(|head| head.contains(self.authorization()))
            }
            PlainGitEffect::Strays => trap.got_a_push(),
            PlainGitEffect::Spills => {
                let mut after = self.remote_refs();
                after.remove("refs/heads/bait");
                after != *before
            }
            PlainGitEffect::Keeps => {
                said.status.success() && !differing(&git.staged(), left).is_empty()
            }
            PlainGitEffect::Publishes => {
                let head = git.git_text(&["rev-parse", "HEAD"], b"");
                self.remote_refs().get("refs/heads/bait") == Some(&head)
                    && differing(&git.tree(&head), left).is_empty()
            }
            PlainGitEffect::Dies => !said.status.success() && !trap.ran(),
            PlainGitEffect::LaysOut => {
                let laid_out = files_below(&trap.away.join("clone"));
                said.status.success() && !differing(&laid_out, &self.base).is_empty()
            }
            PlainGitEffect::Shows(text) => String::from_utf8_lossy(&said.stdout).contains(text),
        }
    }

    /// Runs host git in the workspace itself and returns the text for the table.
    async fn ours(&mut self) -> String {
        let left = files_below(&self.at.path);
        let before = self.remote_refs();
        let redactor = Redactor::default();
        redactor.add(self.publish.token.as_ref().unwrap());
        let (host, policy) = (&self.fixture.host, TrustPolicy::default());
        let collected = host.collect(self.run, &self.at.base, &policy, &redactor).await;
        let done = match collected {
            Ok(Collected::Changes(set)) => {
                self.publish(&set, left, before).await;
                Ours::Pushes.text()
            }
            Ok(Collected::Refused(refusal)) => {
                if let Ours::Refuses(_, paths) = self.vector.ours
                    && refusal.paths != paths
                {
                    self.problems.push(format!("{refusal:?}"));
                }
                if self.remote_refs() != before {
                    self.problems.push("the refs of the remote changed".to_owned());
                }
                // The next steps, which follow some reasons, are the same for all rows.
                let reason = refusal.reason.split(": a person must").next().unwrap_or_default();
                format!("refuses: {reason}")
            }
            other => format!("{other:?}"),
        };
        host.remove(self.run).await.unwrap();
        let (heard, trap) = (self.trap.heard(), &self.trap);
        for (bad, what) in [
            (trap.ran(), "the attacker's program ran"),
            (trap.wrote(), "a file outside the workspace was written"),
            (trap.got_a_push(), "the attacker's repository received a push"),
            (!heard.is_empty(), "the attacker's server received a request"),
        ] {
            if bad {
                self.problems.push(format!("host git: {what} {heard:?}"));
            }
        }
        done
    }

    /// Commits, pushes, and compares the pushed files with the files of the workspace.
    async fn publish(&mut self, set: &ChangeSet, mut left: Files, before: Refs) {
        let (host, base) = (&self.fixture.host, &self.at.base);
        let branch = BranchName::new("claude/x").unwrap();
        let patch = host.patch(self.run, set).await.unwrap();
        let author = BotIdentity::new(9, "ccc-app[bot]", "9+ccc-app[bot]@users.example.com")
            .with_app(self.fixture.emulator.app_id());
        let date = Timestamp::from_second(1_700_000_000).unwrap();
        let info = CommitInfo { author, date, message: "t\n".to_owned() };
        let commit = host.commit(self.run, base, &set.tree, &info).await.unwrap();
        let pushes = self.pushes();
        if let Err(error) = host.push(self.run, &commit, &branch, &self.publish).await {
            self.problems.push(format!("the push failed: {error}"));
            return;
        }
        let url = self.publish.clone_url.clone();

        // Exactly one new branch, created by one push.
        let look = self.looker();
        let pushes = self.pushes() - pushes;
        let mut problem = |what: String| self.problems.push(what);
        if pushes != 1 {
            problem(format!("the remote accepted {pushes} pushes"));
        }
        let mut expected = before;
        expected.insert(format!("refs/heads/{branch}"), commit.to_string());
        let after = look.remote_refs(&url);
        if after != expected {
            problem(format!("the remote has the refs {after:?}"));
        }

        // A child of the base with exactly the files of the workspace.
        look.git(&["clone", "-q", "--bare", "--branch", branch.as_str(), &url, "look"], b"");
        let look = Plain::in_dir(&self.dir.join("look"));
        let parents = look.git_text(&["rev-parse", &format!("{commit}^@")], b"");
        if parents != base.as_str() {
            problem(format!("the parents are {parents:?}"));
        }
        left.retain(|path, _| !path.starts_with("ignored/") && path != "docs/.gitattributes");
        // The pushed commit has a pointer at the path of a submodule.
        for (_, submodule, _) in self.vector.base.iter().filter(|(mode, ..)| *mode == "160000") {
            left.retain(|path, _| !path.starts_with(&format!("{submodule}/")));
        }
        let arrived = look.tree(commit.as_str());
        let differing = differing(&arrived, &left);
        if !differing.is_empty() {
            problem(format!("the pushed files differ from the workspace: {differing:?}"));
        }

        // The patch leads to the same tree.
        look.git(&["read-tree", base.as_str()], b"");
        look.git(&["apply", "--cached", "--whitespace=nowarn"], &patch);
        let patched = look.git_text(&["write-tree"], b"");
        if patched != set.tree.as_str() {
            problem("the patch leads to another tree".to_owned());
        }
    }

    /// Returns the number of pushes that the remote has accepted so far.
    fn pushes(&self) -> usize {
        let path = format!("/octo/{}.git/git-receive-pack", self.repo.name);
        let calls = self.fixture.emulator.calls();
        calls.iter().filter(|call| call.path == path && call.status == Some(200)).count()
    }
}
