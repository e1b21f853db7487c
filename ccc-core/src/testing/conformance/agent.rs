//! What every agent must do, in a container of a runner that is trusted to keep its own contract.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::container_runner::new_run;
use super::{Kept, bounded, drop_after_polls};
use crate::agent::{Agent, AgentEvent, AgentReport, Task, Verdict};
use crate::container::ContainerSpec;
use crate::{Container, ContainerRunner, CredentialKey, RunId, Secret};

/// One agent three times, told to do three things, and what it runs in.
#[derive(Debug)]
pub struct Fixture {
    /// Writes [`file`](Self::file), and is done.
    pub agent: Arc<dyn Agent>,
    /// Is run, and fails at its work.
    pub failing: Arc<dyn Agent>,
    /// Goes on for minutes.
    pub slow: Arc<dyn Agent>,
    /// What they run in.
    pub runner: Arc<dyn ContainerRunner>,
    /// Path in the workspace, and content.
    pub file: (String, Vec<u8>),
    credentials: Vec<(CredentialKey, Secret)>,
    kept: Kept,
}

impl Fixture {
    /// The three agents and their runner; `file` is what the first one writes.
    pub fn new(
        [agent, failing, slow]: [Arc<dyn Agent>; 3],
        runner: impl ContainerRunner,
        (path, content): (&str, &[u8]),
    ) -> Self {
        Self {
            agent,
            failing,
            slow,
            runner: Arc::new(runner),
            file: (path.to_owned(), content.to_vec()),
            credentials: Vec::new(),
            kept: Kept::default(),
        }
    }

    /// Gives the agents this credential, which they need.
    #[must_use]
    pub fn with_credential(mut self, key: CredentialKey, secret: Secret) -> Self {
        self.credentials.push((key, secret));
        self
    }

    /// Keeps something for as long as the fixture is there.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.kept.push(thing);
        self
    }

    /// A container as the agent needs it, over an empty workspace.
    async fn container(&self, agent: &dyn Agent) -> (RunId, Box<dyn Container>, TempDir) {
        let (run, workspace) = (new_run(), tempfile::tempdir().expect("a directory"));
        let needs = agent.needs();
        let spec = ContainerSpec::new(workspace.path())
            .with_image(needs.image)
            .with_env(needs.env)
            .with_network(needs.network);
        let container = bounded("spawn", self.runner.spawn(run, &spec)).await.expect("a spawn");
        (run, container, workspace)
    }

    fn task(&self, run: RunId) -> Task {
        let mut task = Task::new(run, "Solve this: `$(touch pwned)` \"; touch pwned; ä ☃\n");
        task.credentials.clone_from(&self.credentials);
        task
    }

    /// Runs the agent to its end; returns its report, its events and the workspace.
    async fn work(&self, agent: &dyn Agent) -> (AgentReport, Vec<AgentEvent>, TempDir) {
        let (run, container, workspace) = self.container(agent).await;
        let (task, mut events) = (self.task(run), Vec::new());
        let mut sink = |event| events.push(event);
        let ran = bounded("the agent", agent.run(&task, &*container, &mut sink)).await;
        let report = ran.expect("an agent that runs is no error, whatever becomes of its work");
        bounded("stop", container.stop(Duration::from_secs(1))).await.expect("stop");
        bounded("destroy", self.runner.destroy(run)).await.expect("destroy");
        (report, events, workspace)
    }
}

/// Makes a test of every case for agents. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! agent_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            agent,
            $make,
            [
                what_it_needs_stays_the_same,
                it_works_through_the_container_and_reports,
                events_come_before_the_report,
                the_prompt_is_not_run,
                failing_at_the_work_is_a_verdict,
                dropped_midway_it_leaves_nothing_behind,
                it_can_work_for_several_runs_at_once,
                the_end_of_its_container_ends_it,
            ]
        );
    };
}

/// Pure: no I/O, the same answer every time.
pub async fn what_it_needs_stays_the_same(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing, &fixture.slow] {
        assert!(!agent.name().is_empty(), "an agent has a name");
        assert!(!agent.name().contains('\n'), "the name is put into commit messages");
        let before = (agent.name().to_owned(), format!("{:?}", agent.needs()));
        let asked: Vec<_> = agent.needs().credentials;
        let given: Vec<_> = fixture.credentials.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(asked, given, "give the fixture the credentials that the agent needs");
        fixture.work(&*fixture.agent).await;
        assert_eq!((agent.name().to_owned(), format!("{:?}", agent.needs())), before);
    }
}

/// The verdict says so, and the file is there.
pub async fn it_works_through_the_container_and_reports(fixture: &Fixture) {
    let (report, _, workspace) = fixture.work(&*fixture.agent).await;
    assert_eq!(report.verdict, Verdict::Completed);
    let (path, content) = &fixture.file;
    let found = std::fs::read(workspace.path().join(path));
    assert_eq!(found.as_ref().ok(), Some(content), "{path}: {found:?}");
}

/// People follow the work while it goes on.
pub async fn events_come_before_the_report(fixture: &Fixture) {
    let (_, events, _) = fixture.work(&*fixture.agent).await;
    assert!(!events.is_empty(), "nothing was seen of the agent's work");
}

/// It holds hostile text: it goes to standard input, not to a shell.
pub async fn the_prompt_is_not_run(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing] {
        let (_, _, workspace) = fixture.work(&**agent).await;
        assert!(!workspace.path().join("pwned").exists(), "the prompt was run");
    }
}

/// An error would mean that it could not be run at all.
pub async fn failing_at_the_work_is_a_verdict(fixture: &Fixture) {
    let (report, _, _) = fixture.work(&*fixture.failing).await;
    match report.verdict {
        Verdict::Failed { reason, .. } => {
            assert!(!reason.is_empty() && !reason.contains('\n'), "not one line: {reason:?}");
        }
        verdict => panic!("the failing agent ended with {verdict:?}"),
    }
}

/// The caller keeps the time limits by dropping the future.
pub async fn dropped_midway_it_leaves_nothing_behind(fixture: &Fixture) {
    for polls in 0..6 {
        let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
        let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
        drop_after_polls(polls, fixture.slow.run(&task, &*container, &mut sink)).await;
        bounded("stop", container.stop(Duration::from_millis(100))).await.expect("stop");
        bounded("destroy", fixture.runner.destroy(run)).await.expect("destroy");
        assert!(!fixture.runner.orphans().await.unwrap().contains(&run));
    }
}

/// Each with a container of its own.
pub async fn it_can_work_for_several_runs_at_once(fixture: &Fixture) {
    let agent = &*fixture.agent;
    let (one, two) = tokio::join!(fixture.work(agent), fixture.work(agent));
    for (report, events, workspace) in [one, two] {
        assert_eq!(report.verdict, Verdict::Completed);
        assert!(!events.is_empty());
        assert!(workspace.path().join(&fixture.file.0).is_file());
    }
}

/// With a failure or an error, and never as a success.
pub async fn the_end_of_its_container_ends_it(fixture: &Fixture) {
    let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
    let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
    let work = fixture.slow.run(&task, &*container, &mut sink);
    tokio::pin!(work);
    let ended = bounded("an agent whose container is destroyed", async {
        loop {
            tokio::select! {
                biased;
                ended = &mut work => break ended,
                () = super::pause() => fixture.runner.destroy(run).await.expect("destroy"),
            }
        }
    });
    if let Ok(report) = ended.await {
        assert_ne!(report.verdict, Verdict::Completed, "the slow agent was done");
    }
    fixture.runner.destroy(run).await.unwrap();
}
