use std::path::Path;
use std::process::Output;

use ccc_core::testing::git;

use super::fixture::{ccc, text};

const FIX: &str =
    "command:sh -c 'cat > prompt.txt; sed -i s/3/2/ sum.txt; rm prompt.txt; echo fixed'";

fn repository(dir: &Path) {
    git(dir, &["init", "--quiet"]);
    std::fs::write(dir.join("sum.txt"), "1 + 1 = 3\n").unwrap();
    git(dir, &["add", "."]);
    git(dir, &["commit", "--quiet", "-m", "start"]);
}

fn run(dir: &Path, repo: &str, issue: &str, agent: &str) -> Output {
    ccc()
        .args(["run", "--repo", repo, "--issue", issue, "--agent", agent])
        .env("CCC_DATA_DIR", dir.join("data"))
        .current_dir(dir)
        .output()
        .unwrap()
}

#[test]
fn a_local_repository_gets_a_branch_and_a_description() {
    // spec: X20h
    let dir = tempfile::TempDir::new().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    repository(&repo);
    std::fs::write(dir.path().join("issue.md"), "Wrong sum\n\nIt is 2.\n").unwrap();
    for issue in ["The sum is wrong\nIt says 3.", "issue.md"] {
        let before = git(&repo, &["rev-parse", "main"]);
        let output = run(dir.path(), "repo", issue, FIX);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        let branch = shown.lines().next().unwrap();
        assert!(branch.starts_with("claude/run-"), "{shown}");
        // On the host that the branch is pushed to later, number 1 belongs to another issue.
        let message = git(&repo, &["log", "-1", "--format=%B", branch]);
        for told in [&shown, &message] {
            assert!(told.contains("Solve: ") && !told.contains("#1"), "{told}");
        }
        assert_eq!(git(&repo, &["show", &format!("{branch}:sum.txt")]), "1 + 1 = 2");
        assert_eq!(git(&repo, &["rev-parse", "main"]), before, "main moved");
        assert_eq!(git(&repo, &["status", "--porcelain"]), "", "the checkout changed");
        assert_eq!(git(&repo, &["symbolic-ref", "--short", "HEAD"]), "main");
    }
    let left: Vec<_> = std::fs::read_dir(dir.path().join("data/runs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_run_waits_for_the_first_one() {
    // spec: X20g
    use std::io::{BufRead as _, BufReader};
    let dir = tempfile::TempDir::new().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    repository(&repo);
    let gate = dir.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    // The agent can have another user id.
    for (path, mode) in [(dir.path(), 0o755), (gate.as_path(), 0o666)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    let start = |agent: String| {
        let mut program = ccc();
        program.args(["run", "--repo", "repo", "--issue", "x", "--agent", &agent]);
        program.env("CCC_DATA_DIR", dir.path().join("data")).current_dir(dir.path());
        program.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        program.spawn().unwrap()
    };
    let edit = "sed -i s/3/2/ sum.txt";
    let first = start(format!("command:sh -c 'echo > {0}; cat {0}; {edit}'", gate.display()));
    // The agent of the first run has started when its write to the pipe returns.
    std::fs::read(&gate).unwrap();
    let mut second = start(format!("command:sh -c '{edit}'"));
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("is in use by another process")));
    std::fs::write(&gate, "go").unwrap();
    assert!(first.wait_with_output().unwrap().status.success());
    let rest: Vec<String> = lines.collect();
    assert!(second.wait().unwrap().success(), "{rest:?}");
    let branches = git(&repo, &["branch", "--list", "claude/*"]);
    assert_eq!(branches.lines().count(), 2, "{branches}");
}

/// The hooks that git can execute in the repository that a push or a fetch connects to.
const HOOKS: &[&str] = &[
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "push-to-checkout",
    "proc-receive",
    "reference-transaction",
    "pre-auto-gc",
    "post-index-change",
    "post-checkout",
    "post-merge",
];

/// Adds every hook, and every setting that names a program, to the repository. Each of them creates
/// a file in `traces`.
fn plant(repo: &Path, traces: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(traces).unwrap();
    let program = |name: &str, path: &Path| {
        let trace = traces.join(name);
        std::fs::write(path, format!("#!/bin/sh\ntouch '{}'\nexit 0\n", trace.display())).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let hooks = repo.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in HOOKS {
        program(hook, &hooks.join(hook));
    }
    // With an alternate, git asks a program of the repository for the refs of the alternate.
    git(repo, &["clone", "--quiet", "--bare", ".", ".git/other.git"]);
    std::fs::create_dir_all(repo.join(".git/objects/info")).unwrap();
    let other = repo.join(".git/other.git/objects");
    std::fs::write(repo.join(".git/objects/info/alternates"), format!("{}\n", other.display()))
        .unwrap();
    for setting in [
        "core.alternateRefsCommand",
        "core.fsmonitor",
        "core.sshCommand",
        "core.gitProxy",
        "core.askPass",
        "core.editor",
        "core.pager",
        "uploadpack.packObjectsHook",
        "gc.recentObjectsHook",
        "gpg.program",
        "credential.helper",
        "diff.external",
        "filter.x.clean",
        "filter.x.smudge",
        "trailer.x.command",
    ] {
        let path = repo.join(".git").join(format!("program-{setting}"));
        program(setting, &path);
        git(repo, &["config", setting, path.to_str().unwrap()]);
    }
    let included = repo.join(".git/included");
    let path = repo.join(".git/program-included");
    program("included", &path);
    let text = format!("[core]\n\talternateRefsCommand = {}\n", path.display());
    std::fs::write(&included, text).unwrap();
    for (name, value) in [
        // Only the branch of the run, so that the plain push at the end of the test succeeds.
        ("receive.procReceiveRefs", "refs/heads/claude"),
        ("receive.denyCurrentBranch", "updateInstead"),
        ("gc.auto", "1"),
        ("include.path", included.to_str().unwrap()),
        ("remote.origin.url", "ext::sh -c touch%20canary"),
        ("remote.origin.promisor", "true"),
        ("extensions.partialClone", "origin"),
        ("core.hooksPath", hooks.to_str().unwrap()),
    ] {
        git(repo, &["config", name, value]);
    }
}

fn traces(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_executes_no_program_of_a_local_repository() {
    // spec: X20a
    let dir = tempfile::TempDir::new().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    repository(&repo);
    let marks = dir.path().join("traces");
    plant(&repo, &marks);
    for name in traces(&marks) {
        std::fs::remove_file(marks.join(name)).unwrap();
    }
    let before = std::fs::read(repo.join(".git/config")).unwrap();
    let output = run(dir.path(), "repo", "The sum is wrong", FIX);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(traces(&marks), [""; 0], "programs of the repository were executed");
    assert_eq!(std::fs::read(repo.join(".git/config")).unwrap(), before);
    let shown = text(&output.stdout);
    let branch = format!("refs/heads/{}", shown.lines().next().unwrap());
    assert!(repo.join(".git").join(&branch).exists(), "{shown}");

    // A push with git itself executes the programs, so the fixture can fail.
    git(dir.path(), &["clone", "--quiet", "--config=core.hooksPath=/dev/null", "repo", "copy"]);
    let copy = dir.path().join("copy");
    git(&copy, &["commit", "--quiet", "--allow-empty", "-m", "more"]);
    git(&copy, &["push", "--quiet", repo.to_str().unwrap(), "HEAD:refs/heads/plain"]);
    let executed = traces(&marks);
    for name in ["pre-receive", "reference-transaction", "included"] {
        assert!(executed.iter().any(|other| other == name), "{name}: {executed:?}");
    }
}

#[test]
fn errors_are_one_line_that_names_the_next_step() {
    let dir = tempfile::TempDir::new().unwrap();
    repository(dir.path());
    let fresh = dir.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    git(&fresh, &["init", "--quiet"]);
    for (repo, issue, agent, expected, status) in [
        (
            "nowhere",
            "x",
            "command:true",
            "nor of the form OWNER/NAME for a repository on GitHub",
            2,
        ),
        ("octo/hello", "x", "command:true", "--issue '#12'", 2),
        ("octo/hello", "#1", "command:true", "set github.app_id", 2),
        (".", "#1", "command:true", "--issue #1 is the number of an issue", 2),
        (".", "", "command:true", "the issue is empty", 2),
        (".", "x", "robot", "agent.kind has an unknown value", 2),
        ("fresh", "x", "command:true", "push a first commit", 1),
    ] {
        let output = run(dir.path(), repo, issue, agent);
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{repo} {issue} {agent}: {said}");
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    // git is not in PATH.
    let output = ccc()
        .args(["run", "--repo", ".", "--issue", "x", "--agent", "command:/bin/true"])
        .env("PATH", "/nonexistent")
        .env("CCC_DATA_DIR", dir.path().join("data"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("install git"), "{}", text(&output.stderr));
}

#[test]
fn an_agent_with_continuous_output_is_stopped_by_its_time_limit() {
    // spec: X14a
    let dir = tempfile::TempDir::new().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    repository(&repo);
    let output = ccc()
        .args(["run", "--json", "--repo", "repo", "--issue", "x", "--agent", "command:yes ["])
        .env("CCC_DATA_DIR", dir.path().join("data"))
        .env("CCC_AGENT__WALL_SECONDS", "2")
        .current_dir(dir.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let began = ccc_core::Clock::now(&ccc_core::SystemClock);
    let output = output.wait_with_output().unwrap();
    let took = ccc_core::Clock::now(&ccc_core::SystemClock).duration_since(began);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    // This does not measure speed: if the output kept the timers from running, the run would take
    // minutes.
    assert!(took.as_secs() < 60, "{took}");
}

#[test]
fn the_secret_of_a_run_for_the_model_proxy_is_neither_shown_nor_published() {
    // spec: S6b, S6c, X10a, X10c
    let dir = tempfile::TempDir::new().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    repository(&repo);
    // The last case writes no file, so the final message is the answer.
    for (leak, expected) in [
        ("printf %s $k > leak.txt", "\"refused\""),
        ("printf %s $k | base64 > leak.txt", "\"refused\""),
        ("printf %s $k | rev > leak.txt", "\"refused\""),
        ("mkdir $k; touch $k/x", "\"refused\""),
        ("ln -s $k link", "\"refused\""),
        (":", "\"answered\""),
    ] {
        let line = format!(
            "command:sh -c 'k=$ANTHROPIC_API_KEY; {leak}; env; printf %s $k | base64 -w 0; echo; \
             printf %s $k | rev; echo; echo $k >&2; echo the key is $k'"
        );
        let output = ccc()
            .args(["run", "--json", "--repo", "repo", "--issue", "x", "--agent", &line])
            .env("CCC_DATA_DIR", dir.path().join("data"))
            .env("ANTHROPIC_API_KEY", "model-credential-0123456789")
            .env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
            .current_dir(dir.path())
            .output()
            .unwrap();
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert!(shown.contains(expected), "{leak}: {shown}");
        assert!(shown.contains("ANTHROPIC_API_KEY=[REDACTED]"), "{leak}: {shown}");
        // The secret is `run-` and hexadecimal digits. The other texts are `run-` in base64 and
        // reversed.
        let hex = |text: &str| text.bytes().take_while(u8::is_ascii_hexdigit).count();
        let plain = shown.match_indices("run-").any(|(at, _)| hex(&shown[at + 4..]) > 8);
        let hidden = ["cnVuL", "-nur"].iter().any(|part| shown.contains(part));
        assert!(!plain && !hidden, "{leak}: {shown}");
        let branches = git(&repo, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        assert_eq!(branches, "main", "{leak}");
    }
}
