//! The exit codes of the program.

use std::process::ExitCode;

use ccc_core::Result;

use crate::output::say;
use crate::remedy::describe_in_lines;

/// The exit code of a command that ended without an error, but also without its intended result.
pub(crate) const NO_RESULT: u8 = 1;

/// The exit code of a command that failed with an error.
pub(crate) const ERROR: u8 = 2;

/// Returns the exit code for `done`, the result of a command. If `done` is an error, prints the
/// error to standard error.
pub(crate) fn of(done: Result<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO_RESULT),
        Err(error) => {
            say(&describe_in_lines(&error));
            ExitCode::from(ERROR)
        }
    }
}
