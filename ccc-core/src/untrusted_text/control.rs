//! Removal of the control sequences of terminals (spec: X13d).

use std::borrow::Cow;

/// Returns `text` as a terminal displays its lines: without control sequences such as colors, links
/// and titles. Of a line that a program wrote several times, only the last state remains. A control
/// sequence without an end loses only its first characters, so that it cannot hide the rest of the
/// text.
///
/// The forms of control sequences are those of
/// [ECMA-48](https://ecma-international.org/publications-and-standards/standards/ecma-48/), 5.3 to 5.6.
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::without_control_sequences;
///
/// let output = "\u{1b}[32mok\u{1b}[0m\n 10 %\r 100 %\nend";
/// assert_eq!(without_control_sequences(output), "ok\n 100 %\nend");
/// ```
#[must_use]
pub fn without_control_sequences(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\r']) && !text.contains(is_c1) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if c == '\u{1b}' || is_c1(c) {
            let introducer = Introducer::at(rest);
            let whole = introducer.and_then(|found| found.end(rest).or(Some(found.length)));
            whole.unwrap_or(c.len_utf8())
        } else {
            kept.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    Cow::Owned(kept.split('\n').map(last_state).collect::<Vec<_>>().join("\n"))
}

/// Returns the part of `line` that stays visible after its carriage returns.
fn last_state(line: &str) -> &str {
    line.rsplit('\r').find(|state| !state.is_empty()).unwrap_or_default()
}

/// Returns whether `c` is a control character of the set C1, which can introduce a control sequence.
fn is_c1(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}')
}

/// The first characters of a control sequence.
#[derive(Clone, Copy)]
struct Introducer {
    /// The length of these characters, in bytes.
    length: usize,
    /// Whether a string follows that ends with ST or BEL. Otherwise, a control sequence (CSI) or an
    /// escape sequence follows.
    is_string: bool,
    is_csi: bool,
}

impl Introducer {
    /// Returns the introducer at the start of `text`, or `None` if a single control character is
    /// there.
    fn at(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let first = chars.next()?;
        let (second, length) = match first {
            '\u{1b}' => {
                let second = chars.next()?;
                (second, 1 + second.len_utf8())
            }
            // The C1 characters correspond to the escape sequences with `@` to `_`.
            c => (char::from_u32(u32::from(c) - 0x40)?, c.len_utf8()),
        };
        let is_string = matches!(second, 'P' | 'X' | ']' | '^' | '_');
        let is_csi = second == '[';
        let is_escape = matches!(second, ' '..='~') && first == '\u{1b}';
        (is_string || is_csi || is_escape).then_some(Self { length, is_string, is_csi })
    }

    /// Returns the length of the whole sequence at the start of `text`, or `None` if it has no end.
    fn end(self, text: &str) -> Option<usize> {
        let body = &text[self.length..];
        if self.is_string {
            // The search stops at the next introducer, so that many of them take linear time.
            let at = body.find(|c| matches!(c, '\u{7}' | '\u{1b}') || is_c1(c))?;
            let terminators = ["\u{7}", "\u{9c}", "\u{1b}\\"];
            let found = terminators.iter().find(|end| body[at..].starts_with(**end))?;
            return Some(self.length + at + found.len());
        }
        // Parameters, intermediate characters, and a final character.
        let is_inner: fn(&char) -> bool =
            if self.is_csi { |c| matches!(c, ' '..='?') } else { |c| matches!(c, ' '..='/') };
        if !self.is_csi && !text[1..self.length].starts_with(|c| is_inner(&c)) {
            return Some(self.length);
        }
        let inner = body.chars().take_while(is_inner).count();
        let is_final = body[inner..].starts_with(|c| matches!(c, '0'..='~'));
        is_final.then_some(self.length + inner + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_sequences_are_removed_as_a_whole() {
        // spec: X13d
        for (text, expected) in [
            ("a\u{1b}[1;31mb\u{1b}[0mc", "abc"),
            ("\u{1b}[?25l\u{1b}[2K\u{1b}[1Gx", "x"),
            ("\u{1b}]0;title\u{7}x\u{1b}]8;;https://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "xlink"),
            ("\u{1b}Pq#0\u{1b}\\x\u{1b}_G\u{9c}y\u{1b}^z\u{7}", "xy"),
            ("\u{9b}31mx\u{9d}0;t\u{9c}y\u{90}q\u{1b}\\z\u{85}", "xyz"),
            ("\u{1b}(B\u{1b}=\u{1b}7x\u{1b}cy\u{1b}#8z", "xyz"),
            ("10 %\r20 %\r\n\rb\r\nc\r", "20 %\nb\nc"),
            // Without an end.
            ("\u{1b}]0;a\nb", "0;a\nb"),
            ("\u{1b}[12", "12"),
            ("\u{1b}[1\nx", "1\nx"),
            ("a\u{1b}", "a"),
            ("a\u{1b}\u{e4}", "a\u{e4}"),
            ("\u{1b}]0;a\u{1b}[31mb\u{7}", "0;ab\u{7}"),
            ("[31m plain", "[31m plain"),
        ] {
            assert_eq!(without_control_sequences(text), expected, "{text:?}");
        }
    }

    #[test]
    fn many_introducers_without_an_end_take_linear_time() {
        let text = "\u{1b}]".repeat(1 << 20);
        assert_eq!(without_control_sequences(&text), "");
        let text = "\u{9d}\u{1b}[".repeat(1 << 19);
        assert_eq!(without_control_sequences(&text), "");
    }

    proptest! {
        #[test]
        fn no_introducer_stays(text in "[a\u{1b}\u{9b}\u{9d}\u{9c}\u{7}\r\n\\[\\]0;mP(]{0,16}") {
            let plain = without_control_sequences(&text).into_owned();
            let introduces = plain.contains(['\u{1b}', '\u{9b}', '\u{9d}', '\r']);
            prop_assert!(!introduces, "{:?}", plain);
            prop_assert_eq!(&*without_control_sequences(&plain), &plain);
        }
    }
}
