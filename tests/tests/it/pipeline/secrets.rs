//! Tests that no text which leaves a run contains a secret of the run, in plain or encoded form.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{
    Capabilities, Command, Container, ContainerSpec, EnvValue, ExitStatus, OutputSink,
};
use ccc_core::credential::Precondition;
use ccc_core::testing::{FakeRunner, Fakes, RecordingObserver, git};
use ccc_core::{
    Agent, CancellationToken, ContainerExt as _, ContainerRunner, CredentialKey, CredentialStore,
    Error, ErrorKind, Outcome, Result, RunId, Secret, async_trait,
};

/// The credential of the model, which every run of these tests knows.
const KNOWN: &str = "model-4f0b79d1c6e25a8833b94e07d5f1ac62";
/// A secret that the agent creates.
const CREATED: &str = "run-9b41e6d02c7f8a5593e10b6d47fca82e";

fn plain(text: &str) -> String {
    text.to_owned()
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// A way to write a secret.
type Form = fn(&str) -> String;

const FORMS: [(&str, Form); 3] = [("plain", plain), ("base64", base64), ("reversed", reversed)];

/// The way in which an agent gives a secret to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// In an environment variable that is marked as a secret.
    SecretVariable,
    /// On standard input, after a call of [`Task::register_secret`].
    Registered,
    /// On standard input, without a call. The pipeline cannot know that the text is a secret.
    Unknown,
}

/// An agent that shows and writes texts.
#[derive(Debug)]
struct Leaking {
    needs: AgentNeeds,
    given: Option<Given>,
    said: Vec<String>,
    files: Vec<(String, String)>,
    report: AgentReport,
    fails: Option<String>,
}

impl Leaking {
    fn new(summary: &str) -> Self {
        let key = CredentialKey::new("model/api-key").unwrap();
        Self {
            needs: AgentNeeds::default().with_credentials(vec![key]),
            given: None,
            said: Vec::new(),
            files: Vec::new(),
            report: AgentReport::new(Verdict::Completed, summary),
            fails: None,
        }
    }

    fn with_file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }
}

#[async_trait]
impl Agent for Leaking {
    fn name(&self) -> &str {
        "leaking"
    }

    fn needs(&self) -> AgentNeeds {
        self.needs.clone()
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let secret = Secret::from(CREATED);
        let command = match self.given {
            Some(Given::SecretVariable) => Some(
                Command::new(["printenv", "TOKEN"]).with_env("TOKEN", EnvValue::Secret(secret)),
            ),
            Some(Given::Registered) => {
                task.register_secret(&secret);
                Some(Command::new(["cat"]).with_stdin(CREATED))
            }
            Some(Given::Unknown) => Some(Command::new(["cat"]).with_stdin(CREATED)),
            None => None,
        };
        if let Some(command) = command {
            let output = container.output(&command).await?;
            events.event(AgentEvent::Printed {
                error_stream: false,
                text: String::from_utf8(output.stdout).unwrap() + "\n",
            });
        }
        for text in &self.said {
            events.event(AgentEvent::Said { text: text.clone() });
        }
        for (path, content) in &self.files {
            let tee = Command::new(["tee", "--", path]).with_stdin(content.as_bytes());
            container.output(&tee).await?;
        }
        match &self.fails {
            Some(message) => Err(Error::new(ErrorKind::Unexpected, message.clone())),
            None => Ok(self.report.clone()),
        }
    }
}

/// A runner whose containers report these hosts as denied.
#[derive(Debug)]
struct DenyingRunner(Arc<FakeRunner>, Vec<String>);

#[derive(Debug)]
struct DenyingContainer(Box<dyn Container>, Vec<String>);

#[async_trait]
impl ContainerRunner for DenyingRunner {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn check(&self) -> Result<()> {
        self.0.check().await
    }
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let container = self.0.spawn(run, spec).await?;
        Ok(Box::new(DenyingContainer(container, self.1.clone())))
    }
    async fn destroy(&self, run: RunId) -> Result<()> {
        self.0.destroy(run).await
    }
    async fn orphans(&self) -> Result<Vec<RunId>> {
        self.0.orphans().await
    }
}

