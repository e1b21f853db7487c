//! Tests of the program with the real Claude Code and a scripted model.

use std::path::{Path, PathBuf};

use ccc_core::testing::has_part;
use ccc_runner::ScriptedModel;

use super::fixture::{Site, ccc, text};

/// Returns the path of the real Claude Code: from `CCC_AGENT__PROGRAM`, or where `.ci/install` puts
/// it.
fn program() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/npm/node_modules/@anthropic-ai/claude-code-linux-x64/claude");
    let said = std::env::var_os("CCC_AGENT__PROGRAM").map(PathBuf::from);
    let found = said.into_iter().chain([installed]).find(|program| program.is_file());
    let there = has_part("claude", found.is_some(), "run .ci/install");
    found.filter(|_| there)
}

#[test]
fn the_demo_opens_a_pull_request_with_claude_codes_own_edit() {
    // spec: P1
    let Some(program) = program() else { return };
    let output = ccc()
        .args(["demo", "--agent", "claude"])
        .env("CCC_AGENT__PROGRAM", program)
        .output()
        .unwrap();
    let (shown, timeline) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{timeline}");
    assert!(shown.contains("/octo-org/temperature/pull/2"), "{shown}");
    assert!(shown.contains("+    return celsius * 9 / 5 + 32"), "{shown}");
    assert!(shown.contains("+    def test_water_boils(self):"), "{shown}");
    assert!(!shown.contains("pycache"), "{shown}");
    for line in ["answers are scripted", "edits temperature.py", "runs python3 -m unittest"] {
        assert!(timeline.contains(line), "{line}: {timeline}");
    }
}

#[test]
fn a_demo_with_a_scenario_file_has_the_outcome_of_the_scenario() {
    let Some(program) = program() else { return };
    let dir = tempfile::TempDir::new().unwrap();
    for (scenario, expected) in [
        (
            "[[turn]]\nsay = 'It is right as it is.'",
            "no change; the agent says: It is right as it is.",
        ),
        ("[[turn]]\nfail = { status = 401, times = 99 }", "rejected the credential (401)"),
        (
            "[[turn]]\nuse = [{ tool = 'Bash', input = { command = 'rm -rf .' } }]",
            "not allowed to use the tool Bash",
        ),
    ] {
        let file = dir.path().join("scenario.toml");
        std::fs::write(&file, scenario).unwrap();
        let mut command = ccc();
        command.args(["demo", "--agent", "claude", "--scenario"]).arg(&file);
        let output = command.env("CCC_AGENT__PROGRAM", &program).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{scenario}: {said}");
    }
}

