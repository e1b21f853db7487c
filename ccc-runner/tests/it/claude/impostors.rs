//! Tests with programs in place of Claude Code, each with one fault that must have a typed result.

use std::time::Duration;

use ccc_core::agent::{AgentEvent, Verdict};
use ccc_core::{ContainerRunner as _, ErrorKind};
use ccc_runner::Transcript;
use tempfile::TempDir;

use super::{Fixture, bounded, impostor};

const VERSION: &str = "2.1.330 (Claude Code)";
const DONE: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"Done."}"#;

/// Returns a script that prints a result line with these fields.
fn result(fields: &str) -> String {
    format!("cat > /dev/null; echo '{{\"type\":\"result\",{fields}}}'")
}

fn failed(kind: ErrorKind, reason: &str) -> Verdict {
    Verdict::Failed { kind, reason: reason.to_owned() }
}

fn limited(reason: &str) -> Verdict {
    Verdict::Limited { reason: reason.to_owned() }
}

#[tokio::test]
async fn the_verdict_comes_from_the_result_line_and_never_from_the_exit_status() {
    // spec: X15a
    let broke = ErrorKind::Unexpected;
    let no_result = "Claude Code ended without a result: ";
    let said = |rest: &str| failed(broke, &format!("{no_result}{rest}"));
    let done = format!("echo '{DONE}'");
    for (body, expected) in [
        (done.clone(), Verdict::Completed),
        (format!("{done}; exit 1"), Verdict::Completed),
        (format!("{done}; kill -9 $$"), Verdict::Completed),
        (format!("printf '%s' '{DONE}'"), Verdict::Completed),
        // The program hangs after its result.
        (format!("{done}; sleep 300"), Verdict::Completed),
        // A process that the program left holds its output open.
        (format!("sleep 300 & {done}"), Verdict::Completed),
        ("exit 0".to_owned(), said("exit status 0")),
        ("echo 'no such model' >&2; exit 1".to_owned(), said("exit status 1: no such model")),
        ("kill -9 $$".to_owned(), said("killed by signal 9")),
        ("echo '{\"type\":\"result\"'".to_owned(), said("exit status 0")),
        (
            result(r#""subtype":"success","is_error":true,"result":"Invalid API key""#),
            failed(broke, "Invalid API key"),
        ),
        (
            result(r#""subtype":"success","is_error":true,"api_error_status":529,"result":"Busy""#),
            failed(ErrorKind::Unavailable, "Busy"),
        ),
        (
            result(r#""subtype":"success","is_error":true,"api_error_status":401"#),
            failed(ErrorKind::Unauthenticated, "Claude Code reported a failure without a reason"),
        ),
        (
            result(r#""subtype":"error_max_turns","is_error":true"#),
            limited("the run reached its turn limit"),
        ),
        (
            result(r#""subtype":"error_max_budget_usd""#),
            limited("the run reached its spending limit"),
        ),
        (
            result(r#""subtype":"success","is_error":true,"terminal_reason":"prompt_too_long""#),
            limited("the context window of the model is full"),
        ),
        (
            result(r#""subtype":"error_during_execution","errors":["","it broke"]"#),
            failed(broke, "error_during_execution: it broke"),
        ),
        (
            result(r#""subtype":"error_max_structured_output_retries","is_error":true"#),
            failed(broke, "error_max_structured_output_retries"),
        ),
        (
            result(r#""subtype":"error_during_execution","startup_failure_reason":"bypass_root""#),
            failed(broke, "error_during_execution (bypass_root)"),
        ),
        (result(r#""subtype":"error_of_next_year""#), failed(broke, "error_of_next_year")),
        (result(r#""result":7"#), failed(broke, "Claude Code reported a failure without a reason")),
        (result(r#""result":"what now""#), failed(broke, "what now")),
    ] {
        let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
        let ran = fixture.run(&fixture.agent(&impostor(dir.path(), VERSION, &body))).await;
        assert_eq!(ran.report().verdict, expected, "{body}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_used_is_an_error_with_a_remedy() {
    // spec: X8
    let dir = TempDir::new().unwrap();
    for (program, kind, expected) in [
        ("/no/such/claude".to_owned(), ErrorKind::NotFound, "install Claude Code"),
        (
            impostor(&dir.path().join("."), "2.1.127 (Claude Code)", ""),
            ErrorKind::Unsupported,
            "2.1.127 is too old: install version 2.1.128 or newer",
        ),
        ("true".to_owned(), ErrorKind::Unsupported, "not Claude Code"),
        ("false".to_owned(), ErrorKind::Unavailable, "failed: exit status 1"),
    ] {
        let fixture = Fixture::new("").await;
        let error = fixture.run(&fixture.agent(&program)).await.result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_container_without_the_proxy_and_a_task_without_a_credential_are_errors() {
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    let agent = fixture.agent(&impostor(dir.path(), VERSION, ""));
    let mut task = fixture.task();
    task.credentials.clear();
    let error = fixture.run_task(&agent, &task).await.result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");

    let spec = ccc_core::container::ContainerSpec::new(fixture.workspace.path());
    let container = fixture.runner.spawn(task.run, &spec).await.unwrap();
    let error = ccc_core::Agent::run(&agent, &fixture.task(), &*container, &mut |_: AgentEvent| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

const CLAIMS: &str = r#""subtype":"success","is_error":false,"result":" Done. ","session_id":"s-1",
    "total_cost_usd":0.0123456,"modelUsage":{"claude-a":{"inputTokens":5,"outputTokens":6,
    "cacheReadInputTokens":7,"cacheCreationInputTokens":8,"costUSD":0.01}},
    "permission_denials":[{"tool_name":"Bash","tool_input":{"command":"rm -rf /"}},
    {"tool_name":"Bash","tool_input":{"command":"rm -rf /"}},{"tool_name":"WebFetch"}]"#;

#[test]
fn denials_usage_and_session_are_read() {
    // spec: X15a
    let line = format!("{{\"type\":\"result\",{CLAIMS}}}").replace('\n', " ");
    let mut transcript = Transcript::new("/workspace");
    transcript.read(line.as_bytes(), &mut |_: AgentEvent| {});
    transcript.finish(&mut |_: AgentEvent| {});
    let report = transcript.report().unwrap();
    assert_eq!((&report.verdict, &*report.summary), (&Verdict::Completed, "Done."));
    assert_eq!(report.denials, ["Bash(rm -rf /)", "WebFetch"]);
    assert_eq!((report.session.as_deref(), report.micro_usd), (Some("s-1"), Some(12_346)));
    let used = &report.usage[0];
    let tokens =
        [used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_write_tokens];
    assert_eq!((&*used.model, tokens, used.micro_usd), ("claude-a", [5, 6, 7, 8], Some(10_000)));
}

/// Checks that the cost in a result line is not trusted, because a program that the agent runs can
/// also write such a line.
#[tokio::test]
async fn the_cost_is_the_one_that_the_proxy_counted() {
    // spec: X3d
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    let line = result(&CLAIMS.replace('\n', " "));
    let ran = fixture.run(&fixture.agent(&impostor(dir.path(), VERSION, &line))).await;
    let report = ran.report();
    assert_eq!((report.micro_usd, report.usage.len()), (Some(0), 0), "{report:?}");
    assert_eq!((report.session.as_deref(), report.denials.len()), (Some("s-1"), 2));
}

#[tokio::test]
async fn invalid_lines_are_shown_and_do_not_end_the_run() {
    // spec: X15b
    let body = format!(
        "echo 'warning: old'; echo '{{\"type\":'; echo '[1]'; echo '{{\"type\":\"new\"}}'; echo; \
         printf 'half' >&2; echo '{DONE}'; echo ' more' >&2; echo after"
    );
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    let ran = fixture.run(&fixture.agent(&impostor(dir.path(), VERSION, &body))).await;
    assert_eq!(ran.report().verdict, Verdict::Completed);
    let printed = |text: &str| AgentEvent::Printed { error_stream: false, text: text.to_owned() };
    let out: Vec<_> = ran
        .events
        .iter()
        .filter(|event| matches!(event, AgentEvent::Printed { error_stream: false, .. }))
        .cloned()
        .collect();
    assert_eq!(out, ["warning: old\n", "{\"type\":\n", "[1]\n"].map(printed));
}

#[tokio::test]
async fn output_beyond_the_limit_is_reported() {
    // spec: X15b
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    // The result line is among the output that is dropped.
    let body = format!("head -c 300000000 /dev/zero; echo '{DONE}'");
    let ran = fixture.run(&fixture.agent(&impostor(dir.path(), VERSION, &body))).await;
    let Verdict::Failed { reason, .. } = &ran.report().verdict else { panic!("{:?}", ran.result) };
    assert!(
        reason.contains("exit status 0: [") && reason.contains("output were dropped"),
        "{reason}"
    );
}

/// Measures the memory during reading, because it is free again afterwards.
#[test]
fn reading_a_gigabyte_needs_little_memory() {
    // spec: X15b
    if std::env::var_os("CCC_ALONE").is_none() {
        // Runs in a separate process, because other tests also use memory.
        let name = "claude::impostors::reading_a_gigabyte_needs_little_memory";
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", name]).env("CCC_ALONE", "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let many = |line: &str| line.repeat((1 << 20) / line.len());
    let deep = format!("{{\"type\":\"assistant\",\"a\":[{}0]}}\n", "{\"\":0},".repeat(900_000));
    for (name, piece, pieces) in [
        ("one line", "x".repeat(1 << 20), 1_000),
        ("lines of nothing", many("[1\n"), 10),
        ("lines of an unknown type", many("{\"type\":\"user\",\"a\":[[0],[0],{}]}\n"), 30),
        ("a line that would need a hundred times its size", deep, 3),
    ] {
        let (mut transcript, before) = (Transcript::new("/workspace"), rss());
        let (mut events, mut most) = (0_u64, 0);
        for _ in 0..pieces {
            transcript.read(piece.as_bytes(), &mut |_: AgentEvent| events += 1);
            most = most.max(rss().saturating_sub(before));
        }
        assert!(most < 64 << 10, "{name}: {most} KiB more, with {events} events");
    }
}

/// Returns the memory of this process, in KiB.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_process_that_a_tool_left_running_ends_with_the_run() {
    // spec: X14d
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    let body = format!(
        "setsid sh -c 'echo $$ > daemon; sleep 300' & while [ ! -s daemon ]; do :; done; echo '{DONE}'"
    );
    let agent = fixture.agent(&impostor(dir.path(), VERSION, &body));
    let task = fixture.task();
    let container = fixture.container(task.run).await;
    let mut sink = |_: AgentEvent| {};
    let report = ccc_core::Agent::run(&agent, &task, &*container, &mut sink);
    assert_eq!(bounded(report).await.unwrap().verdict, Verdict::Completed);
    let daemon = format!("/proc/{}", fixture.read("daemon").unwrap().trim());
    assert!(
        std::path::Path::new(&daemon).exists(),
        "the daemon ended early, so the test proves nothing"
    );
    bounded(container.stop(Duration::from_secs(1))).await.unwrap();
    let state = std::fs::read_to_string(format!("{daemon}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
    fixture.runner.destroy(task.run).await.unwrap();
}

#[tokio::test]
async fn neither_the_prompt_nor_the_secret_is_among_the_arguments() {
    // spec: X12d
    let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
    let body = format!("printf '%s\\n' \"$@\" > args; env > env; cat > stdin; echo '{DONE}'");
    let ran = fixture.run(&fixture.agent(&impostor(dir.path(), VERSION, &body))).await;
    assert_eq!(ran.report().verdict, Verdict::Completed);
    assert_eq!(fixture.read("stdin").unwrap(), "Solve the issue.\n");
    let (args, env) = (fixture.read("args").unwrap(), fixture.read("env").unwrap());
    let secret = env.lines().find_map(|line| line.strip_prefix("ANTHROPIC_API_KEY=")).unwrap();
    assert!(
        secret.starts_with("run-") && !args.contains(secret) && !args.contains("Solve"),
        "{args}"
    );
    let key = fixture.model.key().expose_str().unwrap();
    assert!(!env.contains(key) && !args.contains(key));
}

#[tokio::test]
async fn flags_follow_from_limits_permissions_and_version() {
    use ccc_runner::Permissions;
    let rules = Permissions::EditsAnd(vec!["Bash(cargo test:*)".into(), "Bash(make)".into()]);
    for (version, permissions, expected, absent) in [
        (VERSION, rules, "--allowedTools Bash(cargo test:*),Bash(make)", "bypassPermissions"),
        (VERSION, Permissions::All, "--permission-mode bypassPermissions", "--allowedTools"),
        (VERSION, Permissions::All, "--permission-prompts none", "acceptEdits"),
        (
            "2.1.329 (Claude Code)",
            Permissions::EditsAnd(vec![]),
            "--permission-mode acceptEdits",
            "--permission-prompts",
        ),
    ] {
        let (fixture, dir) = (Fixture::new("").await, TempDir::new().unwrap());
        let body = format!("echo \"$@\" > args; echo \"$IS_SANDBOX\" > sandbox; echo '{DONE}'");
        let is_sandbox = permissions == Permissions::All;
        let agent =
            fixture.agent(&impostor(dir.path(), version, &body)).with_permissions(permissions);
        let mut task = fixture.task();
        (task.limits.turns, task.limits.micro_usd) = (Some(12), Some(2_500_000));
        fixture.run_task(&agent, &task).await.report();
        let args = fixture.read("args").unwrap();
        let run = task.run.to_string();
        for flag in [expected, "--max-turns 12", "--max-budget-usd 2.500000", run.as_str()] {
            assert!(args.contains(flag), "{flag}: {args}");
        }
        assert!(!args.contains(absent), "{absent}: {args}");
        assert_eq!(fixture.read("sandbox").unwrap().trim() == "1", is_sandbox);
    }
}
