//! Conformance cases for container runners: the life of a container, from before `spawn` to after
//! `destroy`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::time::Duration;

use super::fixture::{Fixture, Running, new_run};
use crate::container::{Command, ContainerSpec, ExitStatus, Network};
use crate::testing::conformance::{assert_fails_with, bounded, drop_after_polls, pause};
use crate::{ContainerExt, ErrorKind};

/// Checks that `spawn` fails with [`ErrorKind::InvalidInput`] if the workspace is missing or is a
/// file, and that `orphans` does not list the run after `destroy`.
pub async fn a_workspace_that_is_no_directory_is_invalid_input(fixture: &Fixture) {
    let directory = fixture.workspace();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let (run, spec) = (new_run(), ContainerSpec::new(directory.path().join(name)));
        let spawned = bounded("`spawn`", fixture.runner.spawn(run, &spec)).await;
        let what = format!("`spawn` with the workspace path `{name}`, which is no directory,");
        assert_fails_with(&what, ErrorKind::InvalidInput, spawned);
        let destroyed = fixture.runner.destroy(run).await;
        destroyed.expect("`destroy` must succeed after a failed `spawn`");
        let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
        assert!(!orphans.contains(&run), "`orphans` must not list a destroyed run");
    }
    let exists = directory.path().join("missing").exists();
    assert!(!exists, "`spawn` must not create a missing workspace");
}

/// Checks that `model_proxy` returns `None` if [`Network::ModelProxy`] was not requested. If this
/// network was requested, `model_proxy` must return a URL without a path, or `None` if the runner
/// was built without a model proxy.
pub async fn the_model_proxy_is_present_only_if_requested(fixture: &Fixture) {
    for (network, asked) in [(Network::None, false), (Network::ModelProxy, true)] {
        let workspace = fixture.workspace();
        let spec = ContainerSpec::new(workspace.path()).with_network(network);
        let running = fixture.container_with(spec, workspace).await;
        if let Some(url) = running.container.model_proxy() {
            assert!(
                asked,
                "if `Network::ModelProxy` was not requested, `model_proxy` must return `None`, but \
                 returned {url}"
            );
            let plain = url.starts_with("http://") || url.starts_with("https://");
            let valid = plain && !url.ends_with('/');
            assert!(
                valid,
                "`model_proxy` must return an http or https URL without a path, but returned {url}"
            );
        }
        running.destroy().await;
    }
}

/// Checks that each container has its own workspace: the same file name in two runs refers to two
/// files.
pub async fn runs_do_not_see_each_others_workspace(fixture: &Fixture) {
    let (one, two) = (fixture.container().await, fixture.container().await);
    let tee = |text: &'static str| Command::new(["tee", "--", "same"]).with_stdin(text);
    let (a, b) = tokio::join!(one.run(tee("one")), two.run(tee("two")));
    let expected = (b"one".to_vec(), b"two".to_vec());
    assert_eq!(
        (a.stdout, b.stdout),
        expected,
        "`exec` must pass each program its own standard input"
    );
    one.run(Command::new(["tee", "--", "only-one"]).with_stdin("1")).await;
    one.stop(Duration::from_secs(1)).await;
    two.stop(Duration::from_secs(1)).await;
    let separate =
        "a file that a program creates must be only in the workspace of the program's run";
    let expected = (Some("one".to_owned()), Some("two".to_owned()));
    assert_eq!((one.file("same"), two.file("same")), expected, "{separate}");
    let expected = (Some("1".to_owned()), None);
    assert_eq!((one.file("only-one"), two.file("only-one")), expected, "{separate}");
    one.destroy().await;
    two.destroy().await;
}

/// Checks that `destroy` succeeds for a run that was never spawned, and that a later `spawn` of the
/// run succeeds. Cleanup can thus call `destroy` without knowing whether the run has a container.
pub async fn destroy_before_spawn_is_ok(fixture: &Fixture) {
    let run = new_run();
    let destroyed = fixture.runner.destroy(run).await;
    destroyed.expect("`destroy` must succeed for a run that was never spawned");
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path());
    let container = fixture.runner.spawn(run, &spec).await.expect("`spawn` must succeed");
    let output = container.output(&Command::new(["true"])).await.expect("`exec` must return `Ok`");
    assert!(output.status.success(), "`true` must succeed: {output:?}");
    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
}

/// Checks that a second `destroy` of a run succeeds, with and without a `stop` before the first
/// `destroy`.
pub async fn destroy_twice_is_ok(fixture: &Fixture) {
    for stopped in [true, false] {
        let running = fixture.container().await;
        if stopped {
            running.stop(Duration::from_secs(1)).await;
        }
        running.destroy().await;
        running.destroy().await;
    }
}

/// Checks that `destroy` ends an `exec` that is in progress. The `exec` must return an error or a
/// status other than success.
pub async fn destroy_ends_an_exec(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["sleep", "300"]);
    let exec = running.container.output(&command);
    tokio::pin!(exec);
    // The case cannot detect when the program has started, so it repeats `destroy` until `exec`
    // ends.
    let ended = bounded("an `exec` whose container is destroyed", async {
        loop {
            tokio::select! {
                biased;
                ended = &mut exec => break ended,
                () = pause() => running.destroy().await,
            }
        }
    });
    if let Ok(output) = ended.await {
        assert!(!output.status.success(), "`exec` must not report success for a killed program");
    }
    running.destroy().await;
    let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
    assert!(!orphans.contains(&running.run), "`orphans` must not list a destroyed run");
}

