//! Adapters with one defect each: the suite of their port reports the broken rule, and a pipeline
//! that uses them nevertheless ends its run with an outcome and cleans up.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::agent::{AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{
    Capabilities, Command, Container, ContainerSpec, EnvValue, ExitStatus, OutputSink, OutputStream,
};
use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::observe::Event;
use ccc_core::pipeline::{Limits, PipelineBuilder};
use ccc_core::testing::conformance::{
    agent, container_runner, credential_store, observer, vcs_host,
};
use ccc_core::testing::{FakeAgent, FakeCredentialStore, FakeRunner, Fakes};
use ccc_core::{
    Agent, CancellationToken, ContainerRunner, CredentialKey, CredentialStore, Error, ErrorKind,
    Observer, Result, RunId, Secret, async_trait,
};

use crate::broken_host::BrokenHost;

/// The defect of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    StoreReturnsOneVersion,
    StoreReusesVersionsAfterDelete,
    StoreIgnoresPreconditions,
    StoreReportsAbsentKeysAsErrors,
    RunnerHangsInDestroy,
    RunnerReportsAnotherErrorKind,
    RunnerForgetsItsContainers,
    ContainerPanicsInDrop,
    ProgramsSucceedAfterDestroy,
    AgentIgnoresTheEndOfItsContainer,
    AgentPanics,
    AgentReturnsItsFailureAsError,
    AgentRegistersNoSecret,
    HostRepeatsComments,
    HostReportsAnotherErrorKind,
    ObserverPanics,
}

use Defect::*;

#[derive(Debug)]
struct BrokenStore {
    store: FakeCredentialStore,
    defect: Defect,
    /// The version of each key at its last deletion.
    deleted: Mutex<BTreeMap<CredentialKey, u64>>,
}

impl BrokenStore {
    fn new(defect: Defect) -> Self {
        Self { store: FakeCredentialStore::default(), defect, deleted: Mutex::default() }
    }

    /// Returns the version that this store reports.
    fn reported(&self, key: &CredentialKey, version: Version) -> Version {
        match self.defect {
            StoreReturnsOneVersion => Version(1),
            StoreReusesVersionsAfterDelete => {
                Version(version.0 - self.deleted.lock().unwrap().get(key).unwrap_or(&0))
            }
            _ => version,
        }
    }
}

#[async_trait]
impl CredentialStore for BrokenStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        match self.store.get(key).await? {
            None if self.defect == StoreReportsAbsentKeysAsErrors => {
                Err(Error::new(ErrorKind::NotFound, "there is no such key"))
            }
            None => Ok(None),
            Some(StoredSecret { secret, version }) => {
                Ok(Some(StoredSecret { secret, version: self.reported(key, version) }))
            }
        }
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        let ignored = self.defect == StoreIgnoresPreconditions;
        let precondition = if ignored { Precondition::None } else { precondition };
        let version = self.store.put(key, secret, precondition).await?;
        Ok(self.reported(key, version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        if let Some(stored) = self.store.get(key).await? {
            self.deleted.lock().unwrap().insert(key.clone(), stored.version.0);
        }
        self.store.delete(key).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        self.store.list().await
    }
}

#[derive(Debug)]
struct BrokenRunner(Arc<FakeRunner>, Defect);

#[async_trait]
impl ContainerRunner for BrokenRunner {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn spawn(&self, run: RunId, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
        match self.0.spawn(run, spec).await {
            Err(_) if self.1 == RunnerReportsAnotherErrorKind => {
                Err(Error::new(ErrorKind::Unavailable, "no workspace"))
            }
            result => Ok(Box::new(BrokenContainer(result?, self.1))),
        }
    }

    async fn destroy(&self, run: RunId) -> Result<()> {
        if self.1 == RunnerHangsInDestroy {
            std::future::pending::<()>().await;
        }
        self.0.destroy(run).await
    }

    async fn orphans(&self) -> Result<Vec<RunId>> {
        if self.1 == RunnerForgetsItsContainers { Ok(Vec::new()) } else { self.0.orphans().await }
    }
}

#[derive(Debug)]
struct BrokenContainer(Box<dyn Container>, Defect);

#[async_trait]
impl Container for BrokenContainer {
    fn workspace(&self) -> &Path {
        self.0.workspace()
    }

    fn model_proxy(&self) -> Option<&str> {
        self.0.model_proxy()
    }

    fn denied_hosts(&self) -> Vec<String> {
        self.0.denied_hosts()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        match self.0.exec(command, output).await? {
            ExitStatus::Signal(_) if self.1 == ProgramsSucceedAfterDestroy => {
                Ok(ExitStatus::Code(0))
            }
            status => Ok(status),
        }
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        self.0.stop(grace).await
    }
}

impl Drop for BrokenContainer {
    fn drop(&mut self) {
        assert!(self.1 != ContainerPanicsInDrop || std::thread::panicking(), "a defect in drop");
    }
}

