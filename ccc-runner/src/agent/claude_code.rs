//! The Claude Code agent: command line, output parsing and verdict.

mod agent;
mod launch;
mod progress;
mod result_line;
mod transcript;
mod version;

pub use agent::ClaudeCode;
pub use launch::Permissions;
pub use transcript::Transcript;
