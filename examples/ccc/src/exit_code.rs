//! The exit codes of the program.

use std::process::ExitCode;

use ccc_core::Result;

use crate::output::say;
use crate::remedy::describe_in_lines;

/// The command ran, but did not have its intended result.
pub(crate) const NO_RESULT: u8 = 1;

/// The command failed with an error.
pub(crate) const ERROR: u8 = 2;

/// Returns the exit code for the result of a command, and prints its error.
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
