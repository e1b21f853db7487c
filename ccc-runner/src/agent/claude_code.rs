//! Claude Code: its command, its output, and its verdict.

mod agent;
mod launch;
mod progress;
mod result_line;
mod transcript;
mod version;

pub use agent::ClaudeCode;
pub use launch::Permissions;
pub use transcript::Transcript;
