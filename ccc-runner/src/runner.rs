//! Container runners, which start and end the agent's processes.

#[cfg(any(feature = "docker", feature = "subprocess"))]
mod container_user;
#[cfg(feature = "docker")]
pub(crate) mod docker;
#[cfg(any(feature = "docker", feature = "subprocess"))]
mod limit_breach;
#[cfg(any(feature = "docker", feature = "subprocess"))]
mod output;
#[cfg(feature = "subprocess")]
pub(crate) mod subprocess;
#[cfg(any(feature = "docker", feature = "subprocess"))]
mod workspace;
