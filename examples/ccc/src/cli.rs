//! The command line.

use std::process::ExitCode;

use clap::Parser;

use crate::command::Command;
use crate::output::say;
use crate::remedy::describe_in_lines;

/// An issue is opened; minutes later there is a pull request, or a comment that says why not.
#[derive(Debug, Parser)]
#[command(name = "ccc", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Runs the command. Returns the exit status: 0 on success, 1 when the command ran without the
    /// result that it is for, 2 on an error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // An agent's programs may run as the same user. They must not read the environment and the
        // memory of this process in /proc, where credentials are. Only root still can; and no core
        // is dumped (spec: S6e).
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                say(&format!("error: cannot start: {e}"));
                return ExitCode::from(2);
            }
        };
        let done = runtime.block_on(self.command.run());
        // A thread that hangs in a system call must not keep the program alive.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                say(&describe_in_lines(&error));
                ExitCode::from(2)
            }
        }
    }
}
