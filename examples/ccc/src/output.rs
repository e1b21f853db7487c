//! Output of lines to standard output and standard error.

use std::io::Write as _;

/// Writes `line` to standard error. Write errors, such as a closed pipe, are ignored.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes `line`, a part of the command's result, to standard output. Write errors, such as a
/// closed pipe, are ignored.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