/// Checks that `destroy` of one run does not affect the containers of other runs.
pub async fn destroy_of_one_run_leaves_the_others_alone(fixture: &Fixture) {
    let (one, two) = (fixture.container().await, fixture.container().await);
    let command = Command::new(["sleep", "1"]);
    let (output, ()) = tokio::join!(two.run(command), async {
        pause().await;
        one.destroy().await;
    });
    assert_eq!(
        output.status,
        ExitStatus::Code(0),
        "`destroy` of one run must not end a program of another run"
    );
    let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
    let rule = "`destroy` of one run must not remove another run from the result of `orphans`";
    assert!(orphans.contains(&two.run), "{rule}");
    two.destroy().await;
}

/// Checks that `destroy` deletes neither the workspace directory nor the files in it, because the
/// directory and the files belong to the caller.
pub async fn destroy_leaves_the_workspace_to_the_caller(fixture: &Fixture) {
    let running = fixture.container().await;
    running.run(Command::new(["tee", "--", "kept"]).with_stdin("kept")).await;
    running.stop(Duration::from_secs(1)).await;
    running.destroy().await;
    assert_eq!(
        running.file("kept").as_deref(),
        Some("kept"),
        "`destroy` must not delete the files in the workspace directory"
    );
}

/// Checks that a `spawn` whose future was dropped does not prevent `destroy` or a later `spawn` of
/// the same run. The case repeats the check with futures that are dropped after zero, one, two and
/// three polls.
pub async fn a_dropped_spawn_does_not_block_a_later_spawn(fixture: &Fixture) {
    for polls in 0..4 {
        for destroyed in [true, false] {
            let (run, workspace) = (new_run(), fixture.workspace());
            let spec = ContainerSpec::new(workspace.path());
            drop_after_polls(polls, fixture.runner.spawn(run, &spec)).await;
            if destroyed {
                let destroyed = fixture.runner.destroy(run).await;
                destroyed.expect("`destroy` must succeed after the future of `spawn` was dropped");
                let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
                assert!(!orphans.contains(&run), "`orphans` must not list a destroyed run");
            }
            let again = bounded("`spawn`", fixture.runner.spawn(run, &spec)).await;
            let container = again
                .expect("`spawn` must succeed after the future of an earlier `spawn` was dropped");
            let output = container.output(&Command::new(["true"])).await;
            let status = output.expect("`exec` must return `Ok`").status;
            assert!(status.success(), "`true` must succeed: {status}");
            fixture.runner.destroy(run).await.expect("`destroy` must succeed");
        }
    }
}

/// Checks that `stop` and `destroy` succeed after the future of an `exec` was dropped. The dropped
/// `exec` can leave its program running, and `stop` must end this program.
pub async fn an_exec_that_was_dropped_is_ended_by_stop(fixture: &Fixture) {
    for polls in 1..4 {
        let running = fixture.container().await;
        drop_after_polls(polls, running.container.output(&Command::new(["sleep", "300"]))).await;
        running.stop(Duration::from_secs(1)).await;
        running.destroy().await;
    }
}

/// Checks that dropping a [`Container`](crate::Container) value does not destroy the container:
/// `orphans` must list the run until `destroy` is called.
pub async fn a_dropped_container_is_still_there_for_destroy(fixture: &Fixture) {
    let Running { run, container, workspace, .. } = fixture.container().await;
    drop(container);
    let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
    assert!(orphans.contains(&run), "`orphans` must list a run whose `Container` was dropped");
    fixture.runner.destroy(run).await.expect("`destroy` must succeed");
    let orphans = fixture.runner.orphans().await.expect("`orphans` must succeed");
    assert!(!orphans.contains(&run), "`orphans` must not list a destroyed run");
    assert!(workspace.path().is_dir(), "`destroy` must not delete the workspace directory");
}

/// Checks that `orphans` lists a run exactly once from `spawn` until `destroy`, even after `stop`.
pub async fn orphans_are_what_was_spawned_and_not_destroyed(fixture: &Fixture) {
    let orphans = async || {
        let mut runs = fixture.runner.orphans().await.expect("`orphans` must succeed");
        runs.sort_unstable();
        runs
    };
    assert_eq!(orphans().await, [], "`orphans` must be empty before the first `spawn`");
    let (one, two) = (fixture.container().await, fixture.container().await);
    let mut both = vec![one.run, two.run];
    both.sort_unstable();
    assert_eq!(orphans().await, both, "`orphans` must list every spawned run once");
    one.run(Command::new(["true"])).await;
    one.stop(Duration::from_secs(1)).await;
    assert_eq!(orphans().await, both, "`orphans` must list a stopped run");
    one.destroy().await;
    assert_eq!(orphans().await, [two.run], "`orphans` must not list a destroyed run");
    two.destroy().await;
    assert_eq!(orphans().await, [], "`orphans` must not list a destroyed run");
}

/// Checks that dropping a container does not panic. The pipeline drops the container at the end of
/// a run, even if the run failed or was cancelled.
pub async fn dropping_a_container_does_not_panic(fixture: &Fixture) {
    let Running { run, container, .. } = fixture.container().await;
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(container)));
    fixture
        .runner
        .destroy(run)
        .await
        .expect("`destroy` must succeed after the `Container` was dropped");
    assert!(dropped.is_ok(), "dropping a container must not panic");
}
