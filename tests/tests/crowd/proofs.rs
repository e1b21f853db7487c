//! Tests that the checks for leftovers find each kind of leftover.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use ccc_core::container::ContainerSpec;
use ccc_core::{Clock as _, ContainerRunner as _, RunId, SystemClock};
use ccc_runner::Workspaces;

use super::fixture::{Fixture, engine};
use super::{alone, until};

/// Returns the distinct first words of the findings.
fn kinds(left: &[String]) -> Vec<&str> {
    let mut kinds: Vec<&str> = left.iter().filter_map(|line| line.split(' ').next()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_a_run_are_found() {
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
    assert_ne!(found.descriptors, before.descriptors, "the connection to the container is open");
    // If the engine runs on the host machine, its processes are found too.
    println!("a remaining container is found as {:?}", kinds(&found.left));
    fixture.runner.destroy(run).await.unwrap();
    drop(container);
    fs::remove_dir_all(&workspace).unwrap();
    assert_eq!(fixture.settled_traces(&reports, &before).await.left, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_git_and_of_processes_are_found() {
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
    // A zombie counts too.
    assert_eq!(kinds(&fixture.look(&reports).await.left), ["child"]);
    child.wait().unwrap();

    // A process without its parent is found by the run id in its environment, or by its directory.
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