#[async_trait]
impl Container for DenyingContainer {
    fn workspace(&self) -> &Path {
        self.0.workspace()
    }
    fn model_proxy(&self) -> Option<&str> {
        self.0.model_proxy()
    }
    fn denied_hosts(&self) -> Vec<String> {
        self.1.clone()
    }
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        self.0.exec(command, output).await
    }
    async fn stop(&self, grace: Duration) -> Result<()> {
        self.0.stop(grace).await
    }
}

/// Everything that left a run.
struct Left {
    outcome: Outcome,
    /// Events, comments, pull requests, branches with their commits and files, and the report that
    /// the pipeline returned.
    text: String,
}

/// A run: its agent, and the texts that come from other sources.
struct Scene {
    agent: Leaking,
    title: String,
    denied: Vec<String>,
    /// The text with which the host refuses the push; `None` if it accepts the push.
    refusal: Option<String>,
}

impl Scene {
    fn new(agent: Leaking) -> Self {
        Self { agent, title: "Fix the sum".to_owned(), denied: Vec::new(), refusal: None }
    }
}

/// Executes the run of `scene`. Returns what left it.
async fn left(scene: Scene) -> Left {
    let fakes = Fakes::new(&[("sum.txt", "1 + 1 = 3\n")]);
    let key = CredentialKey::new("model/api-key").unwrap();
    fakes.credentials.put(&key, &Secret::from(KNOWN), Precondition::None).await.unwrap();
    if let Some(text) = &scene.refusal {
        let hook = fakes.repository().join(".git/hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\necho 'no: {text}' >&2; exit 1\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&hook, mode).unwrap();
    }
    let observer = Arc::new(RecordingObserver::default());
    let pipeline = fakes
        .pipeline()
        .runner(DenyingRunner(Arc::clone(&fakes.runner), scene.denied))
        .observer(Arc::clone(&observer))
        .agent(scene.agent)
        .build()
        .unwrap();
    let event = fakes.host.open_issue(&scene.title, "It says 3.");
    let number = event.issue.number;
    let report = pipeline.run(event, &CancellationToken::new()).await.unwrap();
    let events = serde_json::to_string(&observer.events()).unwrap();
    let text = [
        events,
        format!("{report:?}"),
        fakes.host.comment_bodies(number).join("\n"),
        format!("{:#?}", fakes.host.pull_requests()),
        git(&fakes.repository(), &["log", "--all", "--patch", "--format=%D %an %ae %B"]),
    ];
    Left { outcome: report.outcome, text: text.join("\n") }
}

/// Panics if `text` contains `secret`, or a part of it, in the form `form`.
fn assert_absent(text: &str, secret: &str, (name, form): (&str, Form), what: &str) {
    let written = form(secret);
    for part in [&written[..20], &written[written.len() - 20..]] {
        assert!(!text.contains(part), "{what}, {name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_an_agent_creates_leaves_in_no_form() {
    // spec: S6b, S6c, X10a, X10c
    for given in [Given::SecretVariable, Given::Registered] {
        for (name, form) in FORMS {
            let written = form(CREATED);
            let mut agent = Leaking::new(&format!("the key is {written}"));
            agent.given = Some(given);
            agent.said = vec![written.clone(), written[..13].to_owned(), written[13..].to_owned()];
            let left = left(Scene::new(agent.with_file("key.txt", &written))).await;
            let Outcome::Refused { reason, paths, .. } = &left.outcome else {
                panic!("{given:?}, {name}: {:?}", left.outcome);
            };
            assert!(reason.contains("secret") && paths == &["key.txt"], "{reason} {paths:?}");
            assert!(left.text.contains("REDACTED"), "{}", left.text);
            for form in FORMS {
                assert_absent(&left.text, CREATED, form, &format!("{given:?}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_secret_of_an_agent_leaves() {
    // This shows that the previous test can fail: the secret has no known format.
    let mut agent = Leaking::new(&format!("the key is {CREATED}"));
    agent.given = Some(Given::Unknown);
    let left = left(Scene::new(agent.with_file("key.txt", &base64(CREATED)))).await;
    assert!(matches!(left.outcome, Outcome::PullRequest { .. }), "{:?}", left.outcome);
    assert!(left.text.matches(CREATED).count() >= 2 && left.text.contains(&base64(CREATED)));
}

/// Returns runs in which one source of text contains `written`, each with the name of this source
/// and of the outcome.
fn scenes(written: &str) -> Vec<(&'static str, &'static str, Scene)> {
    let fixed = || Leaking::new("Done.").with_file("sum.txt", "1 + 1 = 2\n");
    let reports = |change: &dyn Fn(&mut AgentReport)| {
        let mut agent = fixed();
        change(&mut agent.report);
        Scene::new(agent)
    };
    let summary = format!("I used {written} for this.");
    let file = format!("{}.txt", written.replace(['/', '='], "-"));
    let title = format!("Fix {written}");
    let denied = vec![format!("{written}.example:443"), "other.example:443".to_owned()];
    let failing = Leaking { fails: Some(summary.clone()), ..fixed() };
    vec![
        ("the title of the issue", "pull_request", Scene { title, ..Scene::new(fixed()) }),
        ("the summary", "pull_request", reports(&|report| report.summary.clone_from(&summary))),
        ("the answer", "answered", Scene::new(Leaking::new(&summary))),
        ("the name of a file", "refused", Scene::new(Leaking::new("Done.").with_file(&file, "x"))),
        (
            "the content of a file",
            "refused",
            Scene::new(Leaking::new("Done.").with_file("x", &summary)),
        ),
        (
            "a message of the host",
            "failed",
            Scene { refusal: Some(written.to_owned()), ..Scene::new(fixed()) },
        ),
        ("the denied hosts", "pull_request", Scene { denied, ..Scene::new(fixed()) }),
        (
            "a denied tool",
            "pull_request",
            reports(&|report| report.denials = vec![format!("Bash({written})")]),
        ),
        (
            "the id of the session",
            "pull_request",
            reports(&|report| report.session = Some(written.to_owned())),
        ),
        (
            "the reason of a failure",
            "failed",
            reports(&|report| report.verdict = Verdict::failed(summary.clone())),
        ),
        ("an error of the agent", "failed", Scene::new(failing)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_that_leaves_a_run_contains_a_secret() {
    // spec: S6b, S6c, X10a, X10c
    for (name, form) in FORMS {
        for (what, outcome, scene) in scenes(&form(KNOWN)) {
            let left = left(scene).await;
            assert_eq!(left.outcome.name(), outcome, "{what}, {name}: {:?}", left.outcome);
            assert_absent(&left.text, KNOWN, (name, form), what);
            // The id of the session and the contents of a refused file are shown nowhere.
            let is_shown = !["the id of the session", "the content of a file"].contains(&what);
            assert_eq!(left.text.contains("REDACTED"), is_shown, "{what}, {name}: {}", left.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_the_form_of_a_token_is_removed_from_all_texts() {
    // spec: S6c
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let mut agent = Leaking::new(&format!("I used {token}.")).with_file("sum.txt", "1 + 1 = 2\n");
    agent.said = vec![format!("It is {token}.")];
    let left = left(Scene { title: format!("Fix {token}"), ..Scene::new(agent) }).await;
    assert!(matches!(left.outcome, Outcome::PullRequest { .. }), "{:?}", left.outcome);
    assert!(left.text.contains("REDACTED") && !left.text.contains("a1B2c3D4"), "{}", left.text);
}

#[tokio::test]
async fn a_secret_in_a_large_text_after_many_events_is_removed() {
    // spec: S6b, S6c, X16a
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let words = "ordinary words ".repeat(4_000);
    let mut agent = Leaking::new("Done.").with_file("sum.txt", "1 + 1 = 2\n");
    agent.said = (0..600).map(|number| format!("message {number}.")).collect();
    agent.said.push(format!("{words}{KNOWN} {words}{token} {words}"));
    agent.said.push("the last message".to_owned());
    let left = left(Scene::new(agent)).await;
    assert!(matches!(left.outcome, Outcome::PullRequest { .. }), "{:?}", left.outcome);
    assert_absent(&left.text, KNOWN, FORMS[0], "a large text");
    assert!(!left.text.contains("a1B2c3"));
    // No event is missing, and the order is that of the agent.
    let mut at = 0;
    for number in 0..600 {
        let message = format!("message {number}.");
        at += left.text[at..].find(&message).unwrap_or_else(|| panic!("{message}"));
    }
    let large = format!("{words}[REDACTED] {words}[REDACTED] {words}");
    at += left.text[at..].find(&large).unwrap();
    assert!(left.text[at..].contains("the last message"));
}
