//! Creation and start of a container. The start is complete when the keeper, the container's first
//! process, has sent its greeting.

use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use ccc_core::container::ContainerSpec;
use ccc_core::{CancellationToken, Clock, Error, ErrorKind, Remedy, Result, RunId};
use ccc_keeper::PROTOCOL;

use crate::runner::container_user::{AGENT_UID, ContainerUser, chown_tree};
use crate::runner::docker::archive;
use crate::runner::docker::attach::attach;
use crate::runner::docker::container::{DockerContainer, Setup};
use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_error::{self, Attempt};
use crate::runner::docker::isolation::{Isolation, container_body};
use crate::runner::docker::mounts::mounts;
use crate::runner::docker::names::{KEEPER, container_name};
use crate::runner::docker::orphans;
use crate::runner::docker::state::Shared;

/// Time limit for the keeper of a started container to send its greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(60);

/// Creates and starts the container of `run` as `spec` specifies. Stops early when `cancel` is
/// cancelled.
///
/// # Errors
/// - Errors of the engine.
/// - [`ErrorKind::Cancelled`] if `cancel` is cancelled before the container is ready.
/// - [`ErrorKind::InvalidInput`] if the image has no keeper.
/// - [`ErrorKind::Unsupported`] if the keeper does not use the protocol version [`PROTOCOL`], or if
///   the engine does not enforce the limits on memory and processes.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    run: RunId,
    spec: &ContainerSpec,
    cancel: &CancellationToken,
) -> Result<DockerContainer> {
    let cancelled = || {
        Error::new(
            ErrorKind::Cancelled,
            "the container was destroyed before its start was complete",
        )
    };
    let (engine, name) = (shared.engine().await?, container_name(run));
    engine.check_fit()?;
    let image = engine.image(spec.image.as_deref().unwrap_or(&shared.settings.image)).await?;
    let mounted = mounts(engine, &shared.host_files_test(), &image).await?;
    let user = container_user(mounted);
    if mounted && rustix::process::geteuid().is_root() {
        chown_tree(spec.workspace.clone(), user).await?;
    }
    let mut body = container_body(&Isolation {
        owner: &shared.owner,
        run,
        image_id: &image.id,
        user,
        mounted,
        runtime: shared.settings.runtime.as_deref(),
        engine_milli_cpus: engine.milli_cpus,
        spec,
    })?;
    if let Some(alteration) = &shared.settings.alteration {
        tracing::warn!(why = %alteration.why, %run, "this container does not have the standard isolation, because a setting of the runner changes the isolation");
        (alteration.change)(&mut body);
    }
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    // Not cancellable, because `destroy` must find the container.
    create(engine, &name, body, &shared.owner, &*shared.clock).await?;
    let setup = Setup { run, spec: spec.clone(), image, mounted };
    tokio::select! {
        up = bring_up(shared, engine, setup, user) => up,
        () = cancel.cancelled() => Err(cancelled()),
    }
}

