//! Isolation settings of a container (spec: X1, X2, X3a), as the body of the Docker API request
//! that creates the container.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use ccc_core::container::{ContainerSpec, Network, Resources};
use ccc_core::{Error, ErrorKind, Result, RunId};
use ccc_keeper::KeeperConfig;

use crate::runner::container_user::ContainerUser;
use crate::runner::docker::names::{HOME, KEEPER, WORKSPACE};
use crate::runner::docker::orphans;

/// The values from which [`container_body`] computes the request for a run's container.
#[derive(Debug)]
pub(crate) struct Isolation<'a> {
    /// The random name of this installation of the service. A label of the container contains this
    /// name.
    pub(crate) owner: &'a str,
    pub(crate) run: RunId,
    pub(crate) image_id: &'a str,
    pub(crate) user: ContainerUser,
    /// Whether the workspace is mounted from the host machine. If not, it is copied into the
    /// container.
    pub(crate) mounted: bool,
    /// The name of the container runtime; `None` selects the engine's default runtime.
    pub(crate) runtime: Option<&'a str>,
    /// The processor capacity of the engine's machine, in milli-CPUs (1,000 for each processor).
    pub(crate) engine_milli_cpus: u32,
    pub(crate) spec: &'a ContainerSpec,
}

/// Returns the body of the Docker API request that creates the container.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if the workspace is mounted and its path is not UTF-8.
pub(crate) fn container_body(isolation: &Isolation<'_>) -> Result<ContainerCreateBody> {
    let resources = &isolation.spec.resources;
    let keeper = KeeperConfig {
        workspace: WORKSPACE.to_owned(),
        bytes: resources.workspace_bytes,
        entries: resources.workspace_entries,
        directories: vec![HOME.to_owned()],
        filter: true,
        model: isolation.spec.network == Network::ModelProxy,
    };
    let keeper = serde_json::to_string(&keeper).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "cannot convert the keeper's configuration to JSON")
            .with_source(e)
    })?;
    Ok(ContainerCreateBody {
        image: Some(isolation.image_id.to_owned()),
        entrypoint: Some(vec![KEEPER.to_owned()]),
        cmd: Some(vec!["keep".to_owned(), keeper]),
        // Each program receives its environment when it starts, so that the engine's description of
        // the container does not show it.
        env: Some(Vec::new()),
        user: Some(format!("{}:{}", isolation.user.uid, isolation.user.gid)),
        working_dir: Some("/".to_owned()),
        labels: Some(orphans::labels(isolation.owner, isolation.run)),
        open_stdin: Some(true),
        // When this process disconnects, standard input ends, and then the keeper ends.
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        // The stop signal and the health check override the image's values.
        stop_signal: Some("SIGTERM".to_owned()),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host_config(isolation)?),
        ..ContainerCreateBody::default()
    })
}

fn host_config(isolation: &Isolation<'_>) -> Result<HostConfig> {
    let Resources { memory, milli_cpus, processes, open_files, workspace_bytes, .. } =
        isolation.spec.resources;
    let (memory, workspace_bytes) = (signed(memory), signed(workspace_bytes));
    let limit = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    Ok(HostConfig {
        runtime: isolation.runtime.map(str::to_owned),
        // The keeper is the first process. The engine's init process would have the agent's user,
        // and every program could take over the connection between the init process and this
        // process.
        init: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        readonly_rootfs: Some(true),
        network_mode: Some("none".to_owned()),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        memory: Some(memory),
        // This limits memory and swap together, so containers have no swap.
        memory_swap: Some(memory),
        oom_kill_disable: Some(false),
        // An engine rejects more processors than its machine has.
        nano_cpus: Some(i64::from(milli_cpus.min(isolation.engine_milli_cpus).max(10)) * 1_000_000),
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
        mounts: Some(vec![workspace(isolation)?]),
        // Standard output carries the tunnel and must not be logged.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        ..HostConfig::default()
    })
}

fn workspace(isolation: &Isolation<'_>) -> Result<Mount> {
    let mut mount = Mount { target: Some(WORKSPACE.to_owned()), ..Mount::default() };
    if isolation.mounted {
        let source = isolation.spec.workspace.to_str().ok_or_else(|| {
            let line = "the path of the workspace is not UTF-8, but the container engine accepts only UTF-8: \
                        choose a data directory with a path in UTF-8";
            Error::new(ErrorKind::InvalidInput, line)
        })?;
        mount.typ = Some(MountType::BIND);
        mount.source = Some(source.to_owned());
        mount.bind_options = Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        });
    } else {
        // An anonymous volume is removed with the container.
        mount.typ = Some(MountType::VOLUME);
    }
    Ok(mount)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
