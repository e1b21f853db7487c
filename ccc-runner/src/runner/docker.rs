//! Runner that creates containers on a Docker engine.

mod archive;
mod attach;
mod builder;
mod container;
mod diagnostics;
mod engine;
mod engine_connection;
mod engine_error;
mod exit_reason;
mod isolation;
mod keeper_connection;
mod mounts;
mod names;
mod orphans;
mod owner;
mod runner;
mod settings;
mod start;
mod state;
mod unpack;

pub use builder::DockerRunnerBuilder;
pub use diagnostics::Finding;
pub use runner::DockerRunner;
pub use settings::Workspaces;
