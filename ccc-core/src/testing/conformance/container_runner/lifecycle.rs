//! From before spawn to after destroy.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::time::Duration;

use super::fixture::{Fixture, Running, new_run};
use crate::container::{Command, ContainerSpec, ExitStatus, Network};
use crate::testing::conformance::{bounded, drop_after_polls, pause, refused};
use crate::{ContainerExt, ErrorKind};

/// Neither a missing one nor a file; and nothing is left of the attempt after destroy.
pub async fn a_workspace_that_is_no_directory_is_invalid_input(fixture: &Fixture) {
    let directory = fixture.workspace();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let (run, spec) = (new_run(), ContainerSpec::new(directory.path().join(name)));
        let spawned = bounded("spawn", fixture.runner.spawn(run, &spec)).await;
        refused(name, ErrorKind::InvalidInput, spawned);
        fixture.runner.destroy(run).await.expect("destroy after a failed spawn");
        assert!(!fixture.runner.orphans().await.unwrap().contains(&run), "{name} left something");
    }
    assert!(!directory.path().join("missing").exists(), "the runner made the workspace");
}

/// Nobody is led to the model who did not ask; whoever asked gets a URL to which a path can be added,
/// or nothing.
pub async fn the_model_proxy_is_for_those_who_asked(fixture: &Fixture) {
    for (network, asked) in [(Network::None, false), (Network::ModelProxy, true)] {
        let workspace = fixture.workspace();
        let spec = ContainerSpec::new(workspace.path()).with_network(network);
        let running = fixture.container_with(spec, workspace).await;
        if let Some(url) = running.container.model_proxy() {
            assert!(asked, "not asked for, and there at {url}");
            let plain = url.starts_with("http://") || url.starts_with("https://");
            assert!(plain && !url.ends_with('/'), "{url}");
        }
        running.destroy().await;
    }
}

/// The same name in two workspaces is two files.
pub async fn runs_do_not_see_each_others_workspace(fixture: &Fixture) {
    let (one, two) = (fixture.container().await, fixture.container().await);
    let tee = |text: &'static str| Command::new(["tee", "--", "same"]).with_stdin(text);
    let (a, b) = tokio::join!(one.run(tee("one")), two.run(tee("two")));
    assert_eq!((a.stdout, b.stdout), (b"one".to_vec(), b"two".to_vec()));
    one.run(Command::new(["tee", "--", "only-one"]).with_stdin("1")).await;
    one.stop(Duration::from_secs(1)).await;
    two.stop(Duration::from_secs(1)).await;
    assert_eq!(
        (one.file("same").unwrap(), two.file("same").unwrap()),
        ("one".into(), "two".into())
    );
    assert_eq!((one.file("only-one"), two.file("only-one")), (Some("1".into()), None));
    one.destroy().await;
    two.destroy().await;
}

/// Cleaning up needs no knowledge of how far a run came.
pub async fn destroy_before_spawn_is_ok(fixture: &Fixture) {
    let run = new_run();
    fixture.runner.destroy(run).await.expect("destroy of a run that never was");
    let workspace = fixture.workspace();
    let spec = ContainerSpec::new(workspace.path());
    let container = fixture.runner.spawn(run, &spec).await.expect("spawn after destroy");
    assert!(container.output(&Command::new(["true"])).await.unwrap().status.success());
    fixture.runner.destroy(run).await.unwrap();
}

/// With and without a stop before it.
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

/// The exec comes back, with any result but success.
pub async fn destroy_ends_an_exec(fixture: &Fixture) {
    let running = fixture.container().await;
    let command = Command::new(["sleep", "300"]);
    let exec = running.container.output(&command);
    tokio::pin!(exec);
    // Nothing tells from outside that the program has started: destroying goes on until it ends.
    let ended = bounded("an exec whose container is destroyed", async {
        loop {
            tokio::select! {
                biased;
                ended = &mut exec => break ended,
                () = pause() => running.destroy().await,
            }
        }
    });
    if let Ok(output) = ended.await {
        assert!(!output.status.success(), "`sleep 300` ended well");
    }
    running.destroy().await;
    assert!(!fixture.runner.orphans().await.unwrap().contains(&running.run));
}

