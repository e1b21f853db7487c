//! The program's lines on standard output and standard error.

use std::io::Write as _;

/// Writes a line to standard error. A reader that has gone away is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes a line of a result to standard output. A reader that has gone away is no error.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
