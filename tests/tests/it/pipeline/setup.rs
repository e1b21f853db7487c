//! Tests of the repository's settings for image and setup, and of the permissions that runs without
//! isolation require.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::container::{
    Capabilities, Command, ContainerSpec, ExitStatus, OutputSink, OutputStream,
};
use ccc_core::credential::Precondition;
use ccc_core::egress::HostPattern;
use ccc_core::event::Trigger;
use ccc_core::observe::EventKind;
use ccc_core::pipeline::{Pipeline, RepositorySettings};
use ccc_core::policy::TrustPolicy;
use ccc_core::run::SkipReason;
use ccc_core::testing::{FakeRunner, git};
use ccc_core::vcs::Permission;
use ccc_core::{
    CancellationToken, Container, ContainerRunner, CredentialKey, CredentialStore, Error,
    ErrorKind, Outcome, Result, RunId, Secret, Stage, async_trait,
};
use ccc_store::MemoryCredentialStore;

use super::fixture::{CANARY, Fixture, fixing_agent};

/// A runner that records its calls. `sh -c fail` fails, `sh -c hang` never ends, and other `sh`
/// commands succeed.
#[derive(Debug)]
struct Noting {
    inner: FakeRunner,
    capabilities: Capabilities,
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct NotingContainer {
    inner: Box<dyn Container>,
    seen: Arc<Mutex<Vec<String>>>,
}

fn hosts(patterns: &[HostPattern]) -> String {
    patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl ContainerRunner for Noting {
    fn name(&self) -> &'static str {
        "noting"
    }
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
    async fn check(&self) -> Result<()> {
        Ok(())
    }
    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        let line = format!("spawn {:?} [{}]", spec.image, hosts(&spec.egress));
        self.seen.lock().unwrap().push(line);
        let inner = self.inner.spawn(run, spec).await?;
        Ok(Box::new(NotingContainer { inner, seen: Arc::clone(&self.seen) }))
    }
    async fn destroy(&self, run: RunId) -> Result<()> {
        self.inner.destroy(run).await
    }
    async fn orphans(&self) -> Result<Vec<RunId>> {
        self.inner.orphans().await
    }
}

#[async_trait]
impl Container for NotingContainer {
    fn workspace(&self) -> &Path {
        self.inner.workspace()
    }
    fn model_proxy(&self) -> Option<&str> {
        self.inner.model_proxy()
    }
    fn denied_hosts(&self) -> Vec<String> {
        vec!["evil.example:443".to_owned(), format!("{CANARY}.evil.example:443")]
    }
    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        let line = format!("{} [{}]", command.argv.join(" "), hosts(&command.egress));
        self.seen.lock().unwrap().push(line);
        match command.argv.last().map(String::as_str) {
            Some("fail") => {
                output.chunk(OutputStream::Stderr, &[b'.'; 5_000]);
                output.chunk(OutputStream::Stderr, b"\nthe last line");
                Ok(ExitStatus::Code(3))
            }
            Some("hang") => std::future::pending().await,
            _ if command.argv[0] == "sh" => Ok(ExitStatus::Code(0)),
            _ => self.inner.exec(command, output).await,
        }
    }
    async fn stop(&self, grace: Duration) -> Result<()> {
        self.inner.stop(grace).await
    }
}

fn read(text: &str) -> Result<RepositorySettings> {
    let settings: std::result::Result<_, toml::de::Error> = toml::from_str(text);
    settings.map_err(|e| Error::new(ErrorKind::InvalidInput, e.message()))
}

fn policy() -> TrustPolicy {
    TrustPolicy::default()
        .with_images(["ghcr.example/team/*".to_owned()])
        .with_setup_hosts([HostPattern::new("registry.example.org").unwrap()])
        .with_agent_hosts([HostPattern::new("docs.example.org").unwrap()])
}

/// The result of a run: its outcome, the calls of the runner, the notes and the comments.
struct Told {
    outcome: Outcome,
    seen: Vec<String>,
    notes: Vec<String>,
    comment: String,
}

async fn run(settings: &str, permission: Permission, isolated: bool, policy: TrustPolicy) -> Told {
    let fixture = Fixture::new().await;
    let mut event = fixture.event.clone();
    event.trigger = Trigger::Labeled { label: "claude".to_owned() };
    event.actor = fixture.host.add_actor(9, "somebody", permission);
    std::fs::write(fixture.remote.join("settings.toml"), settings).unwrap();
    git(&fixture.remote, &["add", "."]);
    git(&fixture.remote, &["commit", "--quiet", "-m", "settings"]);
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let capabilities = if isolated { Capabilities::all() } else { Capabilities::none() };
    let inner = FakeRunner::default();
    let runner = Noting { inner, capabilities, seen: Arc::clone(&seen) };
    let credentials = MemoryCredentialStore::default();
    let key = CredentialKey::new("model/api-key").unwrap();
    credentials.put(&key, &Secret::from(CANARY), Precondition::None).await.unwrap();
    let mut limits = ccc_core::pipeline::Limits::default();
    limits.setup = Duration::from_millis(50);
    let pipeline = Pipeline::builder()
        .host(Arc::clone(&fixture.host))
        .runner(runner)
        .agent(fixing_agent().needs_credential(key))
        .credentials(credentials)
        .observer(Arc::clone(&fixture.observer))
        .data_dir(fixture.data.with_file_name("other"))
        .policy(policy)
        .limits(limits)
        .repository_settings("settings.toml", read)
        .build()
        .unwrap();
    let report = pipeline.run(event, &CancellationToken::new()).await.unwrap();
    report.cleanup.unwrap();
    let notes = fixture.observer.events().into_iter().filter_map(|event| match event.kind {
        EventKind::Note { text } => Some(text),
        _ => None,
    });
    let notes = notes.collect();
    let comment = fixture.host.comment_bodies(42).join("\n");
    let seen = seen.lock().unwrap().clone();
    Told { outcome: report.outcome, seen, notes, comment }
}

