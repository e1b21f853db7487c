//! Tests of the user that reads a workspace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ccc_core::git::{Collected, HostGit};
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;
use ccc_core::testing::has_part;
use ccc_core::vcs::{Access, Grant};

use crate::support::{TREE, World, chmod, repository, run, script, shell, write};

/// The UID of the run.
const UID: u32 = 10_500;

/// The variable that gives the child process of the test below its directory.
const CHILD: &str = "CCC_TEST_RUN_USER_CHILD";

/// Checks out a repository, gives the workspace to the run's UID, and collects the changes, if the
/// process is the child with the logging git.
#[tokio::test]
async fn child_with_a_logging_git() {
    let Some(place) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let host = HostGit::open(place.join("data")).unwrap();
    let access = Access::open(Grant::Read, place.join("remote.git").to_str().unwrap());
    let at = host.checkout(run(1), &repository(), &access).await.unwrap();
    write(&at.path, "new/.gitignore", "*.log\n");
    write(&at.path, "new/file", "new\n");
    write(&at.path, "new/x.log", "ignored\n");
    write(&at.path, "README.md", "changed\n");
    fs::remove_file(at.path.join("bin/run")).unwrap();
    shell(&at.path, &format!("chown -hR {UID}:{UID} ."));
    let (policy, redactor) = (TrustPolicy::default(), Redactor::default());
    for _ in 0..2 {
        let collected = host.collect(run(1), &at.base, &policy, &redactor).await.unwrap();
        let Collected::Changes(set) = collected else { panic!("{collected:?}") };
        let changed: Vec<_> = set.changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(changed, ["README.md", "bin/run", "new/.gitignore", "new/file"]);
        assert!(!at.path.join(".git").exists());
    }
}

#[test]
fn git_reads_a_workspace_as_the_user_of_the_run() {
    // spec: X18d
    if !has_part("root", rustix::process::geteuid().is_root(), "run this as root") {
        return;
    }
    let world = World::new(TREE);
    chmod(world.path(), 0o755);
    let (bin, log) = (world.path().join("bin"), world.path().join("log"));
    fs::write(&log, "").unwrap();
    chmod(&log, 0o666);
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists());
    let text = format!(
        "echo \"$(id -u) $(id -G) $PWD $GIT_DIR $*\" >> {}\nexec {} \"$@\"",
        log.display(),
        real.unwrap().display()
    );
    script(&bin.join("git"), &text);
    let path = format!("{}:{}", bin.display(), path.to_str().unwrap());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["run_user::child_with_a_logging_git", "--exact", "--nocapture"])
        .env(CHILD, world.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{child:?}");
    check_calls(&fs::read_to_string(&log).unwrap());
    assert_eq!(mode(&world.path().join("data")), 0o700);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Checks that only the calls that read the agent's files have the UID of the run.
fn check_calls(log: &str) {
    let as_run = format!("{UID} {UID} ");
    let (of_run, ours): (Vec<_>, Vec<_>) = log.lines().partition(|l| l.starts_with(&as_run));
    assert_eq!(of_run.len(), 2, "{log}");
    for call in of_run {
        assert!(call.contains(" .git -c") && call.contains(" ls-files "), "{call}");
    }
    assert!(ours.len() > 10, "{log}");
    for call in ours {
        assert!(call.starts_with("0 "), "{call}");
        // The index of the service's git directory can be listed, but no file of the agent.
        let lists = call.ends_with(" ls-files -z --stage --full-name");
        assert!(lists || !call.contains(" ls-files "), "{call}");
        assert!(!call.contains(" add "), "{call}");
        // After the checkout, git has no work tree.
        let writes = call.contains(" read-tree ") || call.contains(" init ");
        assert!(writes || !call.contains("/workspace "), "{call}");
    }
}
