//! The reason why a container ended.

use std::io;
use std::time::Duration;

use ccc_core::container::Resources;
use ccc_core::{Error, ErrorKind, Result, RunId};
use ccc_keeper::LimitBreach;

use crate::runner::docker::engine_error::{self, Attempt};
use crate::runner::docker::names::container_name;
use crate::runner::docker::state::Shared;
use crate::runner::limit_breach;

/// Time limit for the engine to notice that a container has ended.
const NOTICES_WITHIN: Duration = Duration::from_secs(10);

/// The exit status of a container, and whether the container ran out of memory.
struct Exit {
    status: i64,
    /// Whether the kernel killed the container because the container ran out of memory.
    out_of_memory: bool,
}

/// Returns the error that explains why the connection to a program in the container of `run` broke.
/// `broken` is the error of that connection.
pub(crate) async fn exit_error(
    shared: &Shared,
    run: RunId,
    resources: &Resources,
    broken: &io::Error,
) -> Error {
    let found = tokio::select! {
        found = wait_for_exit(shared, run) => found,
        () = shared.clock.sleep(NOTICES_WITHIN) => Ok(None),
    };
    match found {
        Err(error) => error,
        Ok(Some(Exit { out_of_memory: true, .. })) => {
            let line =
                format!("the container ran out of memory (limit: {} MiB)", resources.memory >> 20);
            Error::new(ErrorKind::LimitExceeded, line)
        }
        Ok(Some(Exit { status, .. })) => match LimitBreach::from_status(status) {
            Some(breach) => limit_breach::error(breach, resources),
            None => Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the container ended with exit status {status} during the execution of a program"
                ),
            ),
        },
        Ok(None) => Error::new(
            ErrorKind::Unavailable,
            format!("lost the connection to the container: {broken}"),
        ),
    }
}

/// Waits until the container of `run` has ended, and returns the container's exit status. The
/// result is never `None`: the caller uses `None` if this wait takes longer than
/// [`NOTICES_WITHIN`].
async fn wait_for_exit(shared: &Shared, run: RunId) -> Result<Option<Exit>> {
    let docker = &shared.engine().await?.docker;
    loop {
        let found = match docker.inspect_container(&container_name(run), None).await {
            Err(refusal) if engine_error::is_missing(&refusal) => {
                let line = "the container was removed during the execution of a program";
                return Err(Error::new(ErrorKind::Unavailable, line));
            }
            found => {
                let name = container_name(run);
                found.attempt(&format!("cannot inspect the container `{name}`"))?
            }
        };
        let state = found.state.unwrap_or_default();
        if state.running != Some(true) {
            let killed = state.oom_killed == Some(true) && state.exit_code == Some(137);
            let status = state.exit_code.unwrap_or(-1);
            return Ok(Some(Exit { status, out_of_memory: killed }));
        }
        shared.clock.sleep(Duration::from_millis(20)).await;
    }
}
