//! The exit codes of the program.

use std::process::ExitCode;

use ccc_core::Result;

use crate::output::{is_lost, say};
use crate::remedy::describe_in_lines;

/// The exit code of a command that ended without an error, but also without its intended result.
pub(crate) const NO_RESULT: u8 = 1;

/// The exit code of a command that failed with an error.
pub(crate) const ERROR: u8 = 2;

/// Returns the exit code for `done`, the result of a command. If `done` is an error, prints the
/// error to standard error. Events that could not be written are an error too.
pub(crate) fn of(done: Result<bool>) -> ExitCode {
    match done {
        Ok(_) if is_lost() => {
            say("error: cannot write all events to standard output");
            ExitCode::from(ERROR)
        }
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO_RESULT),
        Err(error) => {
            say(&describe_in_lines(&error));
            ExitCode::from(ERROR)
        }
    }
}