#[test]
fn a_scenario_without_claude_is_refused() {
    let output = ccc().args(["demo", "--scenario", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--scenario requires --agent claude"));
}

// A key that was set for this program must not be sent to an address that was set for Claude Code.
#[tokio::test]
async fn claude_codes_variables_apply_all_together_or_not_at_all() {
    let load = |settings: &[(&str, &str)]| {
        let all = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ccc::Config::load(None, all).unwrap().model
    };
    let theirs = [("ANTHROPIC_API_KEY", "theirs"), ("ANTHROPIC_BASE_URL", "http://theirs/")];
    let config = load(&theirs);
    let (_, key) = config.credential().unwrap().unwrap();
    assert_eq!(
        (key.expose_str().unwrap(), config.url.as_deref()),
        ("theirs", Some("http://theirs/"))
    );
    let config = load(&[theirs.as_slice(), &[("CCC_MODEL__BEARER_TOKEN", "ours")]].concat());
    let (kind, key) = config.credential().unwrap().unwrap();
    assert_eq!(kind, ccc_runner::CredentialKind::BearerToken);
    assert_eq!((key.expose_str().unwrap(), config.url.as_deref()), ("ours", None));
    let config = load(&[("ANTHROPIC_API_KEY", ""), ("ANTHROPIC_BASE_URL", " ")]);
    assert!(config.credential().unwrap().is_none() && config.url.is_none());
}

#[test]
fn invalid_model_settings_are_reported_before_the_run_starts() {
    let dir = tempfile::TempDir::new().unwrap();
    let missing = dir.path().join("no-such-file");
    let missing = missing.to_str().unwrap();
    for (settings, expected) in [
        (&[][..], "Claude Code needs a credential for the model's API: set ANTHROPIC_API_KEY"),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("CLAUDE_CODE_OAUTH_TOKEN", "b")],
            "both model.api_key (ANTHROPIC_API_KEY) and model.oauth_token (CLAUDE_CODE_OAUTH_TOKEN)",
        ),
        (&[("CCC_MODEL__API_KEY_FILE", missing)], "which the setting model.api_key_file names"),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("ANTHROPIC_BASE_URL", "nowhere")],
            "must be an http or https URL",
        ),
        (&[("ANTHROPIC_API_KEY", "a"), ("CCC_MODEL__URL", "http://u:p@h/")], "contains a user"),
        (&[("ANTHROPIC_API_KEY", " ")], "Claude Code needs a credential"),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("CCC_MODEL__CA_FILE", missing)],
            "which the setting model.ca_file names",
        ),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("CCC_AGENT__MAX_USD", "-1")],
            "agent.max_usd is out of range",
        ),
        (&[("ANTHROPIC_API_KEY", "a"), ("CCC_AGENT__MAX_TURNS", "0")], "agent.max_turns is 0"),
        (&[("ANTHROPIC_API_KEY", "a\nb")], "contains characters that no credential has"),
        (&[("ANTHROPIC_API_KEY", "a"), ("CCC_AGENT__MODEL", "--help")], "cannot begin with `-`"),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("CCC_AGENT__PROGRAM", "./claude")],
            "a file of the repository",
        ),
        (
            &[("ANTHROPIC_API_KEY", "a"), ("CCC_MODEL__DANGEROUSLY_WITHOUT", "['paths', 'walls']")],
            "write a list of paths, models",
        ),
    ] {
        std::fs::write(dir.path().join("sum.txt"), "1\n").unwrap();
        ccc_core::testing::git(dir.path(), &["init", "--quiet"]);
        let mut command = ccc();
        command.args(["run", "--repo", ".", "--issue", "x", "--agent", "claude"]);
        command.env("CCC_DATA_DIR", dir.path().join("data")).current_dir(dir.path());
        let output = command.envs(settings.iter().copied()).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{settings:?}: {said}");
        assert!(said.contains(expected), "{settings:?}: {said}");
        assert!(!said.contains("u:p"), "{said}");
    }
}

const SCENARIO: &str = r#"
[[turn]]
fail = { status = 529, times = 1 }
use = [{ tool = "Edit", input = { file_path = "sum.txt", old_string = "= 3", new_string = "= 2" } }]
[[turn]]
use = [{ tool = "Bash", input = { command = "env | sed 's/=run-.*/=the secret of the run/' > environment.txt" } }]
[[turn]]
say = "Fixed."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_solves_an_issue_without_disclosing_its_key() {
    // spec: X3b, S6b
    let Some(program) = program() else { return };
    let model = ScriptedModel::start(SCENARIO).await.unwrap();
    let key = model.key().expose_str().unwrap();
    let settings = [
        ("CCC_LOG", "trace"),
        ("CCC_AGENT__PROGRAM", program.to_str().unwrap()),
        ("CCC_AGENT__ALLOWED_TOOLS", "['Bash']"),
        ("CCC_AGENT__MAX_TURNS", "20"),
        ("ANTHROPIC_BASE_URL", model.url()),
        ("ANTHROPIC_API_KEY", key),
    ];
    let site = Site::start_with("claude", &settings).await;
    site.open_issue("The sum is wrong").await;
    site.until("a pull request", |site| {
        site.comments().iter().any(|text| text.contains("Opened #2"))
    })
    .await;
    let new = &site.github.pull_requests(&site.repo)[0];
    assert!(new.body.contains("Fixed.") && new.body.contains("Cost: $0.0"), "{}", new.body);
    assert_eq!(site.file(&new.head, "sum.txt"), "1 + 1 = 2");
    // The pull request contains the environment of the agent's programs, without the secret of the
    // run, because a change with this secret is refused.
    let environment = site.file(&new.head, "environment.txt");
    assert!(environment.contains("ANTHROPIC_API_KEY=the secret of the run"), "{environment}");
    let (log, said) = (site.service.log(), site.comments().join("\n") + &new.body);
    assert!(log.contains("TRACE"), "{log}");
    for place in [&environment, &log, &said] {
        assert!(!place.contains(key), "{place}");
    }
    assert!(model.seen().iter().any(|request| request.path.starts_with("/v1/messages")));
}