#[derive(Debug)]
struct BrokenAgent(FakeAgent, Defect);

#[async_trait]
impl Agent for BrokenAgent {
    fn name(&self) -> &str {
        "broken"
    }

    fn needs(&self) -> AgentNeeds {
        self.0.needs()
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        match self.1 {
            AgentIgnoresTheEndOfItsContainer => std::future::pending().await,
            ProgramsSucceedAfterDestroy => {
                let mut ignored = |_: OutputStream, _: &[u8]| {};
                container.exec(&Command::new(["sleep", "300"]), &mut ignored).await?;
                Ok(AgentReport::new(Verdict::Completed, "it ended"))
            }
            AgentPanics => panic!("a defect in run"),
            AgentReturnsItsFailureAsError => {
                let mut ignored = |_: OutputStream, _: &[u8]| {};
                let status = container.exec(&Command::new(["true"]), &mut ignored).await?;
                Err(Error::new(ErrorKind::Unexpected, format!("it failed: {status}")))
            }
            AgentRegistersNoSecret => {
                let secret = EnvValue::Secret(Secret::from("a-secret-0123456789"));
                let command = Command::new(["true"]).with_env("TOKEN", secret);
                container.exec(&command, &mut |_: OutputStream, _: &[u8]| {}).await?;
                self.0.run(task, container, events).await
            }
            _ => self.0.run(task, container, events).await,
        }
    }
}

#[derive(Debug)]
struct BrokenObserver;

impl Observer for BrokenObserver {
    fn on_event(&self, _: &Event) {
        panic!("a defect in on_event");
    }
}

fn agent_that_writes() -> FakeAgent {
    FakeAgent::default().writes("README.md", "Hello.\n")
}