/// Starts the created container and waits for the keeper's greeting. If the workspace is not
/// mounted, copies the workspace into the container before the start. The caller can drop the
/// future at any time, because `destroy` finds the container by its name and removes it.
async fn bring_up(
    shared: &Arc<Shared>,
    engine: &Engine,
    setup: Setup,
    user: ContainerUser,
) -> Result<DockerContainer> {
    let Setup { run, spec, image, mounted } = &setup;
    let name = container_name(*run);
    if !mounted {
        archive::check_workspace(engine, &name, user).await?;
        archive::copy_in(engine, &name, &spec.workspace, user).await?;
    }
    let mut connection = attach(shared, engine, *run, spec).await?;
    let started = engine.docker.start_container(&name, None).await;
    started.map_err(|refusal| not_started(&image.id, refusal))?;
    let greeted = tokio::select! {
        greeted = connection.hello() => greeted,
        () = shared.clock.sleep(GREETING_TIMEOUT) => None,
    };
    let hello = greeted.ok_or_else(|| no_answer(&image.id, &connection.stderr()))?;
    if hello.protocol != PROTOCOL {
        return Err(incompatible_keeper(&format!(
            "the keeper uses protocol version {}, but this program uses version {PROTOCOL}",
            hello.protocol
        )));
    }
    // The kernel of another container runtime may not report the limits.
    let ours = shared.settings.runtime.is_none() && shared.settings.alteration.is_none();
    if ours && !hello.limited {
        let line = "the container engine does not enforce limits on memory and processes: if the engine is rootless, \
                    use cgroups of version 2 and delegate them to the user that runs the engine";
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    Ok(DockerContainer::new(Arc::clone(shared), setup, connection))
}

/// Returns the error for a container that sent no greeting. `error_output` is the keeper's standard
/// error.
fn no_answer(image: &str, error_output: &str) -> Error {
    let error_output = ccc_core::untrusted_text::one_line(error_output, 300);
    if lacks_keeper(&error_output) {
        return no_keeper(image);
    }
    if error_output.starts_with("ccc-keeper: ") {
        return incompatible_keeper(&error_output);
    }
    let line = format!(
        "the container started, but its ccc-keeper sent no greeting; error output: \"{error_output}\""
    );
    Error::new(ErrorKind::Unavailable, line)
}

fn incompatible_keeper(reason: &str) -> Error {
    let line = format!(
        "the ccc-keeper in the image is not compatible with this program ({reason}): build the image again"
    );
    Error::new(ErrorKind::Unsupported, line).with_remedy(Remedy::BuildImage)
}

fn not_started(image: &str, refusal: bollard::errors::Error) -> Error {
    if engine_error::answer(&refusal).is_some_and(|(_, message)| lacks_keeper(message)) {
        return no_keeper(image);
    }
    engine_error::error(&format!("cannot start a container of the image {image}"), refusal)
}

/// Returns whether the message of an engine, a runtime or a container's first process reports that
/// the keeper is missing.
fn lacks_keeper(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("ccc-keeper")
        && (message.contains("no such file") || message.contains("not found"))
}

fn no_keeper(image: &str) -> Error {
    let line = format!(
        "the image {image} has no file {KEEPER}: build the image FROM ccc-agent, or copy this file from the image ccc-agent"
    );
    // No remedy: the operator built this image, so this program cannot build it.
    Error::new(ErrorKind::InvalidInput, line)
}

/// Returns the user for a container's programs. If the workspace is mounted and this process is not
/// root, returns the user of this process, because that user owns the workspace. Otherwise, returns
/// the user [`AGENT_UID`], who becomes the owner of the workspace.
fn container_user(mounted: bool) -> ContainerUser {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    if mounted && !uid.is_root() {
        return ContainerUser { uid: uid.as_raw(), gid: gid.as_raw() };
    }
    ContainerUser { uid: AGENT_UID, gid: AGENT_UID }
}

/// Creates the container `name`. If this installation already has a container with the same name,
/// removes that container first.
async fn create(
    engine: &Engine,
    name: &str,
    body: ContainerCreateBody,
    owner: &str,
    clock: &dyn Clock,
) -> Result<()> {
    let options = || Some(CreateContainerOptionsBuilder::default().name(name).build());
    // Use a long timeout: the engine's disk may be slow, and a second request would find the name
    // in use.
    let docker = engine.with_long_timeout();
    let first = docker.create_container(options(), body.clone()).await;
    let taken = first.as_ref().is_err_and(|refusal| {
        engine_error::answer(refusal).is_some_and(|(status, _)| status == 409)
    });
    let created = if taken {
        orphans::remove(&engine.docker, name, owner, clock).await?;
        docker.create_container(options(), body).await
    } else {
        first
    };
    created.attempt(&format!("cannot create the container `{name}`")).map(drop)
}
