//! Texts in which a credential is written in another way: escaped, split, or reversed. Each
//! function makes one pass over its input.

use super::text::View;

/// Maximum length of the text between two parts of a split string.
const MAX_GAP: usize = 96;

/// Returns `text` without zero bytes, so that UTF-16 and UTF-32 become ASCII. Returns `None` if
/// `text` has no zero byte.
pub(super) fn without_zeros(text: &View) -> Option<View> {
    memchr::memchr(0, &text.bytes)?;
    let mut view = text.like();
    for at in 0..text.bytes.len() {
        if text.bytes[at] != 0 {
            view.copy(text, at);
        }
    }
    Some(view)
}

/// Returns `text` in reverse order.
pub(super) fn reversed(text: &View) -> View {
    let mut view = text.like();
    for at in (0..text.bytes.len()).rev() {
        view.copy(text, at);
    }
    view
}

/// Returns `text` without the punctuation between adjacent string literals, such as `" + "`, and
/// without escaped line breaks. Returns `None` if there is none.
pub(super) fn joined(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut at, mut changed) = (text.like(), 0, false);
    while at < bytes.len() {
        let gap = match bytes[at] {
            b'"' | b'\'' | b'`' => literal_gap(&bytes[at..bytes.len().min(at + MAX_GAP)]),
            b'\\' => line_gap(&bytes[at..bytes.len().min(at + MAX_GAP)]),
            _ => 0,
        };
        if gap == 0 {
            view.copy(text, at);
        }
        changed |= gap > 0;
        at += gap.max(1);
    }
    changed.then_some(view)
}

/// Returns the length of the text from a closing quote to the next opening quote, if only spaces
/// and punctuation are between them; otherwise 0.
fn literal_gap(window: &[u8]) -> usize {
    let is_glue = |b: u8| b.is_ascii_whitespace() || b"+.&,\\()|<>~[]{}$".contains(&b);
    let glue = window[1..].iter().take_while(|b| is_glue(**b)).count();
    let rest = &window[1 + glue..];
    // The prefix of a literal, as in `b"…"`.
    let is_prefix = |b: &&u8| glue > 0 && b"bBrRuUfFlL@$".contains(b);
    let prefix = rest.iter().take(2).take_while(is_prefix).count();
    match rest.get(prefix) {
        Some(b'"' | b'\'' | b'`') => 1 + glue + prefix + 1,
        _ => 0,
    }
}

/// Returns the length of an escaped line break with the indentation after it; otherwise 0.
fn line_gap(window: &[u8]) -> usize {
    let rest = &window[1..];
    let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if rest[..spaces].contains(&b'\n') { 1 + spaces } else { 0 }
}

/// Returns the contents of the string literals of `text`, one after the other. Literals that are
/// far from each other are separated by a line break. Returns `None` if there are fewer than two.
pub(super) fn literals(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut open, mut last, mut count) = (text.like(), None, 0, 0);
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match open {
            None if matches!(byte, b'"' | b'\'' | b'`') => {
                open = Some(byte);
                count += 1;
                if at > last + MAX_GAP {
                    view.push(b'\n', text, at..at + 1);
                }
            }
            None => {}
            Some(quote) if byte == quote || byte == b'\n' && quote != b'`' => {
                open = None;
                last = at;
            }
            Some(_) => view.copy(text, at),
        }
        at += 1;
    }
    (count > 1).then_some(view)
}

/// Returns `text` without line breaks, without the indentation, comment marks and list marks at the
/// starts of lines, and without continuation marks at their ends. Returns `None` if `text` is one
/// line.
pub(super) fn lines(text: &View) -> Option<View> {
    memchr::memchr(b'\n', &text.bytes)?;
    let mut view = text.like();
    let mut start = 0;
    while start < text.bytes.len() {
        let rest = &text.bytes[start..];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..length];
        let is_mark = |b: &&u8| b.is_ascii_whitespace() || b"#/*;>|+-".contains(b);
        // A PEM header begins with hyphens, which are no list mark.
        let header = line.trim_ascii_start().starts_with(b"---");
        let marks = if header { 0 } else { line.iter().take_while(is_mark).count() };
        let end = line.iter().rposition(|b| !b.is_ascii_whitespace() && *b != b'\\');
        for at in marks..end.map_or(marks, |end| end + 1).max(marks) {
            view.copy(text, start + at);
        }
        start += length + 1;
    }
    Some(view)
}