/// Runs the case of the suite that must find the defect. Returns the message of its panic.
async fn message_of_suite(defect: Defect) -> String {
    let case = async move {
        let store = || credential_store::Fixture::new(BrokenStore::new(defect));
        let runner = || {
            container_runner::Fixture::new(BrokenRunner(Arc::new(FakeRunner::default()), defect))
        };
        let agent = || {
            let agent = BrokenAgent(agent_that_writes(), defect);
            agent::Fixture::new(agent, FakeRunner::default(), ("README.md", b"Hello.\n"))
        };
        let host = || {
            let fakes = Fakes::new(&[]);
            let event = fakes.host.open_issue("A title", "");
            BrokenHost::fixture(fakes, event, defect)
        };
        match defect {
            StoreReturnsOneVersion => {
                credential_store::a_put_replaces_and_raises_the_version(&store()).await;
            }
            StoreReusesVersionsAfterDelete => {
                credential_store::a_version_is_never_used_again_after_a_delete(&store()).await;
            }
            StoreIgnoresPreconditions => {
                let case = credential_store::the_precondition_absent_holds_only_without_a_record;
                case(&store()).await;
            }
            StoreReportsAbsentKeysAsErrors => {
                credential_store::an_absent_key_has_no_secret(&store()).await;
            }
            RunnerHangsInDestroy => container_runner::destroy_twice_is_ok(&runner()).await,
            RunnerReportsAnotherErrorKind => {
                let case = container_runner::a_workspace_that_is_no_directory_is_invalid_input;
                case(&runner()).await;
            }
            RunnerForgetsItsContainers => {
                let case = container_runner::orphans_are_what_was_spawned_and_not_destroyed;
                case(&runner()).await;
            }
            ContainerPanicsInDrop => {
                container_runner::dropping_a_container_does_not_panic(&runner()).await;
            }
            ProgramsSucceedAfterDestroy => container_runner::destroy_ends_an_exec(&runner()).await,
            AgentIgnoresTheEndOfItsContainer => {
                agent::run_returns_after_destroy(&agent()).await;
            }
            AgentPanics => agent::it_works_through_the_container_and_reports(&agent()).await,
            AgentReturnsItsFailureAsError => {
                agent::failing_at_the_work_is_a_verdict(&agent()).await;
            }
            AgentRegistersNoSecret => {
                agent::secrets_are_registered_before_programs_get_them(&agent()).await;
            }
            HostRepeatsComments => vcs_host::a_comment_is_updated_and_not_repeated(&host()).await,
            HostReportsAnotherErrorKind => {
                vcs_host::unknown_repositories_and_issues_are_not_found(&host()).await;
            }
            ObserverPanics => {
                observer::a_burst_of_events_does_not_block(&observer::Fixture::new(BrokenObserver))
                    .await;
            }
        }
    };
    let panic = tokio::spawn(case).await.expect_err("the case must fail").into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

/// The broken rule, as the failing case reports it.
const SENTENCES: [(Defect, &str); 16] = [
    (StoreReturnsOneVersion, "version"),
    (
        StoreReusesVersionsAfterDelete,
        "must return a higher version than every earlier `put`, even after a delete",
    ),
    (StoreIgnoresPreconditions, "must fail with the error kind Conflict"),
    (StoreReportsAbsentKeysAsErrors, "`get` must"),
    (RunnerHangsInDestroy, "`destroy` must finish within 20 seconds"),
    (RunnerReportsAnotherErrorKind, "must fail with the error kind InvalidInput"),
    (RunnerForgetsItsContainers, "`orphans` must list"),
    (ContainerPanicsInDrop, "dropping a container must not panic"),
    (ProgramsSucceedAfterDestroy, "must not report success for a killed program"),
    (AgentIgnoresTheEndOfItsContainer, "whose container is destroyed must finish"),
    (AgentPanics, "`run` must not panic: a defect in run"),
    (AgentReturnsItsFailureAsError, "`run` must return `Ok` for an agent that started"),
    (AgentRegistersNoSecret, "must pass each secret to `Task::register_secret`"),
    (HostRepeatsComments, "one comment"),
    (HostReportsAnotherErrorKind, "must fail with the error kind NotFound"),
    (ObserverPanics, "`on_event` must not panic"),
];

#[tokio::test(start_paused = true)]
async fn the_suite_names_the_rule_that_a_broken_adapter_breaks() {
    for (defect, sentence) in SENTENCES {
        let message = message_of_suite(defect).await;
        assert!(message.contains(sentence), "{defect:?}: {message}");
    }
}

/// Returns the builder of a pipeline with one broken adapter. The agent needs a credential, so that
/// the store is used.
async fn pipeline(fakes: &Fakes, defect: Defect) -> PipelineBuilder {
    let short = Duration::from_millis(300);
    // Long enough for the removal of files on a loaded machine.
    let cleanup = Duration::from_secs(5);
    let mut limits = Limits::default().with_cleanup(cleanup).with_stop_grace(short);
    limits.agent.idle = short;
    let store = BrokenStore::new(defect);
    let key = CredentialKey::new("model/api-key").unwrap();
    if defect != StoreReportsAbsentKeysAsErrors {
        store.put(&key, &Secret::from("a secret"), Precondition::None).await.unwrap();
    }
    let agent = BrokenAgent(agent_that_writes().needs_credential(key), defect);
    let builder = fakes.pipeline().limits(limits).agent(agent).credentials(store);
    let builder = builder.runner(BrokenRunner(Arc::clone(&fakes.runner), defect));
    let builder = builder.host(BrokenHost::new(Arc::clone(&fakes.host), defect));
    if defect == ObserverPanics { builder.observer(BrokenObserver) } else { builder }
}

/// Returns the outcome of a run with the defect.
fn outcome_with(defect: Defect) -> &'static str {
    match defect {
        StoreReturnsOneVersion
        | StoreReusesVersionsAfterDelete
        | StoreIgnoresPreconditions
        | RunnerHangsInDestroy
        | RunnerReportsAnotherErrorKind
        | RunnerForgetsItsContainers
        | AgentRegistersNoSecret
        | HostRepeatsComments
        | ObserverPanics => "pull_request",
        StoreReportsAbsentKeysAsErrors
        | ContainerPanicsInDrop
        | ProgramsSucceedAfterDestroy
        | AgentIgnoresTheEndOfItsContainer
        | AgentPanics
        | AgentReturnsItsFailureAsError
        | HostReportsAnotherErrorKind => "failed",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_with_a_broken_adapter_ends_its_run_and_cleans_up() {
    for (defect, _) in SENTENCES {
        let fakes = Fakes::new(&[("README.md", "hello\n")]);
        let pipeline = pipeline(&fakes, defect).await.build().unwrap();
        let mut event = fakes.host.open_issue("Greet", "");
        if defect == HostReportsAnotherErrorKind {
            // The issue was deleted, and the host does not say that.
            event.issue.number = 99;
        }
        let issue = event.issue.number;
        let report = pipeline.run(event, &CancellationToken::new()).await.unwrap();
        assert_eq!(report.outcome.name(), outcome_with(defect), "{defect:?}: {report:?}");
        let hangs = defect == RunnerHangsInDestroy;
        assert_eq!(report.cleanup.is_err(), hangs, "{defect:?}: {report:?}");
        assert_eq!(fakes.runner.destroyed().is_empty(), hangs, "{defect:?}");
        assert_eq!(fakes.host.unrevoked_grants(), [], "{defect:?}: access tokens are left");
        assert_eq!(pipeline.git().runs().await.unwrap(), [], "{defect:?}: directories are left");
        let comments = fakes.host.comment_bodies(issue);
        assert!(!comments.is_empty(), "{defect:?}: the outcome is not reported");
        if !hangs {
            assert_eq!(pipeline.sweep(&[]).await.unwrap(), [], "{defect:?}: containers are left");
        }
    }
}
