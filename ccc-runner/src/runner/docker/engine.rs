//! The engine and its images.

use std::time::Duration;

use bollard::Docker;
use ccc_core::{Clock, Error, ErrorKind, Remedy, Result};
use futures_util::StreamExt;
use tokio::sync::OnceCell;

use crate::runner::docker::engine_error;
use crate::runner::docker::settings::Workspaces;

/// Time limit for a request whose duration depends on the workspace or on the agent's programs.
const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Maximum wait for a container to end by itself after the connection to its keeper was closed.
const ENDS_WITHIN: Duration = Duration::from_millis(200);

/// A connection to a container engine of a supported version, and the properties of the engine.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    /// Whether the engine could be on another machine. The value is `false` only for an engine that
    /// is reached over a Unix socket.
    pub(crate) is_remote: bool,
    /// Whether the engine cannot limit the swap of containers. A container can then use more memory
    /// than its memory limit.
    pub(crate) swaps: bool,
    /// The reason why containers are not permitted to start on this engine, or `None` if they are
    /// permitted to start.
    pub(crate) unfit: Option<String>,
    /// The method by which workspaces get into containers. With `Auto`, the runner tests the engine
    /// and chooses the method from the result.
    pub(crate) workspaces: Workspaces,
    /// Whether workspaces are mounted rather than copied. The value is determined at the first
    /// start of a container.
    pub(crate) mounts: OnceCell<bool>,
    /// The processor capacity of the engine's machine, in milli-CPUs (1,000 for each processor).
    pub(crate) milli_cpus: u32,
}

/// An image on the engine.
#[derive(Debug)]
pub(crate) struct Image {
    /// The ID of the image. Containers are created by this ID, so that they use exactly the image
    /// that was inspected.
    pub(crate) id: String,
    /// The environment variables that the image defines for programs.
    pub(crate) env: Vec<(String, String)>,
}

impl Engine {
    /// Returns a client of the engine. A request of this client times out after [`LONG_TIMEOUT`].
    pub(crate) fn with_long_timeout(&self) -> Docker {
        self.docker.clone().with_timeout(LONG_TIMEOUT)
    }

    /// Checks that containers are permitted to start on this engine. The removal of containers does
    /// not need this check.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the engine cannot isolate containers.
    pub(crate) fn check_fit(&self) -> Result<()> {
        match &self.unfit {
            None => Ok(()),
            Some(why) => Err(Error::new(ErrorKind::Unsupported, why.clone())),
        }
    }

    /// Inspects the image `name`. Never pulls an image, because the operator decides which images
    /// are used.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the engine lacks the image; [`ErrorKind::InvalidInput`] if the
    /// image declares volumes; errors of the engine.
    pub(crate) async fn image(&self, name: &str) -> Result<Image> {
        let inspected = self.docker.inspect_image(name).await.map_err(|refusal| {
            if engine_error::is_missing(&refusal) {
                let line = format!(
                    "there is no image `{name}` on the container engine: build or pull the image"
                );
                return Error::new(ErrorKind::NotFound, line).with_remedy(Remedy::BuildImage);
            }
            engine_error::error(&format!("cannot inspect the image `{name}`"), refusal)
        })?;
        let config = inspected.config.unwrap_or_default();
        if let Some(volumes) = config.volumes.filter(|volumes| !volumes.is_empty()) {
            // A volume would use the engine's disk without a limit.
            let line = format!(
                "the image `{name}` declares volumes ({}), whose size is not limited: build the image without VOLUME",
                ccc_core::untrusted_text::one_line(&volumes.join(", "), 100)
            );
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let env = config.env.unwrap_or_default();
        let env = env.iter().filter_map(|variable| variable.split_once('='));
        Ok(Image {
            id: inspected.id.unwrap_or_else(|| name.to_owned()),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }

    /// Waits until the container `name` has ended by itself, but at most for [`ENDS_WITHIN`]. The
    /// maximum is short, because killing the container is likely to be faster than a longer wait.
    pub(crate) async fn wait_for_end(&self, name: &str, clock: &dyn Clock) {
        let mut ended = self.docker.wait_container(name, None);
        tokio::select! {
            _ = ended.next() => {}
            () = clock.sleep(ENDS_WITHIN) => {}
        }
    }
}
