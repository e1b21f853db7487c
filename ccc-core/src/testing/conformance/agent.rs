//! Conformance cases for agents. The cases need a container runner that passes the cases of
//! [`container_runner`](super::container_runner).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{bounded, drop_after_polls};
use crate::agent::{AgentEvent, Verdict};

mod altered;
mod fixture;
mod registered;

pub use fixture::{Fixture, PROMPT};

use registered::{RegisteredSecrets, RegistrationCheck};

/// Generates one test for each conformance case of the agent port. The macro's argument is a
/// function that returns a future of a new [fixture](crate::testing::conformance::agent::Fixture).
/// See [`conformance`](crate::testing::conformance).
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
                name_and_needs_are_constant,
                it_works_through_the_container_and_reports,
                events_come_before_the_report,
                the_prompt_is_not_run,
                failing_at_the_work_is_a_verdict,
                cleanup_succeeds_after_a_dropped_run,
                it_can_work_for_several_runs_at_once,
                run_returns_after_destroy,
                secrets_are_registered_before_programs_get_them,
            ]
        );
    };
    ($make:expr) => {
        $crate::agent_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that a call of `run` does not change the results of `name` and `needs`. The name must be
/// one line, because commit messages contain the name.
pub async fn name_and_needs_are_constant(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing, &fixture.slow] {
        assert!(!agent.name().is_empty(), "`name` must not be empty");
        assert!(
            !agent.name().contains('\n'),
            "`name` must be one line, because commit messages contain it"
        );
        let before = (agent.name().to_owned(), format!("{:?}", agent.needs()));
        let asked: Vec<_> = agent.needs().credentials;
        let given: Vec<_> = fixture.credentials.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(
            asked, given,
            "`Fixture::with_credential` must be called for exactly the keys that the agent's \
             `needs` returns"
        );
        let (run, container, _workspace) = fixture.container(&**agent).await;
        drop_after_polls(3, agent.run(&fixture.task(run), &*container, &mut |_: AgentEvent| {}))
            .await;
        fixture.runner.destroy(run).await.expect("`destroy` must succeed");
        let after = (agent.name().to_owned(), format!("{:?}", agent.needs()));
        assert_eq!(after, before, "`run` must not change the results of `name` and `needs`");
    }
}

/// Checks that `run` reports [`Verdict::Completed`], and that the agent has written the expected
/// file to the container's workspace.
pub async fn it_works_through_the_container_and_reports(fixture: &Fixture) {
    let (report, _, workspace) = fixture.work(&*fixture.agent).await;
    assert_eq!(report.verdict, Verdict::Completed, "`run` of the agent must report `Completed`");
    let (path, content) = &fixture.file;
    let found = std::fs::read(workspace.path().join(path));
    let expected = Some(content);
    assert_eq!(
        found.as_ref().ok(),
        expected,
        "`run` must write the expected content to the file {path}, but reading the file gave \
         {found:?}"
    );
}

/// Checks that `run` passes events to the sink before `run` returns.
pub async fn events_come_before_the_report(fixture: &Fixture) {
    let (_, events, _) = fixture.work(&*fixture.agent).await;
    assert!(
        !events.is_empty(),
        "`run` must pass at least one event to the sink before `run` returns"
    );
}

/// Checks that no shell executes a part of the prompt. The agent must get the prompt on standard
/// input, because the prompt can contain hostile text.
pub async fn the_prompt_is_not_run(fixture: &Fixture) {
    for agent in [&fixture.agent, &fixture.failing] {
        let (_, _, workspace) = fixture.work(&**agent).await;
        assert!(
            !workspace.path().join("pwned").exists(),
            "`run` must pass the prompt on standard input, but a shell executed a part of the \
             prompt"
        );
    }
}

/// Checks that `run` returns `Ok` with [`Verdict::Failed`] if the agent started and failed. An
/// error would mean that the agent could not be started.
pub async fn failing_at_the_work_is_a_verdict(fixture: &Fixture) {
    let (report, _, _) = fixture.work(&*fixture.failing).await;
    match report.verdict {
        Verdict::Failed { reason, .. } => {
            let one_line = !reason.is_empty() && !reason.contains('\n');
            assert!(
                one_line,
                "the reason of `Failed` must be one non-empty line, but is {reason:?}"
            );
        }
        verdict => {
            panic!("`run` of the failing agent must report `Failed`, but reported {verdict:?}")
        }
    }
}

/// Checks that `stop` and `destroy` succeed after the future of `run` was dropped, and that
/// `orphans` does not list the run afterwards. The pipeline enforces time limits by dropping this
/// future.
pub async fn cleanup_succeeds_after_a_dropped_run(fixture: &Fixture) {
    for polls in 0..6 {
        let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
        let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
        drop_after_polls(polls, fixture.slow.run(&task, &*container, &mut sink)).await;
        let stopped = bounded("`stop`", container.stop(Duration::from_millis(100))).await;
        stopped.expect("`stop` must succeed after the future of `run` was dropped");
        let destroyed = bounded("`destroy`", fixture.runner.destroy(run)).await;
        destroyed.expect("`destroy` must succeed after the future of `run` was dropped");
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
        let completed = report.verdict == Verdict::Completed;
        assert!(completed, "`run` must report `Completed` in each of two concurrent calls");
        assert!(!events.is_empty(), "`run` must report events in each of two concurrent calls");
        let written = workspace.path().join(path).is_file();
        assert!(written, "`run` must write the file {path} in each of two concurrent calls");
    }
}

/// Checks that `run` returns if the agent's container is destroyed during the call. The result must
/// be an error, or a verdict other than [`Verdict::Completed`].
pub async fn run_returns_after_destroy(fixture: &Fixture) {
    let (run, container, _workspace) = fixture.container(&*fixture.slow).await;
    let (task, mut sink) = (fixture.task(run), |_: AgentEvent| {});
    let work = fixture.slow.run(&task, &*container, &mut sink);
    tokio::pin!(work);
    let ended = bounded("`run` of an agent whose container is destroyed", async {
        loop {
            tokio::select! {
                biased;
                ended = &mut work => break ended,
                () = super::pause() => {
                    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
                }
            }
        }
    });
    if let Ok(report) = ended.await {
        let completed = report.verdict == Verdict::Completed;
        assert!(!completed, "`run` must not report `Completed` if the container is destroyed");
    }
    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
}

/// Checks that `run` registers each secret before it passes the secret to a program in an environment
/// variable.
pub async fn secrets_are_registered_before_programs_get_them(fixture: &Fixture) {
    // spec: S6b
    let (run, container, _workspace) = fixture.container(&*fixture.agent).await;
    let registered = Arc::new(RegisteredSecrets::default());
    let mut task = fixture.task(run);
    task.secrets = Some(Arc::clone(&registered) as _);
    let check = RegistrationCheck {
        container: &*container,
        registered: &registered,
        missing: Mutex::default(),
    };
    let mut sink = |_: AgentEvent| {};
    let ran = bounded("`run`", fixture.agent.run(&task, &check, &mut sink)).await;
    ran.expect("`run` must return `Ok` for an agent that started");
    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
    let missing = check.missing.into_inner().unwrap();
    assert!(
        missing.is_empty(),
        "`run` must pass each secret to `Task::register_secret` before a program gets it, but \
         {missing:?} have secrets that are not registered"
    );
}
