//! Changes in a workspace, and the host git that collects them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use ccc_core::RunId;
use ccc_core::event::RepoRef;
use ccc_core::git::{Collected, HostGit};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::testing::git;
use ccc_core::vcs::{Access, Grant, Repository};
use tempfile::TempDir;

/// One action in a workspace. Paths are relative to the directory of the change.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Writes a file with this content.
    Write(String, Vec<u8>),
    /// Creates a symlink with this target.
    Link(String, String),
    /// Moves a file, whose path is relative to the workspace.
    Move(String, String),
    /// Moves a file and appends this text to it.
    MoveAndEdit(String, String, String),
}

/// A repository, and a host git.
pub(crate) struct Bench {
    dir: TempDir,
    host: HostGit,
}

fn prepared(path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

impl Bench {
    /// Creates a repository with these files.
    pub(crate) fn new(base: &[(String, Vec<u8>)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("remote");
        for (path, content) in base {
            fs::write(prepared(work.join(path)), content).unwrap();
        }
        git(&work, &["init", "--quiet"]);
        git(&work, &["add", "--all", "--force"]);
        git(&work, &["commit", "--quiet", "--message", "base"]);
        let host = HostGit::open(dir.path().join("host")).unwrap();
        Self { dir, host }
    }

    /// Makes the changes in the workspace of run `number`, each in its own directory, and collects
    /// them.
    pub(crate) async fn collect(&self, number: usize, changes: &[(String, Vec<Act>)]) -> Collected {
        let run: RunId = format!("01890a5d-ac96-774b-bcce-b302{number:08x}").parse().unwrap();
        let repo = RepoRef {
            host: "example.com".to_owned(),
            id: 7,
            owner: "o".to_owned(),
            name: "r".to_owned(),
        };
        let remote = self.dir.path().join("remote");
        let access = Access::open(Grant::Publish, remote.to_str().unwrap());
        let repository = Repository::new(repo, "main");
        let at = self.host.checkout(run, &repository, &access).await.unwrap();
        for (directory, acts) in changes {
            for act in acts {
                execute(act, &at.path, directory);
            }
        }
        let (policy, redactor) = (TrustPolicy::default(), Redactor::default());
        let collected = self.host.collect(run, &at.base, &policy, &redactor).await.unwrap();
        self.host.remove(run).await.unwrap();
        collected
    }
}

fn execute(act: &Act, workspace: &Path, directory: &str) {
    let below = |path: &str| prepared(workspace.join(directory).join(path));
    match act {
        Act::Write(path, content) => fs::write(below(path), content).unwrap(),
        Act::Link(path, target) => symlink(target, below(path)).unwrap(),
        Act::Move(from, to) => fs::rename(workspace.join(from), below(to)).unwrap(),
        Act::MoveAndEdit(from, to, more) => {
            let old = fs::read(workspace.join(from)).unwrap();
            fs::remove_file(workspace.join(from)).unwrap();
            fs::write(below(to), [old, more.clone().into_bytes()].concat()).unwrap();
        }
    }
}
