//! Output of lines to standard output and standard error.

use std::io::Write as _;

/// Writes a line to standard error. Ignores errors, such as a closed pipe.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes a line of a result to standard output. Ignores errors, such as a closed pipe.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
