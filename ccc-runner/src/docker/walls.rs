//! What a container is like: the walls (spec: X1, X2, X3a).

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use ccc_core::container::{ContainerSpec, Network, Resources};
use ccc_core::{Error, ErrorKind, Result, RunId};
use ccc_keeper::Keep;

use super::engine::{Engine, Image};
use super::{OWNER_LABEL, RUN_LABEL, Shared};
use crate::user::AGENT_USER;

/// Where the workspace is.
pub(super) const WORKSPACE: &str = "/workspace";
/// Where the programs' home is: in memory, and gone with the container.
pub(super) const HOME: &str = "/tmp/home";
/// The program that every container is started with.
pub(super) const KEEPER: &str = "/usr/local/bin/ccc-keeper";

/// Who a container's programs are, as numbers: never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// Where files are mounted they must be theirs: root gives them away, everybody else shares.
    pub(super) fn of(mounts: bool) -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if mounts && !uid.is_root() {
            return Self { uid: uid.as_raw(), gid: gid.as_raw() };
        }
        Self { uid: AGENT_USER, gid: AGENT_USER }
    }
}

/// The container for a run, as the engine is to make it.
pub(super) fn body(
    shared: &Shared,
    engine: &Engine,
    (image, mounts): (&Image, bool),
    run: RunId,
    spec: &ContainerSpec,
) -> Result<ContainerCreateBody> {
    let (settings, resources, user) = (&shared.settings, &spec.resources, User::of(mounts));
    let keep = Keep {
        workspace: WORKSPACE.to_owned(),
        bytes: resources.workspace_bytes,
        entries: resources.workspace_entries,
        directories: vec![HOME.to_owned()],
        filter: true,
        model: spec.network == Network::ModelProxy,
    };
    let keep = serde_json::to_string(&keep).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "cannot write the keeper's orders").with_source(e)
    })?;
    let mut body = ContainerCreateBody {
        image: Some(image.id.clone()),
        entrypoint: Some(vec![KEEPER.to_owned()]),
        cmd: Some(vec!["keep".to_owned(), keep]),
        // What a program gets comes with the program: nothing stands in the container's own description.
        env: Some(Vec::new()),
        user: Some(format!("{}:{}", user.uid, user.gid)),
        working_dir: Some("/".to_owned()),
        labels: Some(HashMap::from([
            (OWNER_LABEL.to_owned(), shared.owner.clone()),
            (RUN_LABEL.to_owned(), run.to_string()),
        ])),
        open_stdin: Some(true),
        // The end of its host is the end of its input, and then its own.
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        // Whatever the image says of them.
        stop_signal: Some("SIGTERM".to_owned()),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host_config(engine, mounts, spec, settings.runtime.clone())?),
        ..ContainerCreateBody::default()
    };
    if let Some(altered) = &settings.altered {
        tracing::warn!(why = %altered.why, %run, "this container is not as safe as it could be");
        (altered.change)(&mut body);
    }
    Ok(body)
}

fn host_config(
    engine: &Engine,
    mounts: bool,
    spec: &ContainerSpec,
    runtime: Option<String>,
) -> Result<HostConfig> {
    let Resources { memory, milli_cpus, processes, open_files, workspace_bytes, .. } =
        spec.resources;
    let (memory, workspace_bytes) = (signed(memory), signed(workspace_bytes));
    let limit = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    Ok(HostConfig {
        runtime,
        // The keeper is the first process itself, and does what one has to do. The engine's own would be of the
        // agent's user, and hold the way to the host where every program can take it.
        init: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        readonly_rootfs: Some(true),
        network_mode: Some("none".to_owned()),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        memory: Some(memory),
        // The same: no swap beside it.
        memory_swap: Some(memory),
        oom_kill_disable: Some(false),
        // An engine refuses more than it has.
        nano_cpus: Some(i64::from(milli_cpus.min(engine.milli_cpus).max(10)) * 1_000_000),
        pids_limit: Some(i64::from(processes.max(8))),
        ulimits: Some(vec![
            limit("core", 0),
            limit("nofile", i64::from(open_files)),
            limit("fsize", workspace_bytes),
        ]),
        tmpfs: Some(HashMap::from([(
            "/tmp".to_owned(),
            "rw,exec,nosuid,nodev,mode=1777,size=1g,nr_inodes=200k".to_owned(),
        )])),
        shm_size: Some(64 << 20),
        mounts: Some(vec![workspace(mounts, spec)?]),
        // Its output is the tunnel.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        ..HostConfig::default()
    })
}

fn workspace(mounts: bool, spec: &ContainerSpec) -> Result<Mount> {
    let mut mount = Mount { target: Some(WORKSPACE.to_owned()), ..Mount::default() };
    if mounts {
        let source = spec.workspace.to_str().ok_or_else(|| {
            let line = "the engine takes only paths that are UTF-8";
            Error::new(ErrorKind::InvalidInput, line)
        })?;
        mount.typ = Some(MountType::BIND);
        mount.source = Some(source.to_owned());
        mount.bind_options = Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        });
    } else {
        // Without a name: it goes with the container.
        mount.typ = Some(MountType::VOLUME);
    }
    Ok(mount)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
