//! What the counting is there to find, it finds.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use ccc_core::container::ContainerSpec;
use ccc_core::{Clock as _, ContainerRunner as _, RunId, SystemClock};
use ccc_runner::Workspaces;

use super::fixture::{Fixture, engine};
use super::{alone, until};

/// The first words of what was found, each once.
fn kinds(left: &[String]) -> Vec<&str> {
    let mut kinds: Vec<&str> = left.iter().filter_map(|line| line.split(' ').next()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_could_leave_is_found() {
    let _alone = alone::alone().await;
    if !engine() {
        return;
    }
    let fixture = Fixture::new(Workspaces::Copied).await;
    let (reports, _) = fixture.crowd(1..=1, 1).await;
    let before = fixture.traces(&reports).await;
    assert_eq!(before.left, Vec::<String>::new());

    let workspace = fixture.data.join("runs/left");
    fs::create_dir(&workspace).unwrap();
    let found = fixture.look(&reports).await;
    assert_eq!(kinds(&found.left), ["directory"]);
    assert_ne!(found.files, before.files);

    let run = RunId::new(SystemClock.now()).unwrap();
    let container = fixture.runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
    assert!(until(async || fixture.engine.seen().there.len() == 1).await);
    assert!(
        until(async || fixture.engine.left().await.iter().any(|left| left.starts_with("volume")))
            .await
    );
    let found = fixture.look(&reports).await;
    for kind in ["container", "orphan", "volume"] {
        assert!(kinds(&found.left).contains(&kind), "{kind}: {:?}", found.left);
    }
    assert_ne!(found.descriptors, before.descriptors, "the connection to it is open");
    // Where the engine is on this machine, its processes are seen too.
    println!("a container that was left is seen as {:?}", kinds(&found.left));
    fixture.runner.destroy(run).await.unwrap();
    drop(container);
    fs::remove_dir_all(&workspace).unwrap();
    assert_eq!(fixture.settled_traces(&reports, &before).await.left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_git_and_the_process_could_leave_is_found() {
    let _alone = alone::alone().await;
    if !engine() {
        return;
    }
    let fixture = Fixture::new(Workspaces::Auto).await;
    let (reports, _) = fixture.crowd(1..=1, 1).await;
    let before = fixture.traces(&reports).await;
    assert_eq!(before.left, Vec::<String>::new());
    let mirror = fixture.data.join("mirrors/host.example/7.git");

    for (path, is_a_trace) in [
        ("refs/runs/left", true),
        ("refs/heads/main.lock", true),
        ("objects/pack/tmp_pack_left", true),
        ("objects/pack/pack-left.pack", false),
    ] {
        let path = mirror.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        let found = fixture.look(&reports).await;
        assert_eq!(found.files != before.files, is_a_trace, "{}", path.display());
        fs::remove_file(&path).unwrap();
    }
    fs::write(fixture.state.join("marker-left"), "").unwrap();
    assert_eq!(kinds(&fixture.look(&reports).await.left), ["state"]);
    fs::remove_file(fixture.state.join("marker-left")).unwrap();

    let file = File::open("/dev/null").unwrap();
    assert_ne!(fixture.look(&reports).await.descriptors, before.descriptors);
    drop(file);

    let mut child = Command::new("sleep").arg("300").spawn().unwrap();
    assert_eq!(kinds(&fixture.look(&reports).await.left), ["child"]);
    child.kill().unwrap();
    // It has ended, and nobody has asked how: that is one too.
    assert_eq!(kinds(&fixture.look(&reports).await.left), ["child"]);
    child.wait().unwrap();

    // Its parent is gone; what names the run is in its environment, or its directory is ours.
    for (name, directory) in [(reports[0].run.to_string(), "/".into()), (String::new(), mirror)] {
        let started = Command::new("sh")
            .args(["-c", "sleep 300 >/dev/null 2>&1 & echo $!"])
            .env("NAME", name)
            .current_dir(directory)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let number = String::from_utf8(started.stdout).unwrap();
        let found = fixture.look(&reports).await.left;
        Command::new("kill").arg(number.trim()).status().unwrap();
        assert_eq!(kinds(&found), ["process"], "{found:?}");
        assert!(until(async || fixture.look(&reports).await.left.is_empty()).await);
    }
}
