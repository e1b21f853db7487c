//! The settings of a Docker runner.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bollard::models::ContainerCreateBody;

use crate::egress::rules::EgressRules;

/// The method by which a workspace gets into its container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workspaces {
    /// The workspace is mounted if the engine can mount it correctly, and copied otherwise. The
    /// engine can mount it if the runner reaches the engine through a Unix socket, and the engine
    /// sees the files of this host machine and does not map UIDs.
    #[default]
    Auto,
    /// The workspace is mounted from the host machine.
    Mounted,
    /// The workspace is copied as a tar archive: into the container before the container starts,
    /// and back to the host machine after the container has stopped.
    Copied,
}

/// The settings of a [`DockerRunner`](crate::DockerRunner).
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) state_dir: PathBuf,
    pub(crate) host: Option<String>,
    pub(crate) unencrypted: bool,
    pub(crate) image: String,
    pub(crate) runtime: Option<String>,
    pub(crate) workspaces: Workspaces,
    pub(crate) model_proxy: Option<SocketAddr>,
    pub(crate) egress: EgressRules,
    /// A change to the isolation of every container (feature `dangerous-container-body`), or `None`
    /// for the standard isolation.
    pub(crate) alteration: Option<Alteration>,
}

type Alter = dyn Fn(&mut ContainerCreateBody) + Send + Sync;

/// A change to the isolation of containers, and the reason for the change. The reason is logged.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "dangerous-container-body"),
    allow(dead_code, reason = "only this feature constructs the type")
)]
pub(crate) struct Alteration {
    pub(crate) why: String,
    pub(crate) change: Arc<Alter>,
}

impl std::fmt::Debug for Alteration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Alteration").field(&self.why).finish()
    }
}
