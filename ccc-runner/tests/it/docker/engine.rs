//! Tests with engines that are missing or incomplete, and engines that other installations share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::container::{Command, ContainerSpec, EnvValue};
use ccc_core::{CancellationToken, ContainerExt, ContainerRunner, ErrorKind, Remedy, Secret};
use ccc_runner::{DockerRunner, Finding, Workspaces};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::{docker, engine, new_run, patiently, runner};

#[tokio::test]
async fn an_engine_that_cannot_be_reached_is_named() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("no-socket");
    std::fs::write(&file, "").unwrap();
    for (host, kind, expected) in [
        ("unix:///nowhere/docker.sock".to_owned(), ErrorKind::Unavailable, "engine is started"),
        (format!("unix://{}", file.display()), ErrorKind::Unavailable, "engine is started"),
        ("tcp://127.0.0.1:1".to_owned(), ErrorKind::Unavailable, "engine is started"),
        ("gopher://engine".to_owned(), ErrorKind::InvalidInput, "a supported scheme"),
    ] {
        let runner = DockerRunner::builder(state.path().join("state"));
        let runner = runner.host(Some(host.clone())).build().unwrap();
        for error in [
            patiently(runner.check()).await.unwrap_err(),
            patiently(runner.destroy(new_run())).await.unwrap_err(),
            patiently(runner.orphans()).await.unwrap_err(),
            patiently(runner.spawn(new_run(), &ContainerSpec::new(state.path())))
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind(), kind, "{host}: {error}");
            assert!(error.to_string().contains(expected), "{host}: {error}");
        }
    }
}

