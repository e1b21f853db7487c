//! Conformance cases for agents. The container runner that they use must conform to its own
//! contract.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract must panic")]

use std::time::Duration;

use super::{bounded, drop_after_polls};
use crate::agent::{AgentEvent, Verdict};

mod altered;
mod fixture;

pub use fixture::{Fixture, PROMPT};

/// Generates a test for every case for agents. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! agent_conformance {
    (@run $make:expr) => {
        $crate::agent_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
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
    ($make:expr) => {
        $crate::agent_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that `name` and `needs` return the same value every time. The name must be one line,
/// because it becomes part of commit messages.
pub async fn what_it_needs_stays_the_same(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing, &fixture.slow] {
        assert!(!agent.name().is_empty(), "`name` must not be empty");
        assert!(!agent.name().contains('\n'), "`name` must be one line, for commit messages");
        let before = (agent.name().to_owned(), format!("{:?}", agent.needs()));
        let asked: Vec<_> = agent.needs().credentials;
        let given: Vec<_> = fixture.credentials.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(asked, given, "`with_credential` must add what the agent needs");
        let (run, container, _workspace) = fixture.container(&**agent).await;
        drop_after_polls(3, agent.run(&fixture.task(run), &*container, &mut |_: AgentEvent| {}))
            .await;
        fixture.runner.destroy(run).await.expect("`destroy` must succeed");
        let after = (agent.name().to_owned(), format!("{:?}", agent.needs()));
        assert_eq!(after, before, "`name` and `needs` must return the same value every time");
    }
}

/// Checks that the agent works through the container: after [`Verdict::Completed`], the workspace
/// holds the file that the agent wrote.
pub async fn it_works_through_the_container_and_reports(fixture: &Fixture) {
    let (report, _, workspace) = fixture.work(&*fixture.agent).await;
    assert_eq!(report.verdict, Verdict::Completed, "an agent that is done must report `Completed`");
    let (path, content) = &fixture.file;
    let found = std::fs::read(workspace.path().join(path));
    let expected = Some(content);
    assert_eq!(found.as_ref().ok(), expected, "the agent must write {path}: {found:?}");
}

/// Checks that `run` passes events to the sink before it returns.
pub async fn events_come_before_the_report(fixture: &Fixture) {
    let (_, events, _) = fixture.work(&*fixture.agent).await;
    assert!(
        !events.is_empty(),
        "`run` returned without any event; it must report its work to the sink"
    );
}

/// Checks that the prompt goes to the agent's standard input and not to a shell, because it
/// contains hostile text.
pub async fn the_prompt_is_not_run(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing] {
        let (_, _, workspace) = fixture.work(&**agent).await;
        assert!(
            !workspace.path().join("pwned").exists(),
            "a shell ran the prompt; the prompt must go to standard input"
        );
    }
}

/// Checks that an agent that ran and failed returns `Ok` with [`Verdict::Failed`]. An error would
/// mean that the agent could not be run.
pub async fn failing_at_the_work_is_a_verdict(fixture: &Fixture) {
    let (report, _, _) = fixture.work(&*fixture.failing).await;
    match report.verdict {
        Verdict::Failed { reason, .. } => {
            let one_line = !reason.is_empty() && !reason.contains('\n');
            assert!(one_line, "the reason of a failure must be one line, not {reason:?}");
        }
        verdict => panic!("the failing agent must report `Failed`, not {verdict:?}"),
    }
}

/// Checks that nothing remains of a run after its `run` future was dropped and its container
/// stopped and destroyed. The caller enforces time limits in this way.
pub async fn dropped_midway_it_leaves_nothing_behind(fixture: &Fixture) {
    for polls in 0..6 {
        let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
        let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
        drop_after_polls(polls, fixture.slow.run(&task, &*container, &mut sink)).await;
        let stopped = bounded("stop", container.stop(Duration::from_millis(100))).await;
        stopped.expect("`stop` must succeed after a dropped `run`");
        let destroyed = bounded("destroy", fixture.runner.destroy(run)).await;
        destroyed.expect("`destroy` must succeed after a dropped `run`");
        let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
        assert!(!orphans.contains(&run), "`orphans` must not list a destroyed run");
    }
}

/// Checks that `run` can be called for several runs at once, each with its own container.
pub async fn it_can_work_for_several_runs_at_once(fixture: &Fixture) {
    let agent = &*fixture.agent;
    let (one, two) = tokio::join!(fixture.work(agent), fixture.work(agent));
    for (report, events, workspace) in [one, two] {
        let path = &fixture.file.0;
        assert_eq!(report.verdict, Verdict::Completed, "each of two concurrent runs must complete");
        assert!(!events.is_empty(), "each of two concurrent runs must report events");
        assert!(workspace.path().join(path).is_file(), "each of two runs must write {path}");
    }
}

/// Checks that `run` ends when its container is destroyed, with an error or a verdict other than
/// [`Verdict::Completed`].
pub async fn the_end_of_its_container_ends_it(fixture: &Fixture) {
    let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
    let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
    let work = fixture.slow.run(&task, &*container, &mut sink);
    tokio::pin!(work);
    let ended = bounded("the run of an agent whose container is destroyed", async {
        loop {
            tokio::select! {
                biased;
                ended = &mut work => break ended,
                () = super::pause() => fixture.runner.destroy(run).await.expect("`destroy` failed"),
            }
        }
    });
    if let Ok(report) = ended.await {
        let completed = report.verdict == Verdict::Completed;
        assert!(!completed, "an agent whose container is destroyed must not report `Completed`");
    }
    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
}
