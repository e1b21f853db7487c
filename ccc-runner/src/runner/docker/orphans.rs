//! Containers of runs on the engine: their labels, their search, and their removal.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use jiff::SignedDuration;

use crate::runner::docker::engine_error::{self, Attempt};

/// The label that has the name of the installation.
const OWNER_LABEL: &str = "dev.ccc.owner";
/// The label that has the run's id.
const RUN_LABEL: &str = "dev.ccc.run";
/// How long the removal of a container is retried.
const GONE_WITHIN: SignedDuration = SignedDuration::from_secs(40);
/// The interval between two checks whether a container is gone.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Returns the labels of a run's container.
pub(crate) fn labels(owner: &str, run: RunId) -> HashMap<String, String> {
    HashMap::from([
        (OWNER_LABEL.to_owned(), owner.to_owned()),
        (RUN_LABEL.to_owned(), run.to_string()),
    ])
}

/// Removes a container of this installation with its volumes, and waits until it is gone.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] when the container belongs to another installation;
/// [`ErrorKind::Unexpected`] when it is not gone in time; those of the engine.
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
            Err(refusal) => return Err(engine_error::error("cannot look at a container", refusal)),
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                if labels.get(OWNER_LABEL).is_none_or(|found| found != owner) {
                    let line = format!(
                        "there is a container `{name}` that is not ours: rename or remove it"
                    );
                    return Err(Error::new(ErrorKind::AlreadyExists, line));
                }
            }
        }
        // Most are gone at the first check after the first request.
        if asked && late {
            let line = format!("the container `{name}` does not go: see to it on the engine");
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
                // Another request removes it already, or it is busy for a moment.
                Some((409 | 500, _)) if !late => {}
                _ => return Err(engine_error::error("cannot remove a container", refusal)),
            },
        }
    }
}

/// Returns the runs of which this installation has a container.
///
/// # Errors
/// Those of the engine.
pub(crate) async fn runs(docker: &Docker, owner: &str) -> Result<Vec<RunId>> {
    let ours = format!("{OWNER_LABEL}={owner}");
    let filters = HashMap::from([("label", vec![ours.as_str()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await;
    let found = found.attempt("the engine does not list its containers")?;
    let runs = found
        .iter()
        .filter_map(|container| container.labels.as_ref()?.get(RUN_LABEL)?.parse::<RunId>().ok());
    let mut runs: Vec<RunId> = runs.collect();
    runs.sort_unstable();
    runs.dedup();
    Ok(runs)
}
