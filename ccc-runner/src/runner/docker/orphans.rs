//! Containers of runs on the engine: labels, listing and removal.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use jiff::SignedDuration;

use crate::runner::docker::engine_error::{self, Attempt};

/// The label with the name of the installation.
const OWNER_LABEL: &str = "dev.ccc.owner";
/// The label with the run's ID.
const RUN_LABEL: &str = "dev.ccc.run";
/// Time limit for the removal of a container, including retries.
const GONE_WITHIN: SignedDuration = SignedDuration::from_secs(40);
/// Interval between two checks whether a container was removed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Returns the labels of a run's container.
pub(crate) fn labels(owner: &str, run: RunId) -> HashMap<String, String> {
    HashMap::from([
        (OWNER_LABEL.to_owned(), owner.to_owned()),
        (RUN_LABEL.to_owned(), run.to_string()),
    ])
}

/// Removes a container of this installation with its volumes, and waits until it is removed.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if the container does not belong to this installation;
/// [`ErrorKind::Unexpected`] if it is not removed in time; errors of the engine.
pub(crate) async fn remove(
    docker: &Docker,
    name: &str,
    owner: &str,
    clock: &dyn Clock,
) -> Result<()> {
    let remove = || Some(RemoveContainerOptionsBuilder::default().force(true).v(true).build());
    let (begun, mut asked) = (clock.now(), false);
    loop {
        let late = clock.now().duration_since(begun) > GONE_WITHIN;
        match docker.inspect_container(name, None).await {
            Err(refusal) if engine_error::is_missing(&refusal) => return Ok(()),
            Err(refusal) => return Err(engine_error::error("cannot inspect a container", refusal)),
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                if labels.get(OWNER_LABEL).is_none_or(|found| found != owner) {
                    let line = format!(
                        "the container `{name}` does not belong to this installation: rename or remove it"
                    );
                    return Err(Error::new(ErrorKind::AlreadyExists, line));
                }
            }
        }
        // Most containers are removed at the first check after the first request.
        if asked && late {
            let line =
                format!("the container `{name}` was not removed in time: remove it on the engine");
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
                // Another request is already removing the container, or it is busy.
                Some((409 | 500, _)) if !late => {}
                _ => return Err(engine_error::error("cannot remove a container", refusal)),
            },
        }
    }
}

/// Returns the runs that have a container of this installation.
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
