//! Tests of events, limits and costs of the real program.

use std::collections::BTreeSet;

use ccc_core::ErrorKind;
use ccc_core::agent::{AgentEvent, Verdict};
use ccc_runner::{ClaudeCode, CredentialKind, Permissions, SubprocessRunner};

use super::{Fixture, bounded};

const SCENARIO: &str = r#"
[[turn]]
think = "First the file."
say = "I read it."
use = [{ tool = "Read", input = { file_path = "sum.txt" } }]

[[turn]]
fail = { status = 529, times = 1 }
use = [{ tool = "TodoWrite", input = { todos = [
  { content = "fix", status = "completed", activeForm = "fixing" },
  { content = "look again", status = "pending", activeForm = "looking" },
] } }]

[[turn]]
use = [
  { tool = "Edit", input = { file_path = "sum.txt", old_string = "= 3", new_string = "= 2" } },
  { tool = "Write", input = { file_path = "why.txt", content = "because\n" } },
]

[[turn]]
use = [
  { tool = "Bash", input = { command = "test -f sum.txt" } },
  { tool = "Bash", input = { command = "curl http://127.0.0.1:1/" } },
]

[[turn]]
say = "Fixed."
tokens = { input = 2000, output = 50 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_real_claude_code_edits_and_reports_every_step() {
    // spec: X12d
    let fixture = Fixture::new(SCENARIO).await;
    let Some(agent) = fixture.real(&["Bash(test:*)"]) else { return };
    fixture.write("sum.txt", "1 + 1 = 3\n");
    let ran = fixture.run(&agent).await;
    let report = ran.report();
    assert_eq!((&report.verdict, &*report.summary), (&Verdict::Completed, "Fixed."));
    assert_eq!(fixture.read("sum.txt").unwrap(), "1 + 1 = 2\n");
    assert_eq!(fixture.read("why.txt").unwrap(), "because\n");
    assert_eq!(report.denials, ["Bash(curl http://127.0.0.1:1/)"]);
    // The proxy counts the cost: five answers, at its own prices.
    assert_eq!(report.usage.len(), 1, "{:?}", report.usage);
    assert_eq!((report.usage[0].input_tokens, report.usage[0].output_tokens), (6_000, 450));
    assert_eq!(report.micro_usd, report.usage[0].micro_usd);
    assert!(report.micro_usd.unwrap() > 0);

    let text = |text: &str| text.to_owned();
    let expected = [
        AgentEvent::Thought { text: text("First the file.") },
        AgentEvent::Said { text: text("I read it.") },
        AgentEvent::Read { path: text("sum.txt") },
        AgentEvent::Planned { steps: vec![(text("fix"), true), (text("look again"), false)] },
        AgentEvent::Edited { path: text("sum.txt") },
        AgentEvent::Edited { path: text("why.txt") },
        AgentEvent::Ran { command: text("test -f sum.txt") },
        AgentEvent::Ran { command: text("curl http://127.0.0.1:1/") },
        AgentEvent::Said { text: text("Fixed.") },
    ];
    let seen: Vec<_> =
        ran.events.iter().filter(|event| expected.contains(event)).cloned().collect();
    assert_eq!(seen, expected);
    assert!(ran.events.contains(&AgentEvent::Denied { tool: text("Bash") }), "{:?}", ran.events);
    let waits = |event: &&AgentEvent| matches!(event, AgentEvent::Retrying { reason } if reason.contains("529"));
    assert!(ran.events.iter().any(|event| waits(&event)), "{:?}", ran.events);

    let refused = |event: &&AgentEvent| matches!(event, AgentEvent::Printed { text, .. } if text.contains("proxy refused"));
    assert_eq!(ran.events.iter().find(refused), None, "the proxy refused a request of the program");

    // The prompt reached the model. The model received the key, and not the secret of the run.
    let seen = fixture.model.seen();
    let asked: Vec<_> =
        seen.iter().filter(|request| request.path.starts_with("/v1/messages")).collect();
    assert!(asked.iter().any(|r| String::from_utf8_lossy(&r.body).contains("Solve the issue.")));
    let keys: BTreeSet<_> = asked.iter().map(|r| r.headers["x-api-key"].as_bytes()).collect();
    assert_eq!(keys, BTreeSet::from([fixture.model.key().expose()]));
}

const SUBAGENT: &str = r#"
[[turn]]
use = [{ tool = "Agent", input = { description = "write", prompt = "write it", model = "haiku", subagent_type = "general-purpose" } }]
[[turn]]
say = "It is written."
[[model."claude-haiku-*".turn]]
use = [{ tool = "Write", input = { file_path = "sub.txt", content = "by a subagent\n" } }]
[[model."claude-haiku-*".turn]]
say = "I wrote it."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn with_all_permissions_the_agent_can_run_any_command() {
    let scenario =
        "[[turn]]\nuse = [{ tool = 'Bash', input = { command = 'echo free > free.txt' } }]";
    let fixture = Fixture::new(scenario).await;
    let Some(agent) = fixture.real(&[]) else { return };
    let ran = fixture.run(&agent.with_permissions(Permissions::All)).await;
    assert_eq!(ran.report().verdict, Verdict::Completed, "{:?}", ran.events);
    assert_eq!(
        (fixture.read("free.txt").as_deref(), ran.report().denials.len()),
        (Some("free\n"), 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_and_costs_of_subagents_are_reported() {
    // spec: X3d
    let fixture = Fixture::new(SUBAGENT).await;
    let Some(agent) = fixture.real(&[]) else { return };
    let ran = fixture.run(&agent).await;
    assert_eq!(ran.report().verdict, Verdict::Completed, "{:?}", ran.events);
    assert_eq!(fixture.read("sub.txt").unwrap(), "by a subagent\n");
    assert!(
        ran.events.contains(&AgentEvent::Edited { path: "sub.txt".into() }),
        "{:?}",
        ran.events
    );
    let usage = &ran.report().usage;
    let paid: u64 = usage.iter().map(|used| used.micro_usd.unwrap()).sum();
    assert_eq!((usage.len(), Some(paid)), (2, ran.report().micro_usd), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_and_a_gateway_work_like_an_api_key() {
    // spec: X3b
    for kind in [CredentialKind::ApiKey, CredentialKind::OAuthToken, CredentialKind::BearerToken] {
        let fixture = Fixture::new("[[turn]]\nsay = 'Done.'").await;
        let Some(program) = super::program() else { return };
        let agent = ClaudeCode::new(fixture.login(kind)).with_program(program);
        let ran = fixture.run(&agent).await;
        assert_eq!(ran.report().verdict, Verdict::Completed, "{kind:?}: {:?}", ran.events);
        let (seen, key) = (fixture.model.seen(), fixture.model.key().expose_str().unwrap());
        let asked = seen.iter().find(|request| request.path.starts_with("/v1/messages")).unwrap();
        let shown = |name| asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let bearer = format!("Bearer {key}");
        let expected = match kind {
            CredentialKind::ApiKey => (Some(key), None),
            _ => (None, Some(bearer.as_str())),
        };
        let found = (shown("x-api-key"), shown("authorization"));
        assert_eq!((found.0.as_deref(), found.1.as_deref()), expected, "{kind:?}");
        let betas = shown("anthropic-beta").unwrap();
        assert_eq!(betas.contains("oauth-"), kind == CredentialKind::OAuthToken, "{betas}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_api_ends_the_run_with_its_kind() {
    for (scenario, kind, reason) in [
        (
            "fail = { status = 401, times = 99 }",
            ErrorKind::Unauthenticated,
            "rejected the credential (401)",
        ),
        ("fail = { status = 403, times = 99 }", ErrorKind::PermissionDenied, "this request (403)"),
        ("fail = { status = 400, times = 99 }", ErrorKind::Unexpected, "refused the request (400)"),
    ] {
        let fixture = Fixture::new(&format!("[[turn]]\n{scenario}")).await;
        let Some(agent) = fixture.real(&[]) else { return };
        let ran = fixture.run(&agent).await;
        match &ran.report().verdict {
            Verdict::Failed { kind: found, reason: line } => {
                assert_eq!(*found, kind, "{line}");
                assert!(line.contains(reason), "{line}");
            }
            verdict => panic!("{scenario}: {verdict:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_turns_and_the_money_of_a_run_are_limited() {
    // spec: X14c
    let more = "[[turn]]\nuse = [{ tool = 'Bash', input = { command = 'true' } }]\n\
                tokens = { input = 100000, output = 10000 }\n"
        .repeat(30);
    for (turns, micro_usd, expected) in [
        (Some(3), None, "the run reached its turn limit"),
        (None, Some(1_000_000), "the run reached its spending limit of $1.000000"),
    ] {
        let fixture = Fixture::new(&more).await;
        let Some(agent) = fixture.real(&["Bash(true)"]) else { return };
        let mut task = fixture.task();
        (task.limits.turns, task.limits.micro_usd) = (turns, micro_usd);
        let ran = fixture.run_task(&agent, &task).await;
        let report = ran.report();
        let Verdict::Limited { reason } = &report.verdict else { panic!("{report:?}") };
        // The program also counts its cost, at its own prices. The first of the two limits ends it.
        let known = [expected, "the run reached its spending limit"];
        assert!(known.contains(&reason.as_str()), "{reason}");
        if let Some(limit) = micro_usd {
            let one_answer = 1_200_000;
            assert!(report.micro_usd.unwrap() <= limit + one_answer, "{report:?}");
        }
        assert!(fixture.model.seen().len() < 12, "{} requests", fixture.model.seen().len());
    }
}

/// Checks the spending limit of the proxy. The program has its own limit, but an agent can send
/// requests without the program.
#[tokio::test]
async fn the_proxy_stops_an_agent_that_ignores_its_spending_limit() {
    // spec: X3d, X14c
    let more = "[[turn]]\nsay = 'More.'\ntokens = { input = 100000, output = 10000 }\n".repeat(2);
    let fixture = Fixture::new(&more).await;
    let dir = tempfile::TempDir::new().unwrap();
    let body = r#"{"model":"claude-opus-4-1","max_tokens":10,"stream":true,"tools":[{"name":"x"}],"messages":[]}"#;
    let script = format!(
        "while :; do curl -s -o answer -H \"x-api-key: $ANTHROPIC_API_KEY\" -d '{body}' \
         \"$ANTHROPIC_BASE_URL/v1/messages\" || exit 9; echo x >> asked; done"
    );
    let agent = fixture.agent(&super::impostor(dir.path(), "2.1.330 (Claude Code)", &script));
    let mut task = fixture.task();
    task.limits.micro_usd = Some(5_000_000);
    let ran = fixture.run_task(&agent, &task).await;
    let Verdict::Limited { reason } = &ran.report().verdict else { panic!("{:?}", ran.result) };
    assert_eq!(reason, "the run reached its spending limit of $5.000000");
    // An answer costs $2.25: 100 000 tokens at $15 per million, and 10 000 at $75 per million. The
    // third answer is cut off after the API has reported its input tokens and its first output
    // token.
    assert_eq!(ran.report().micro_usd, Some(2 * 2_250_000 + 1_500_075));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_proxy_serves_many_runs_of_the_real_program() {
    // spec: X3b
    let fixture = Fixture::new(SCENARIO).await;
    let Some(agent) = fixture.real(&["Bash(test:*)"]) else { return };
    let state = tempfile::TempDir::new().unwrap();
    let runner = SubprocessRunner::new(state.path()).unwrap().with_model_proxy(fixture.proxy.url());
    let one = async |name: String| {
        let workspace = state.path().join(name);
        std::fs::create_dir(&workspace).unwrap();
        std::fs::write(workspace.join("sum.txt"), "1 + 1 = 3\n").unwrap();
        let task = fixture.task();
        let spec = ccc_core::container::ContainerSpec::new(&workspace)
            .with_network(ccc_core::container::Network::ModelProxy);
        let container = ccc_core::ContainerRunner::spawn(&runner, task.run, &spec).await.unwrap();
        let mut sink = |_: AgentEvent| {};
        let report =
            bounded(ccc_core::Agent::run(&agent, &task, &*container, &mut sink)).await.unwrap();
        ccc_core::ContainerRunner::destroy(&runner, task.run).await.unwrap();
        (report, std::fs::read_to_string(workspace.join("sum.txt")).unwrap())
    };
    let (a, b, c) = tokio::join!(one("a".into()), one("b".into()), one("c".into()));
    for (report, sum) in [a, b, c] {
        assert_eq!((report.verdict, sum.as_str()), (Verdict::Completed, "1 + 1 = 2\n"));
        assert_eq!(report.usage[0].input_tokens, 6_000, "the tokens must be those of one run");
    }
}
