use std::process::Stdio;

use ccc_core::testing::git;

use super::fixture::{Running, ccc, text};

#[test]
fn the_demo_opens_a_pull_request() {
    // spec: P1
    let output = ccc().arg("demo").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("/octo-org/temperature/pull/2"), "{shown}");
    assert!(shown.contains("+    return celsius * 9 / 5 + 32"), "{shown}");
    let timeline = text(&output.stderr);
    for stage in ["authorize", "checkout", "provision", "work", "collect", "commit", "publish"] {
        assert!(timeline.contains(&format!("✓ {stage}")), "{timeline}");
    }
}

#[test]
fn if_root_cannot_mount_only_the_demo_runs() {
    // spec: X4d
    let root = rustix::process::geteuid().is_root();
    if !ccc_core::testing::has_part("root", root, "run this as root") {
        return;
    }
    let dir = tempfile::TempDir::new().unwrap();
    let bound = |arguments: &[&str]| {
        let program = ccc();
        let mut command = std::process::Command::new("setpriv");
        command.arg("--bounding-set=-sys_admin").arg("--").arg(program.get_program());
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("CCC_DATA_DIR", dir.path().join("data")).output().unwrap()
    };
    let output = bound(&["demo"]);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains("The agent of this demo runs as root"),
        "{said}"
    );
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["commit", "--quiet", "--allow-empty", "-m", "start"]);
    let repo = dir.path().to_str().unwrap();
    let output = bound(&["run", "--repo", repo, "--issue", "x", "--agent", "command:true"]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("CAP_SYS_ADMIN"), "{said}");
}

#[test]
fn with_json_every_event_is_a_line_of_json() {
    let output = ccc().args(["demo", "--json"]).output().unwrap();
    assert!(output.status.success());
    let shown = text(&output.stdout);
    let events: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = events.last().unwrap();
    assert_eq!(last["event"], "finished", "{last}");
    assert_eq!(last["outcome"], "pull_request", "{last}");
    assert!(events.iter().all(|event| event["run"] == last["run"]));
}

#[test]
fn a_demo_without_a_pull_request_reports_the_reason() {
    for (agent, expected, status) in [
        ("command:false", "failed in the stage work", 1),
        ("command:true", "no change", 1),
        ("command:/no/such/program", "/no/such/program cannot be found", 2),
        ("gpt", "agent.kind has an unknown value: this build supports claude", 2),
        ("scripted:/no/such/file", "cannot read the script", 2),
        ("command:'open", "has an unclosed quote", 2),
    ] {
        let output = ccc().args(["demo", "--agent", agent]).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{agent}: {said}");
        assert!(said.contains(expected), "{agent}: {said}");
    }
    let output = ccc().args(["demo", "--runner", "podman"]).output().unwrap();
    assert!(text(&output.stderr).contains("runner.kind has an unknown value: this build supports"));
}

#[test]
fn with_keep_the_repository_can_be_cloned_after_the_demo() {
    let mut command = ccc();
    command.args(["demo", "--keep"]).stdin(Stdio::null());
    let (mut demo, url) =
        Running::start(command, |line| line.trim().strip_prefix("git clone ").map(str::to_owned));
    let dir = tempfile::TempDir::new().unwrap();
    git(dir.path(), &["clone", "--quiet", &url, "cloned"]);
    let cloned = dir.path().join("cloned");
    let branches = git(&cloned, &["branch", "--remotes", "--format=%(refname:short)"]);
    let branch = branches.lines().find(|name| name.contains("claude/issue-1-")).unwrap();
    assert!(git(&cloned, &["show", &format!("{branch}:temperature.py")]).contains("* 9 / 5"));
    let author = git(&cloned, &["log", "-1", "--format=%an %ae", branch]);
    assert!(author.contains("[bot]") && author.contains("@users.noreply."), "{author}");
    assert!(git(&cloned, &["show", "origin/main:temperature.py"]).contains("* 5 / 9"));
    demo.signal(rustix::process::Signal::INT);
    assert!(demo.child.wait().unwrap().success(), "{}", demo.log());
}
