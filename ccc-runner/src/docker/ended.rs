//! Why a container ended.

use std::io;
use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result};
use ccc_keeper::Breach;

use super::fault::{self, Attempt};
use super::inside::DockerContainer;
use super::name;
use crate::breach;

/// How long the engine may take to notice that a container has ended.
const NOTICES_WITHIN: Duration = Duration::from_secs(10);

impl DockerContainer {
    /// Why a program's stream broke.
    pub(super) async fn why_gone(&self, broken: &io::Error) -> Error {
        let looked = tokio::select! {
            looked = self.look() => looked,
            () = self.shared.clock.sleep(NOTICES_WITHIN) => Ok(None),
        };
        let resources = &self.spec.resources;
        match looked {
            Err(error) => error,
            Ok(Some((_, true))) => {
                let line =
                    format!("the container used up its memory, {} MiB", resources.memory >> 20);
                Error::new(ErrorKind::LimitExceeded, line)
            }
            Ok(Some((status, false))) => match Breach::from_status(status) {
                Some(breach) => breach::error(breach, resources),
                None => Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "the container ended, with exit status {status}, while a program ran in it"
                    ),
                ),
            },
            Ok(None) => Error::new(
                ErrorKind::Unavailable,
                format!("lost the connection to the container: {broken}"),
            ),
        }
    }

    /// The exit code of the container, and whether its memory was used up, once it has ended.
    async fn look(&self) -> Result<Option<(i64, bool)>> {
        let docker = &self.shared.engine().await?.docker;
        loop {
            let found = match docker.inspect_container(&name(self.run), None).await {
                Err(refusal) if fault::is_missing(&refusal) => {
                    let line = "the container was removed while a program ran in it";
                    return Err(Error::new(ErrorKind::Unavailable, line));
                }
                found => found.attempt("lost the container")?,
            };
            let state = found.state.unwrap_or_default();
            if state.running != Some(true) {
                let oom = state.oom_killed == Some(true);
                return Ok(Some((
                    state.exit_code.unwrap_or(-1),
                    oom && state.exit_code == Some(137),
                )));
            }
            self.shared.clock.sleep(Duration::from_millis(20)).await;
        }
    }
}
