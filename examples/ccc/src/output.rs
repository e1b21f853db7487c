//! Output of lines to standard output and standard error.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use ccc_core::untrusted_text::without_control_sequences;
use ccc_core::{Error, ErrorKind, Result};

/// Whether a line for standard output was lost, because it could not be written.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Writes `line` to standard error, as [`for_terminal`] returns it. Write errors, such as a closed
/// pipe, are ignored.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", for_terminal(line));
}

/// Writes `line`, a part of the command's result, to standard output, as [`for_terminal`] returns it.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the line cannot be written, for example because a disk is full or the
/// reader of a pipe has ended.
pub(crate) fn print(line: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{}", for_terminal(line)).and_then(|()| output.flush()).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot write the result to standard output")
            .with_source(e)
    })
}

/// Writes `line` as [`print`] does, in a place that cannot return an error. The command then ends with
/// an error.
pub(crate) fn print_event(line: &str) {
    if print(line).is_err() {
        IS_LOST.store(true, Ordering::Relaxed);
    }
}

/// Returns whether [`print_event`] lost a line.
pub(crate) fn is_lost() -> bool {
    IS_LOST.load(Ordering::Relaxed)
}

/// Returns `text` without control sequences, and with a replacement character in place of every other
/// character that controls a terminal or changes the order of the displayed text. Line breaks and tabs
/// stay.
pub(crate) fn for_terminal(text: &str) -> String {
    let shown = |c: char| if is_control(c) { char::REPLACEMENT_CHARACTER } else { c };
    let text = without_control_sequences(text);
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { shown(c) }).collect()
}

/// Returns the JSON text `json` with escape sequences in place of characters that control a terminal.
/// In JSON, only strings contain such characters.
pub(crate) fn json_for_terminal(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_control(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_controls_a_terminal() {
        // spec: X13d
        let text = "a\u{1b}]0;title\u{7}b\u{1b}[2J\tc\n\u{9b}1md 1 %\r2 %";
        assert_eq!(for_terminal(text), "ab\tc\n2 %");
        assert_eq!(for_terminal("d\u{7}\u{202e}e"), "d\u{fffd}\u{fffd}e");
        let json = "\"\\u001b\u{9b}\u{202e}\\n\u{7f}e\"";
        assert_eq!(json_for_terminal(json), "\"\\u001b\\u009b\\u202e\\n\\u007fe\"");
    }
}
