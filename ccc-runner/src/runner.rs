//! Container runners, which execute the agent's programs in Docker containers or as ordinary
//! processes.

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
