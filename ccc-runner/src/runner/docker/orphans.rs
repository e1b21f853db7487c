//! The containers of runs on the engine: their labels, their listing and their removal.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use jiff::SignedDuration;

use crate::runner::docker::engine_error::{self, Attempt};

/// The label whose value is the random name of the installation that created the container.
const OWNER_LABEL: &str = "dev.ccc.owner";
/// The label whose value is the ID of the container's run.
const RUN_LABEL: &str = "dev.ccc.run";
/// Time limit for the removal of a container, including retries.
const REMOVAL_TIMEOUT: SignedDuration = SignedDuration::from_secs(40);
/// Interval between two checks whether a container was removed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Returns the labels of the container of `run`. `owner` is the name of this installation.
pub(crate) fn labels(owner: &str, run: RunId) -> HashMap<String, String> {
    HashMap::from([
        (OWNER_LABEL.to_owned(), owner.to_owned()),
        (RUN_LABEL.to_owned(), run.to_string()),
    ])
}

/// Removes the container `name` and its anonymous volumes, and waits until the engine has removed
/// them. Does nothing if there is no such container. `owner` is the name of this installation.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if the container does not belong to this installation;
/// [`ErrorKind::Unexpected`] if the container is not removed within [`REMOVAL_TIMEOUT`]; errors of the
/// engine.
pub(crate) async fn remove(
    docker: &Docker,
    name: &str,
    owner: &str,
    clock: &dyn Clock,
) -> Result<()> {
    let remove = || Some(RemoveContainerOptionsBuilder::default().force(true).v(true).build());
    let (begun, mut asked) = (clock.now(), false);
    loop {
        let late = clock.now().duration_since(begun) > REMOVAL_TIMEOUT;
        match docker.inspect_container(name, None).await {
            Err(refusal) if engine_error::is_missing(&refusal) => return Ok(()),
            Err(refusal) => {
                let line = format!("cannot inspect the container `{name}`");
                return Err(engine_error::error(&line, refusal));
            }
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                if labels.get(OWNER_LABEL).is_none_or(|found| found != owner) {
                    let line = format!(
                        "the container `{name}` does not belong to this installation, but a run needs a container with this name: rename or remove the existing container"
                    );
                    return Err(Error::new(ErrorKind::AlreadyExists, line));
                }
            }
        }
        // The first check after the request does not wait, because the container is usually removed
        // by the time of that check.
        if asked && late {
            let line = format!(
                "the engine did not remove the container `{name}` within {} s: run `docker rm --force {name}` on the machine of the engine",
                REMOVAL_TIMEOUT.as_secs()
            );
            return Err(Error::new(ErrorKind::Unexpected, line));
        }
        if asked {
            clock.sleep(POLL_INTERVAL).await;
        }
        asked = true;
        match docker.remove_container(name, remove()).await {
            Ok(()) => {}
            Err(refusal) => match engine_error::answer(&refusal) {
                Some((404, _)) => return Ok(()),
                // Another request is already removing the container, or the container is busy.
                Some((409 | 500, _)) if !late => {}
                _ => {
                    let line = format!("cannot remove the container `{name}`");
                    return Err(engine_error::error(&line, refusal));
                }
            },
        }
    }
}

/// Returns the runs whose containers belong to the installation `owner`, sorted and without
/// duplicates.
///
/// # Errors
/// Errors of the engine.
pub(crate) async fn runs(docker: &Docker, owner: &str) -> Result<Vec<RunId>> {
    let ours = format!("{OWNER_LABEL}={owner}");
    let filters = HashMap::from([("label", vec![ours.as_str()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await;
    let found = found.attempt("cannot list the engine's containers")?;
    let runs = found
        .iter()
        .filter_map(|container| container.labels.as_ref()?.get(RUN_LABEL)?.parse::<RunId>().ok());
    let mut runs: Vec<RunId> = runs.collect();
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}
