#![doc = include_str!("../README.md")]

mod command_agent;
mod output;
mod processes;
mod scripted_agent;
mod sessions;
mod subprocess;

pub use command_agent::CommandAgent;
pub use scripted_agent::ScriptedAgent;
pub use subprocess::SubprocessRunner;
