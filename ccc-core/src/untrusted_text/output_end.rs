//! The end of a program's output.

use std::borrow::Cow;

use super::control::without_control_sequences;

/// The end of the output of a program. The rest of the output is dropped while the program runs.
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::OutputEnd;
///
/// let mut output = OutputEnd::new(15);
/// output.push(b"a first line\n");
/// output.push(b"compiling\nerror: no\n");
/// assert_eq!(output.text(), "[truncated]\nerror: no\n");
/// ```
#[derive(Clone, Debug)]
pub struct OutputEnd {
    bytes: Vec<u8>,
    max: usize,
    is_cut: bool,
}

/// The line in the place of the dropped text.
const MARK: &str = "[truncated]\n";

impl OutputEnd {
    /// Creates the end of an output that has no bytes yet. `max` is the maximum length of the end,
    /// in bytes.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max, is_cut: false }
    }

    /// Adds the next bytes of the output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // A control sequence at the start of the end can begin before. `text` removes it as a whole.
        let excess = self.bytes.len().saturating_sub(2 * self.max);
        self.is_cut |= excess > 0;
        self.bytes.drain(..excess);
    }

    /// Returns the end of the output as a terminal [displays](without_control_sequences) it, with
    /// invalid UTF-8 replaced. If text before the end was dropped, the result begins with the line
    /// `[truncated]`, and continues at the start of a line, or in the line if the line is longer
    /// than half of the maximum length.
    #[must_use]
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = if self.is_cut { after_open_sequence(&text) } else { &text };
        let plain = without_control_sequences(text);
        if !self.is_cut && plain.len() <= self.max {
            return match plain {
                Cow::Borrowed(text) => text.to_owned(),
                Cow::Owned(text) => text,
            };
        }
        let start = plain.ceil_char_boundary(plain.len().saturating_sub(self.max));
        let half = plain.ceil_char_boundary(start + (plain.len() - start) / 2);
        let line = match plain[..start].ends_with('\n') {
            true => start,
            false => plain[start..half].find('\n').map_or(start, |end| start + end + 1),
        };
        format!("{MARK}{}", &plain[line..])
    }
}

/// Returns `text` without the end of a control sequence whose start was dropped, such as a title or a
/// link. Such a sequence can be longer than the stored text.
fn after_open_sequence(text: &str) -> &str {
    let is_end = |c| matches!(c, '\u{7}' | '\u{9c}' | '\u{1b}' | '\n');
    let rest = text.find(is_end).map_or("", |at| &text[at..]);
    let ends = ["\u{7}", "\u{9c}", "\u{1b}\\"];
    ends.into_iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(output: &str, max: usize) -> String {
        let mut end = OutputEnd::new(max);
        output.as_bytes().chunks(3).for_each(|piece| end.push(piece));
        end.text()
    }

    #[test]
    fn the_end_of_an_output_begins_with_a_mark_and_a_whole_line() {
        // spec: X13b
        for (output, max, expected) in [
            ("", 10, ""),
            ("a\nb\n", 10, "a\nb\n"),
            ("0123456789", 10, "0123456789"),
            ("0123456789a", 10, "[truncated]\n123456789a"),
            ("first\nsecond\nthird\n", 12, "[truncated]\nthird\n"),
            ("first\nsecond\n", 7, "[truncated]\nsecond\n"),
            ("first\nsecond\n", 6, "[truncated]\necond\n"),
            ("\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", 5, "[truncated]\n\u{e4}\u{e4}"),
            ("a\u{1f600}", 3, "[truncated]\n"),
        ] {
            assert_eq!(end(output, max), expected, "{output:?}");
        }
    }

    #[test]
    fn the_end_of_an_output_contains_no_part_of_a_control_sequence() {
        // spec: X13d
        let long = "t".repeat(60);
        for (output, expected) in [
            ("a\n\u{1b}[38;2;255;128;0mred\u{1b}[0m!", "a\nred!"),
            ("\u{1b}]8;;https://a.example\u{1b}\\link\u{1b}]8;;\u{7}", "link"),
            ("a\nb\n\u{1b}]0;a long title\u{7}done", "a\nb\ndone"),
            ("a long first line\n\u{90}q secret\u{9c}done", "[truncated]\nlong first line\ndone"),
            // The end begins in a sequence, or a sequence begins before the end.
            (
                "0123456789012345678901234567\n\u{1b}[1;31merror\u{1b}[0m",
                "[truncated]\n45678901234567\nerror",
            ),
            (&format!("\u{1b}]0;{long}\u{7}done"), "[truncated]\ndone"),
            (&format!("\u{1b}]8;;{long}\u{1b}\\link\u{1b}]8;;\u{1b}\\"), "[truncated]\nlink"),
            (&format!("\u{90}{long}\u{9c}done\u{7}"), "[truncated]\ndone\u{7}"),
            // Progress.
            ("10 %\r20 %\r30 %\r\nok", "30 %\nok"),
            ("\u{1b}[2K10 %\r\u{1b}[2K20 %\r", "20 %"),
            (&format!("{long}\r100 %"), "[truncated]\n100 %"),
        ] {
            assert_eq!(end(output, 20), expected, "{output:?}");
        }
    }

    proptest! {
        #[test]
        fn the_end_of_an_output_has_a_maximum_length(output in "[a\u{e4}\n\r\u{1b}\\[;m]{0,80}", max in 1_usize..40) {
            let found = end(&output, max);
            prop_assert!(found.len() <= max + MARK.len() + 2, "{:?}", found);
            prop_assert!(!found.contains(['\u{1b}', '\r']), "{:?}", found);
            let plain = without_control_sequences(&output);
            let shown = found.strip_prefix(MARK).unwrap_or(&found);
            let is_whole = plain == shown;
            prop_assert!(is_whole || output.len() > max, "{:?}", found);
        }
    }
}
