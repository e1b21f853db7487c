//! Removal of the text that a page with rendered Markdown does not show.

mod clean;
mod document;
mod edits;
mod elements;
mod html;
mod labels;
mod mark;
mod mentions;
mod names;
#[cfg(test)]
mod tests;
mod url;

pub use mentions::mentionable_text;

use unicode_normalization::UnicodeNormalization as _;

use super::truncate;
use super::visible::visible;

/// Maximum size, in bytes, of a text that is read. GitHub accepts at most 65 536 characters in a
/// description or a comment, and a character has at most four bytes.
const MAX_SOURCE: usize = 256 << 10;
/// Maximum number of block quotes and list items that are open in one line, as [`nesting`] counts
/// them.
const MAX_NESTING: usize = 200;
/// Maximum number of times that the result is read again. The removal of hidden text can change
/// how the rest is read, but only if the text was written for this purpose.
const MAX_PASSES: usize = 4;

/// Returns the parts of the Markdown text `text` that a VCS host displays, for an agent's prompt
/// (spec: X12c, X12e). Marks such as `<!-- hidden text removed -->` replace the other parts. The
/// result is [truncated](truncate) to `max` bytes.
///
/// The displayed parts change only in three respects: line breaks become `\n`, characters get the
/// Unicode normal form C, and invisible characters are removed.
///
/// The following text is not displayed:
///
/// - HTML comments, processing instructions, CDATA sections, declarations, and attributes, except
///   for addresses and sizes
/// - tags of unknown elements, except for a few short ones without attributes, such as `<your-name>`
///   and the `<T>` of `Vec<T>`
/// - the contents of elements such as `script`, `style` and `template`
/// - definitions of link labels and of footnotes that nothing refers to, and labels
/// - the titles of links and images, and the texts of images
/// - targets of links with a scheme such as `data:` or `javascript:`, or with white space
/// - the words after the language of a code block, except for a few words that commas separate, such
///   as `rust,no_run`
/// - table cells beyond the last column
///
/// Nothing in code is removed. Of a text that is too large or nested too deeply, only a mark
/// remains. The number of steps is linear in the size of `text`.
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::displayed_markdown;
///
/// let text = "The sum\u{202e} is wrong.<!-- hidden -->\n\n    <!-- code -->";
/// let displayed = "The sum is wrong.<!-- hidden text removed -->\n\n    <!-- code -->";
/// assert_eq!(displayed_markdown(text, 1_000), displayed);
/// ```
#[must_use]
pub fn displayed_markdown(text: &str, max: usize) -> String {
    truncate(&displayed(text), max)
}

fn displayed(text: &str) -> String {
    if text.len() > MAX_SOURCE {
        return format!("[text removed: it has more than {} KiB]", MAX_SOURCE >> 10);
    }
    // The byte order mark belongs to no line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    for _ in 0..MAX_PASSES {
        if text.lines().any(|line| nesting(line) > MAX_NESTING) {
            return "[text removed: quotes or lists are nested too deeply]".to_owned();
        }
        // The invisible characters are removed after the text was read, because they decide how
        // the VCS host reads it. For example, a line that starts with one starts no code block.
        let next = visible(&clean::clean(&text, &document::read(&text)), None);
        // Also read again in this form: a few characters have the normal form of Markdown's own.
        let next: String = next.nfc().collect();
        if next == text {
            return text;
        }
        text = next;
    }
    "[text removed: its hidden parts cannot be separated from the rest]".to_owned()
}

/// Returns an upper bound of the number of block quotes and list items that are open in `line`, if
/// the line begins one. The parser checks all open ones for each following line, so that deep
/// nesting is slow.
fn nesting(line: &str) -> usize {
    let solid = |c: char| line.chars().all(|other| other == c || other == ' ' || other == '\t');
    if solid('-') || solid('*') {
        // A thematic break.
        return 0;
    }
    let (mut rest, mut markers, mut spaces) = (line, 0, 0);
    loop {
        let before = rest.len();
        rest = rest.trim_start_matches([' ', '\t']);
        let indent = before - rest.len();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (length, bullet) = match (digits, rest[digits..].chars().next()) {
            (0, Some('>')) => (1, false),
            (0, Some('-' | '+' | '*')) => (1, true),
            (1..=9, Some('.' | ')')) => (digits + 1, true),
            _ => break,
        };
        let after = &rest[length..];
        if bullet && !after.is_empty() && !after.starts_with([' ', '\t']) {
            break;
        }
        markers += 1;
        // Only spaces before a marker indent it. Those after the last one are text.
        spaces += indent;
        rest = after;
    }
    // An item inside another one is indented by two columns or more.
    if markers > 0 { markers + spaces / 4 } else { 0 }
}
