#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use ccc_core::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::*;

/// Returns the body of the request that creates a container, as JSON. `change` modifies the inputs.
fn body(change: impl FnOnce(&mut ContainerSpec, &mut Isolation<'_>)) -> Result<Value> {
    let mut spec = ContainerSpec::new("/host/workspace");
    let placeholder = ContainerSpec::new("/");
    let mut isolation = Isolation {
        owner: "0123",
        run: RunId::new(SystemClock.now()).unwrap(),
        image_id: "sha256:abc",
        user: ContainerUser { uid: 10_001, gid: 10_001 },
        mounted: true,
        runtime: None,
        engine_milli_cpus: 4_000,
        spec: &placeholder,
    };
    change(&mut spec, &mut isolation);
    let body = container_body(&Isolation { spec: &spec, ..isolation })?;
    Ok(serde_json::to_value(body).unwrap())
}

fn check(
    change: impl FnOnce(&mut ContainerSpec, &mut Isolation<'_>),
    path: &str,
    expected: impl Into<Value>,
) {
    let body = body(change).unwrap();
    assert_eq!(*body.pointer(path).unwrap_or(&Value::Null), expected.into(), "{path}: {body:#}");
}

#[test]
fn every_container_has_every_isolation_setting() {
    // spec: X1, X3a
    let body = body(|_, _| {}).unwrap();
    for (path, expected) in [
        ("/Image", json!("sha256:abc")),
        ("/Entrypoint", json!(["/usr/local/bin/ccc-keeper"])),
        ("/Cmd/0", json!("keep")),
        ("/Env", json!([])),
        ("/User", json!("10001:10001")),
        ("/Labels/dev.ccc.owner", json!("0123")),
        ("/OpenStdin", json!(true)),
        ("/StdinOnce", json!(true)),
        ("/Tty", json!(false)),
        ("/StopSignal", json!("SIGTERM")),
        ("/Healthcheck/Test", json!(["NONE"])),
        ("/HostConfig/Init", json!(false)),
        ("/HostConfig/CapDrop", json!(["ALL"])),
        ("/HostConfig/CapAdd", Value::Null),
        ("/HostConfig/SecurityOpt", json!(["no-new-privileges"])),
        ("/HostConfig/Privileged", json!(false)),
        ("/HostConfig/ReadonlyRootfs", json!(true)),
        ("/HostConfig/NetworkMode", json!("none")),
        ("/HostConfig/PidMode", Value::Null),
        ("/HostConfig/UsernsMode", Value::Null),
        ("/HostConfig/IpcMode", json!("private")),
        ("/HostConfig/CgroupnsMode", json!("private")),
        ("/HostConfig/OomKillDisable", json!(false)),
        ("/HostConfig/Devices", Value::Null),
        ("/HostConfig/Binds", Value::Null),
        ("/HostConfig/VolumesFrom", Value::Null),
        ("/HostConfig/PortBindings", Value::Null),
        ("/HostConfig/LogConfig/Type", json!("none")),
        ("/HostConfig/RestartPolicy/Name", json!("no")),
        ("/HostConfig/Mounts/0/Target", json!("/workspace")),
        ("/HostConfig/Mounts/1", Value::Null),
    ] {
        assert_eq!(*body.pointer(path).unwrap_or(&Value::Null), expected, "{path}");
    }
}

#[test]
fn limits_are_those_of_the_specification_and_no_more_than_the_engine_has() {
    // spec: X2
    check(|spec, _| spec.resources.memory = 5 << 20, "/HostConfig/Memory", 5 << 20);
    // The value limits memory and swap together.
    check(|spec, _| spec.resources.memory = 5 << 20, "/HostConfig/MemorySwap", 5 << 20);
    let cpus = "/HostConfig/NanoCpus";
    check(|spec, _| spec.resources.milli_cpus = 1_500, cpus, 1_500_000_000_i64);
    check(|spec, _| spec.resources.milli_cpus = 64_000, cpus, 4_000_000_000_i64);
    check(|spec, _| spec.resources.milli_cpus = 0, cpus, 10_000_000);
    check(|spec, _| spec.resources.processes = 100, "/HostConfig/PidsLimit", 100);
    check(|spec, _| spec.resources.processes = 0, "/HostConfig/PidsLimit", 8);
    let limit = |name: &str, value: i64| json!({ "Name": name, "Soft": value, "Hard": value });
    let change = |spec: &mut ContainerSpec, _: &mut Isolation<'_>| {
        spec.resources.open_files = 7;
        spec.resources.workspace_bytes = u64::MAX;
    };
    let expected = [limit("core", 0), limit("nofile", 7), limit("fsize", i64::MAX)];
    check(change, "/HostConfig/Ulimits", expected.to_vec());
}

#[test]
fn the_keeper_gets_the_limits_that_the_engine_does_not_enforce() {
    // spec: X2, X3a
    for network in [Network::None, Network::ModelProxy] {
        let body = body(|spec, _| {
            spec.resources.workspace_bytes = 11;
            spec.resources.workspace_entries = 12;
            spec.network = network;
        });
        let body = body.unwrap();
        let keeper: KeeperConfig =
            serde_json::from_str(body.pointer("/Cmd/1").unwrap().as_str().unwrap()).unwrap();
        let expected = KeeperConfig {
            workspace: "/workspace".to_owned(),
            bytes: 11,
            entries: 12,
            directories: vec!["/tmp/home".to_owned()],
            filter: true,
            model: network == Network::ModelProxy,
        };
        assert_eq!(keeper, expected);
    }
}

#[test]
fn a_workspace_is_mounted_or_copied_into_an_anonymous_volume() {
    // spec: X1
    let mount = "/HostConfig/Mounts/0";
    let bind = json!({
        "Type": "bind", "Source": "/host/workspace", "Target": "/workspace",
        "BindOptions": { "Propagation": "rprivate" },
    });
    check(|_, _| {}, mount, bind);
    let volume = json!({ "Type": "volume", "Target": "/workspace" });
    check(|_, isolation| isolation.mounted = false, mount, volume);
    let odd = std::ffi::OsString::from_vec(vec![b'/', 0xff]);
    let unreadable = body(|spec, _| spec.workspace = Path::new(&odd).to_owned()).unwrap_err();
    assert_eq!(unreadable.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_runtime_is_passed_on_and_none_is_the_engines_default() {
    check(|_, _| {}, "/HostConfig/Runtime", Value::Null);
    check(|_, isolation| isolation.runtime = Some("runsc"), "/HostConfig/Runtime", "runsc");
}
