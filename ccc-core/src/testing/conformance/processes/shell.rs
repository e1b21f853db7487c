//! Commands that execute a shell command line with `sh -c`.

use crate::container::{Command, Output};
use crate::testing::conformance::container_runner::Running;

/// Returns the command that executes `line` with `sh -c`.
pub(super) fn sh(line: &str) -> Command {
    Command::new(["sh", "-c", line])
}

impl Running<'_> {
    pub(super) async fn sh(&self, line: &str) -> Output {
        self.run(sh(line)).await
    }
}
