//! Commands that run a line of shell with `sh -c`.

use crate::container::{Command, Output};
use crate::testing::conformance::container_runner::Running;

/// Returns the command that runs `line` in a shell.
pub(super) fn sh(line: &str) -> Command {
    Command::new(["sh", "-c", line])
}

impl Running<'_> {
    pub(super) async fn sh(&self, line: &str) -> Output {
        self.run(sh(line)).await
    }
}