#[tokio::test]
async fn setup_has_network_access_that_the_agent_does_not_have() {
    // spec: X3f
    let settings = "image = 'ghcr.example/team/tools'\nsetup = ['npm ci', 'make tools']";
    let told = run(settings, Permission::Write, true, policy()).await;
    assert!(matches!(told.outcome, Outcome::PullRequest { .. }), "{:?}", told.outcome);
    assert_eq!(
        told.seen[..3],
        [
            "spawn Some(\"ghcr.example/team/tools\") [docs.example.org]",
            "sh -c npm ci [registry.example.org]",
            "sh -c make tools [registry.example.org]",
        ]
    );
    let agents = &told.seen[3..];
    assert!(!agents.is_empty() && agents.iter().all(|line| line.ends_with("[]")), "{agents:?}");
}

#[tokio::test]
async fn denied_hosts_are_reported_without_secrets() {
    // spec: X3g
    let told = run("", Permission::Write, true, policy()).await;
    let line = told.comment.lines().find(|line| line.contains("egress proxy denied")).unwrap();
    assert!(line.contains("evil.example:443"), "{line}");
    assert!(!told.comment.contains(CANARY), "{}", told.comment);
}

#[tokio::test]
async fn a_failed_setup_is_reported_and_the_agent_still_works() {
    let told = run("setup = ['fail', 'never']", Permission::Write, true, policy()).await;
    assert!(matches!(told.outcome, Outcome::PullRequest { .. }), "{:?}", told.outcome);
    let note = told.notes.iter().find(|note| note.contains("`fail` failed (exit status 3)"));
    let note = note.unwrap();
    assert!(note.ends_with("... the last line") && note.len() < 1_000, "{note}");
    assert!(!told.seen.iter().any(|line| line.contains("never")));
}

#[tokio::test]
async fn a_hanging_setup_ends_the_run_and_is_named() {
    let told = run("setup = ['hang']", Permission::Write, true, policy()).await;
    let Outcome::Failed { stage, kind, message } = told.outcome else {
        panic!("{:?}", told.outcome)
    };
    assert_eq!((stage, kind), (Stage::Provision, ErrorKind::TimedOut));
    assert!(message.contains("setup commands exceeded"), "{message}");
}

#[tokio::test]
async fn unusable_settings_are_refused_with_their_path() {
    for (settings, expected) in [
        ("image = 'evil/image'", "chooses the image evil/image"),
        ("image = 'ghcr.example/teamevil'", "does not permit"),
        ("setup = 'npm ci'", "settings.toml cannot be used"),
        ("setupp = []", "unknown field"),
        ("setup_hosts = ['evil.example']", "unknown field"),
        ("\u{0}", "settings.toml cannot be used"),
        (&format!("# {}", "x".repeat(70_000)), "the limit is 65536"),
        (&format!("setup = [{}]", "'a',".repeat(101)), "more than 100 setup commands"),
    ] {
        let told = run(settings, Permission::Write, true, policy()).await;
        let Outcome::Refused { stage, reason, paths } = told.outcome else {
            panic!("{settings}: {:?}", told.outcome)
        };
        assert_eq!(stage, Stage::Provision);
        assert!(reason.contains(expected), "{settings}: {reason}");
        assert_eq!(paths, ["settings.toml"]);
        assert_eq!(told.seen, [""; 0], "a container was created");
    }
}

#[tokio::test]
async fn runs_without_isolation_require_write_permission() {
    // spec: X4c
    let everybody = || policy().with_permission(Permission::Read);
    let named = || policy().with_allowed_actors([9]);
    let loud = || everybody().dangerously_unisolated(true);
    for (permission, isolated, policy, expected) in [
        (Permission::Write, false, policy(), true),
        (Permission::Read, false, everybody(), false),
        (Permission::Triage, false, everybody(), false),
        (Permission::Read, true, everybody(), true),
        (Permission::Read, false, named(), true),
        (Permission::Read, false, loud(), true),
    ] {
        let told = run("", permission, isolated, policy).await;
        match told.outcome {
            Outcome::PullRequest { .. } => assert!(expected, "{permission} {isolated}"),
            Outcome::Skipped { reason } => {
                assert!(!expected, "{permission} {isolated}: {reason:?}");
                assert_eq!(reason, SkipReason::NotPermitted);
                let explained = |note: &String| note.contains("has no isolation");
                assert!(told.notes.iter().any(explained), "{:?}", told.notes);
                assert_eq!(told.seen, [""; 0], "a container was created");
                assert_eq!(told.comment, "");
            }
            other => panic!("{permission} {isolated}: {other:?}"),
        }
    }
}