/// A neighbour is not hit.
pub async fn destroy_of_one_run_leaves_the_others_alone(fixture: &Fixture) {
    let (one, two) = (fixture.container().await, fixture.container().await);
    let command = Command::new(["sleep", "1"]);
    let (output, ()) = tokio::join!(two.run(command), async {
        pause().await;
        one.destroy().await;
    });
    assert_eq!(output.status, ExitStatus::Code(0), "the neighbour's program was ended");
    assert!(fixture.runner.orphans().await.unwrap().contains(&two.run));
    two.destroy().await;
}

/// The directory belongs to the caller, content included.
pub async fn destroy_leaves_the_workspace_to_the_caller(fixture: &Fixture) {
    let running = fixture.container().await;
    running.run(Command::new(["tee", "--", "kept"]).with_stdin("kept")).await;
    running.stop(Duration::from_secs(1)).await;
    running.destroy().await;
    assert_eq!(running.file("kept").as_deref(), Some("kept"));
}

/// Dropped after any number of polls; then destroyed, and spawned again.
pub async fn a_spawn_that_was_dropped_stands_in_nobodys_way(fixture: &Fixture) {
    for polls in 0..4 {
        for destroyed in [true, false] {
            let (run, workspace) = (new_run(), fixture.workspace());
            let spec = ContainerSpec::new(workspace.path());
            drop_after_polls(polls, fixture.runner.spawn(run, &spec)).await;
            if destroyed {
                fixture.runner.destroy(run).await.expect("destroy after a dropped spawn");
                assert!(!fixture.runner.orphans().await.unwrap().contains(&run));
            }
            let again = bounded("spawn", fixture.runner.spawn(run, &spec)).await;
            let container = again.expect("spawn after a dropped spawn");
            assert!(container.output(&Command::new(["true"])).await.unwrap().status.success());
            fixture.runner.destroy(run).await.unwrap();
        }
    }
}

/// The program is abandoned, and stop promises its end.
pub async fn an_exec_that_was_dropped_is_ended_by_stop(fixture: &Fixture) {
    for polls in 1..4 {
        let running = fixture.container().await;
        drop_after_polls(polls, running.container.output(&Command::new(["sleep", "300"]))).await;
        running.stop(Duration::from_secs(1)).await;
        running.destroy().await;
    }
}

/// Dropping the handle ends nothing.
pub async fn a_dropped_container_is_still_there_for_destroy(fixture: &Fixture) {
    let Running { run, container, workspace, .. } = fixture.container().await;
    drop(container);
    assert!(fixture.runner.orphans().await.unwrap().contains(&run), "it went with its handle");
    fixture.runner.destroy(run).await.unwrap();
    assert!(!fixture.runner.orphans().await.unwrap().contains(&run));
    assert!(workspace.path().is_dir());
}

/// Each once, stopped ones too, and never what was destroyed.
pub async fn orphans_are_what_was_spawned_and_not_destroyed(fixture: &Fixture) {
    let orphans = async || {
        let mut runs = fixture.runner.orphans().await.expect("orphans");
        runs.sort_unstable();
        runs
    };
    assert_eq!(orphans().await, [], "before the first spawn");
    let (one, two) = (fixture.container().await, fixture.container().await);
    let mut both = vec![one.run, two.run];
    both.sort_unstable();
    assert_eq!(orphans().await, both);
    one.run(Command::new(["true"])).await;
    one.stop(Duration::from_secs(1)).await;
    assert_eq!(orphans().await, both, "stop removes nothing");
    one.destroy().await;
    assert_eq!(orphans().await, [two.run]);
    two.destroy().await;
    assert_eq!(orphans().await, []);
}