#[tokio::test]
async fn an_image_that_is_missing_or_has_no_keeper_is_named() {
    if !engine() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (runner, _state) = runner(Workspaces::Mounted);
    let build = Some(Remedy::BuildImage);
    let lacking = "has no file /usr/local/bin/ccc-keeper";
    for (image, kind, expected, remedy) in [
        ("ccc-no-such-image", ErrorKind::NotFound, "`ccc-no-such-image`", build),
        ("debian:bookworm-slim", ErrorKind::InvalidInput, lacking, None),
        ("NOT AN IMAGE", ErrorKind::InvalidInput, "NOT AN IMAGE", None),
    ] {
        let (run, spec) = (new_run(), ContainerSpec::new(workspace.path()));
        let spec = spec.with_image(Some(image.to_owned()));
        let error = patiently(runner.spawn(run, &spec)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{image}: {error}");
        assert_eq!((error.kind(), error.remedy()), (kind, remedy), "{image}: {error}");
        patiently(runner.destroy(run)).await.unwrap();
    }
    assert_eq!(runner.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn a_diagnosis_finds_what_a_container_with_a_network_can_reach() {
    // spec: X3a
    if !engine() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let builder = || DockerRunner::builder(state.path());
    let safe = builder().build().unwrap().diagnose().await;
    assert!(safe.iter().all(|(finding, _)| *finding != Finding::Bad), "{safe:#?}");
    assert!(safe.iter().any(|(_, line)| line.contains("cannot reach this machine")), "{safe:#?}");
    let weak = builder().dangerously_altered("to be reached", |body| {
        body.host_config.get_or_insert_default().network_mode = Some("host".to_owned());
    });
    let weak = weak.build().unwrap().diagnose().await;
    let reached = |(finding, line): &(Finding, String)| {
        *finding == Finding::Bad && line.starts_with("A CONTAINER REACHES THIS MACHINE, at ")
    };
    assert!(weak.iter().any(reached), "{weak:#?}");
}

/// A modified copy of the image, which is removed when it is dropped.
struct Odd(String);

impl Odd {
    fn image(change: &str) -> Self {
        let name = format!("ccc-odd-{}", new_run());
        let signal = change.strip_prefix("STOPSIGNAL ").unwrap_or("SIGTERM");
        let made = docker(&["create", "--stop-signal", signal, "ccc-agent", "true"]);
        let container = made.unwrap();
        if signal != "SIGTERM" {
            docker(&["commit", &container, &name]).unwrap();
        } else if change == "COPY" {
            docker(&["cp", "/etc/hostname", &format!("{container}:/workspace/planted")]).unwrap();
            docker(&["commit", &container, &name]).unwrap();
        } else {
            docker(&["commit", "--change", change, &container, &name]).unwrap();
        }
        docker(&["rm", &container]).unwrap();
        Self(name)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        docker(&["rmi", &self.0]);
    }
}

#[tokio::test]
async fn an_image_cannot_change_the_isolation_settings() {
    // spec: X1, X2
    if !engine() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (runner, _state) = runner(Workspaces::Mounted);
    let spec = |image: &Odd| ContainerSpec::new(workspace.path()).with_image(Some(image.0.clone()));
    let volume = Odd::image("VOLUME /data");
    let error = patiently(runner.spawn(new_run(), &spec(&volume))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("declares volumes (/data)"), "{error}");
    let (copied, _state) = super::runner(Workspaces::Copied);
    let planted = Odd::image("COPY");
    let run = new_run();
    let error = patiently(copied.spawn(run, &spec(&planted))).await.unwrap_err();
    assert!(error.to_string().contains("no empty directory /workspace"), "{error}");
    copied.destroy(run).await.unwrap();
    for change in ["USER 0", "STOPSIGNAL SIGKILL", "ENTRYPOINT [\"sleep\"]", "WORKDIR /nowhere"] {
        let (odd, run) = (Odd::image(change), new_run());
        let container = patiently(runner.spawn(run, &spec(&odd))).await.unwrap();
        let line = "test $(id -u) != 0 || exit 1; \
            (trap 'echo > tidied; exit' TERM; : > ready; while :; do sleep 0.02; done) >&- 2>&- & \
            while ! test -e ready; do sleep 0.02; done";
        let output = container.output(&Command::new(["sh", "-c", line])).await.unwrap();
        assert!(output.status.success(), "{change}: {output:?}");
        patiently(container.stop(Duration::from_secs(10))).await.unwrap();
        runner.destroy(run).await.unwrap();
        for name in ["tidied", "ready"] {
            std::fs::remove_file(workspace.path().join(name)).unwrap_or_else(|e| {
                panic!("{change}: the file {name} is missing: {e}");
            });
        }
    }
}

#[tokio::test]
async fn a_runtime_that_is_missing_is_reported_and_does_not_prevent_cleanup() {
    if !engine() {
        return;
    }
    let (state, workspace) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let build = |runtime: Option<&str>| {
        let runner = DockerRunner::builder(state.path()).runtime(runtime.map(str::to_owned));
        runner.build().unwrap()
    };
    let (run, spec) = (new_run(), ContainerSpec::new(workspace.path()));
    build(None).spawn(run, &spec).await.unwrap();
    let wrong = build(Some("no-such-runtime"));
    for error in [
        patiently(wrong.check()).await.unwrap_err(),
        patiently(wrong.spawn(new_run(), &spec)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("does not have the configured runtime"), "{error}");
    }
    assert_eq!(wrong.orphans().await.unwrap(), [run]);
    patiently(wrong.destroy(run)).await.unwrap();
    assert_eq!(wrong.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn a_container_of_the_same_name_is_replaced_only_if_it_belongs_to_the_installation() {
    if !engine() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (ours, _state) = runner(Workspaces::Mounted);
    let (theirs, _state) = runner(Workspaces::Mounted);
    let (run, spec) = (new_run(), ContainerSpec::new(workspace.path()));
    let container = ours.spawn(run, &spec).await.unwrap();
    // The container still exists, as it would after the service was killed and started again.
    let error = patiently(theirs.spawn(run, &spec)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    let error = patiently(theirs.destroy(run)).await.unwrap_err();
    assert!(error.to_string().contains("does not belong to this installation"), "{error}");
    assert_eq!(theirs.orphans().await.unwrap(), [], "listed a container of another installation");
    assert!(container.output(&Command::new(["true"])).await.unwrap().status.success());
    let again = patiently(ours.spawn(run, &spec)).await.unwrap();
    assert!(again.output(&Command::new(["true"])).await.unwrap().status.success());
    assert_eq!(ours.orphans().await.unwrap(), [run]);
    ours.destroy(run).await.unwrap();
}

/// Creates a socket that forwards to the engine until `cut` is cancelled.
async fn between(path: &Path, cut: CancellationToken) -> JoinSet<()> {
    let listener = UnixListener::bind(path).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(
        cut.run_until_cancelled_owned(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut there = UnixStream::connect("/var/run/docker.sock").await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        })
        .map(drop),
    );
    tasks
}

use futures_util::FutureExt as _;

#[tokio::test]
async fn an_engine_that_disappears_ends_the_program_and_is_cleaned_up_when_it_returns() {
    if !engine() || !Path::new("/var/run/docker.sock").exists() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let socket = state.path().join("engine");
    let cut = CancellationToken::new();
    let mut engine = between(&socket, cut.clone()).await;
    let runner = DockerRunner::builder(state.path().join("state"))
        .host(Some(format!("unix://{}", socket.display())))
        .build()
        .unwrap();
    let runner = Arc::new(runner);
    let (run, workspace) = (new_run(), tempfile::tempdir().unwrap());
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    let sleep = Command::new(["sh", "-c", "echo started; sleep 300"]);
    let mut sink = |_, _: &[u8]| cut.cancel();
    let error = patiently(container.exec(&sleep, &mut sink)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(patiently(container.stop(Duration::ZERO)).await.is_err());
    assert!(patiently(runner.destroy(run)).await.is_err());
    while engine.join_next().await.is_some() {}
    std::fs::remove_file(&socket).unwrap();
    let _engine = between(&socket, CancellationToken::new()).await;
    assert_eq!(patiently(runner.orphans()).await.unwrap(), [run]);
    patiently(runner.destroy(run)).await.unwrap();
    assert_eq!(runner.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn a_container_whose_service_has_ended_ends_by_itself() {
    // spec: X14e
    if !engine() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (runner, _state) = runner(Workspaces::Mounted);
    let run = new_run();
    let container = runner.spawn(run, &ContainerSpec::new(workspace.path())).await.unwrap();
    drop(container);
    let name = format!("ccc-{run}");
    let waited = patiently(tokio::task::spawn_blocking(move || docker(&["wait", &name]))).await;
    assert_eq!(waited.unwrap().as_deref(), Some("74"));
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn a_container_has_the_documented_isolation_settings() {
    // spec: X1, X3a
    if !engine() {
        return;
    }
    let workspace = tempfile::tempdir().unwrap();
    let (runner, _state) = runner(Workspaces::Mounted);
    let run = new_run();
    let secret = ("KEY".to_owned(), EnvValue::Secret(Secret::from("canary-of-the-environment")));
    let spec = ContainerSpec::new(workspace.path()).with_env(vec![secret]);
    let container = runner.spawn(run, &spec).await.unwrap();
    let shown = docker(&["inspect", &format!("ccc-{run}")]).unwrap();
    assert!(!shown.contains("canary-of-the-environment"), "a secret is in the engine's records");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let host = &shown[0]["HostConfig"];
    for (path, expected) in [
        ("/CapDrop", r#"["ALL"]"#),
        ("/CapAdd", "null"),
        ("/Privileged", "false"),
        ("/SecurityOpt", r#"["no-new-privileges"]"#),
        ("/ReadonlyRootfs", "true"),
        ("/NetworkMode", r#""none""#),
        ("/IpcMode", r#""private""#),
        ("/CgroupnsMode", r#""private""#),
        ("/Ulimits/0", r#"{"Hard":0,"Name":"core","Soft":0}"#),
        ("/PidMode", r#""""#),
        ("/UTSMode", r#""""#),
        ("/UsernsMode", r#""""#),
        ("/Init", "false"),
        ("/PidsLimit", "512"),
        ("/Memory", "4294967296"),
        ("/MemorySwap", "4294967296"),
        ("/OomKillDisable", "false"),
        ("/Devices", "null"),
        ("/Binds", "null"),
        ("/VolumesFrom", "null"),
        ("/PortBindings", "null"),
        ("/LogConfig/Type", r#""none""#),
        ("/RestartPolicy/Name", r#""no""#),
        ("/Mounts/0/Target", r#""/workspace""#),
        ("/Mounts/1", ""),
    ] {
        let found = host.pointer(path).map(|value| match value {
            // Engines report an empty value either as null or as an empty list or object.
            Value::Array(list) if list.is_empty() => "null".to_owned(),
            Value::Object(map) if map.is_empty() => "null".to_owned(),
            value => value.to_string(),
        });
        assert_eq!(found.unwrap_or_default(), expected, "{path}");
    }
    let user = shown[0]["Config"]["User"].as_str().unwrap();
    assert!(!user.starts_with("0:") && user != "0" && !user.is_empty(), "{user}");
    container.stop(Duration::ZERO).await.unwrap();
    runner.destroy(run).await.unwrap();
}

#[tokio::test]
async fn an_unencrypted_connection_to_a_remote_engine_must_be_permitted_explicitly() {
    // spec: X1
    let state = tempfile::tempdir().unwrap();
    let builder = || DockerRunner::builder(state.path()).host(Some("tcp://0.0.0.0:1".to_owned()));
    let refused = builder().build().unwrap().check().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert_eq!(refused.remedy(), Some(Remedy::PermitUnencryptedEngine), "{refused}");
    // The connection was attempted, although no engine listens there.
    let tried = builder().dangerously_unencrypted().build().unwrap().check().await.unwrap_err();
    assert_eq!(tried.kind(), ErrorKind::Unavailable, "{tried}");
}
