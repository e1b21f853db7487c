//! Runner that creates containers on a Docker engine.

mod archive;
mod attach;
mod builder;
mod connect;
mod connection;
mod container;
mod diagnostics;
mod engine;
mod exit_reason;
mod fault;
mod isolation;
mod layout;
mod mounts;
mod orphans;
mod owner;
mod runner;
mod settings;
mod shared;
mod start;
mod unpack;

pub use builder::DockerRunnerBuilder;
pub use diagnostics::Finding;
pub use runner::DockerRunner;
pub use settings::Workspaces;
