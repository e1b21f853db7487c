//! Agents: adapters for the programs that edit the workspace.

#[cfg(feature = "claude-code")]
pub(crate) mod claude_code;
#[cfg(feature = "command")]
pub(crate) mod command;
#[cfg(any(feature = "claude-code", feature = "command"))]
mod model_session;
#[cfg(feature = "scripted-agent")]
pub(crate) mod scripted;
