//! The choice whether workspaces are mounted into containers or copied.

use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use ccc_core::{Clock, Error, ErrorKind, Result, RunId};

use crate::runner::docker::engine::{Engine, Image};
use crate::runner::docker::engine_error::{self, Attempt};
use crate::runner::docker::names::{KEEPER, container_name};
use crate::runner::docker::orphans;
use crate::runner::docker::settings::Workspaces;

/// The values with which [`mounts`] tests whether the engine sees the files of this host machine.
pub(crate) struct HostFilesTest<'a> {
    pub(crate) state_dir: &'a Path,
    pub(crate) owner: &'a str,
    pub(crate) clock: &'a dyn Clock,
}

/// Returns `true` if workspaces are mounted into containers, and `false` if they are copied. If
/// neither the settings nor the engine's properties decide this, the first call creates a container
/// from `image` to test whether the engine sees the files of this host machine. Later calls return
/// the result of the first call.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if no file can be created in the state directory; errors of the
/// engine.
pub(crate) async fn mounts(
    engine: &Engine,
    test: &HostFilesTest<'_>,
    image: &Image,
) -> Result<bool> {
    let mounts = engine.mounts.get_or_try_init(|| async {
        match engine.workspaces {
            Workspaces::Mounted => Ok(true),
            Workspaces::Copied => Ok(false),
            Workspaces::Auto => sees_host_files(engine, test, image).await,
        }
    });
    mounts.await.copied()
}

/// Returns whether the engine sees the files of this host machine. Creates a file in the state
/// directory and a container that mounts this directory. Then checks whether the file exists in the
/// container. The container never starts.
async fn sees_host_files(engine: &Engine, test: &HostFilesTest<'_>, image: &Image) -> Result<bool> {
    let run = RunId::new(test.clock.now())?;
    let marker = tempfile::Builder::new().prefix("marker-").tempfile_in(test.state_dir);
    let marker = marker.map_err(|e| {
        let line = format!(
            "cannot create a file in the state directory {}: {e}",
            test.state_dir.display()
        );
        Error::new(ErrorKind::Unavailable, line)
    })?;
    let marked = Path::new("/ours").join(marker.path().file_name().unwrap_or_default());
    let body = ContainerCreateBody {
        image: Some(image.id.clone()),
        // This command is never executed, but engines require a command.
        cmd: Some(vec![KEEPER.to_owned()]),
        // The labels name a run that does not exist. Therefore cleanup removes the container if
        // this process ends before it removes the container.
        labels: Some(orphans::labels(test.owner, run)),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            mounts: Some(vec![Mount {
                typ: Some(MountType::BIND),
                source: Some(test.state_dir.to_string_lossy().into_owned()),
                target: Some("/ours".to_owned()),
                read_only: Some(true),
                ..Mount::default()
            }]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let name = container_name(run);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = engine.docker.create_container(Some(options), body).await;
    let container = match created {
        Ok(container) => container,
        // The engine answered that the directory does not exist there.
        Err(refusal) if engine_error::answer(&refusal).is_some_and(|(status, _)| status == 400) => {
            return Ok(false);
        }
        Err(refusal) => {
            return Err(engine_error::error(
                "cannot create a container to test whether the engine sees the files of this host machine",
                refusal,
            ));
        }
    };
    let options =
        ContainerArchiveInfoOptionsBuilder::default().path(&marked.to_string_lossy()).build();
    let seen = engine.docker.get_container_archive_info(&container.id, Some(options)).await;
    let remove = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    let removed = engine.docker.remove_container(&container.id, Some(remove)).await;
    removed.attempt("cannot remove the container that tested whether the engine sees the files of this host machine")?;
    match seen {
        Ok(_) => Ok(true),
        Err(refusal) if engine_error::is_missing(&refusal) => Ok(false),
        Err(refusal) => Err(engine_error::error(
            "cannot check whether the engine sees the files of this host machine",
            refusal,
        )),
    }
}
