//! The place of a value that text assigns to a name.

use super::shape::Class::Value;

/// Maximum number of characters of a name after its known part.
const MAX_REST: usize = 24;
/// Maximum number of characters other than spaces between a name and its value.
const MAX_MARKS: usize = 24;
/// Maximum length of the text between a name and its value. Settings are often aligned with spaces.
const MAX_GAP: usize = 160;
/// Maximum number of bytes of a value that are judged.
pub(super) const MAX_VALUE: usize = 256;
/// Maximum length of a value, such as a key in base64.
const MAX_LONG: usize = 4096;

/// The start of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of the first byte of the value.
    pub(super) start: usize,
    /// The quote before the value.
    pub(super) quote: Option<u8>,
    /// Whether only `=` is between the name and the value, as in a file of environment variables.
    pub(super) is_setting: bool,
}

/// Returns the place of the value after the name whose known part ends at `at`. The text between
/// can be
/// - `=`, `:`, `=>`, `>`, `(` or a comma, with quotes and spaces around them,
/// - such a mark and a line break, if the next line is indented,
/// - the indicator of a block scalar of YAML, such as `: >-` and a line break, or
/// - another key or attribute `value`, as in `name: TOKEN` and `value: …` on the next line.
///
/// Adds the number of bytes that are read to `steps`.
pub(super) fn value_place(bytes: &[u8], at: usize, steps: &mut usize) -> Option<Place> {
    let rest = bytes.get(at..)?;
    let name = rest.iter().take(MAX_REST).take_while(|b| is_name(**b)).count();
    let gap = &rest[name..rest.len().min(name + MAX_GAP)];
    let (mut position, mut marks, mut lines) = (0, 0, 0);
    let (mut quote, mut assigns, mut named) = (None, false, false);
    while let Some(byte) = gap.get(position).filter(|_| marks < MAX_MARKS) {
        let next = &gap[position..];
        let block = if assigns { block_scalar(next) } else { None };
        if let Some(length) = block {
            (position, quote) = (position + length, None);
            break;
        }
        match *byte {
            b' ' | b'\t' => {}
            b'"' | b'\'' | b'`' => (quote, marks) = (Some(*byte), marks + 1),
            b'=' | b':' | b'>' | b',' | b'(' => {
                (quote, assigns, marks) = (None, true, marks + 1);
            }
            b'\\' => marks += 1,
            b'\r' => {}
            b'\n' => {
                let is_indented = matches!(next.get(1), Some(b' ' | b'\t'));
                let open = assigns && quote.is_none();
                if lines == 2 || !is_indented || !open && !begins_with_value(&next[1..]) {
                    break;
                }
                lines += 1;
            }
            b'v' | b'V' if !named && begins_with_value(next) => {
                (quote, assigns, named) = (None, false, true);
                position += 4;
            }
            _ => break,
        }
        position += 1;
    }
    *steps += name + position;
    let is_setting = gap[..position] == *b"=";
    assigns.then_some(Place { start: at + name + position, quote, is_setting })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the length of the indicator of a block scalar at the start of `rest`, with the line break
/// and the indentation after it ([YAML 1.2](https://yaml.org/spec/1.2.2/#81-block-scalar-styles)).
fn block_scalar(rest: &[u8]) -> Option<usize> {
    if !matches!(rest.first()?, b'|' | b'>') {
        return None;
    }
    let indicators = count(&rest[1..], |b| matches!(b, b'+' | b'-' | b'1'..=b'9'));
    let end = 1 + indicators + count(&rest[1 + indicators..], |b| matches!(b, b' ' | b'\r'));
    let indentation = count(rest.get(end + 1..)?, |b| matches!(b, b' ' | b'\t'));
    (rest[end] == b'\n' && indentation > 0).then_some(end + 1 + indentation)
}

/// Returns whether `rest` begins with the word `value`, after spaces and a quote.
fn begins_with_value(rest: &[u8]) -> bool {
    let rest = &rest[count(rest, |b| matches!(b, b' ' | b'\t' | b'"' | b'\''))..];
    rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"value"))
        && rest.get(5).is_none_or(|b| !is_name(*b))
}

fn count(rest: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    rest.iter().take_while(|b| belongs(**b)).count()
}

/// A value of letters, digits and the punctuation of credentials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned<'a> {
    /// The bytes of the value that are judged.
    pub(super) judged: &'a [u8],
    /// Whether the value has more bytes than are judged.
    pub(super) is_long: bool,
    pub(super) end: End,
}

/// The text after a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A quote, the end of the line, or the end of the text.
    Closed,
    /// A mark that ends a value in a connection string, a URL or code.
    Mark,
    /// A character that belongs to the value or to an expression.
    Open,
}

/// Returns the value that begins at `place`.
pub(super) fn value_at(bytes: &[u8], place: Place) -> Assigned<'_> {
    let rest = &bytes[place.start.min(bytes.len())..];
    let judged = &rest[..rest.iter().take(MAX_VALUE).take_while(|b| Value.has(**b)).count()];
    let end = match rest.get(judged.len()) {
        None | Some(b'"' | b'\'' | b'`' | b'\n' | b'\r') => End::Closed,
        Some(b';' | b'&' | b',' | b'}' | b')' | b']' | b'<' | b' ' | b'\t') => End::Mark,
        Some(_) if judged.len() == MAX_VALUE => End::Closed,
        Some(_) => End::Open,
    };
    let is_quoted_mark = end == End::Mark && place.quote.is_some();
    let end = if is_quoted_mark { End::Open } else { end };
    Assigned { judged, is_long: judged.len() == MAX_VALUE, end }
}

/// Returns the end of the value that begins at `start` and has at least [`MAX_VALUE`] bytes.
pub(super) fn long_end(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take(MAX_LONG).take_while(|b| Value.has(**b)).count()
}

/// Returns the text up to the closing quote, or up to the end of the line for a setting without
/// quotes. The text has no spaces. Adds the number of bytes that are read to `steps`.
pub(super) fn text_at<'a>(bytes: &'a [u8], place: Place, steps: &mut usize) -> Option<&'a [u8]> {
    if place.quote.is_none() && !place.is_setting {
        return None;
    }
    let rest = &bytes[place.start.min(bytes.len())..];
    let is_end = |b: u8| match place.quote {
        Some(quote) => b == quote,
        None => matches!(b, b'\n' | b'\r'),
    };
    let length = rest.iter().take(MAX_VALUE).take_while(|b| b.is_ascii_graphic() && !is_end(**b));
    let length = length.count();
    *steps += length;
    let closed = match rest.get(length) {
        Some(byte) => is_end(*byte),
        None => place.quote.is_none(),
    };
    closed.then_some(&rest[..length])
}
