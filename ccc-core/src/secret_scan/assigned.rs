//! The place of a value that text assigns to a name.

use super::gaps::{
    Effect, MAX_EXPRESSION, attributes, bare_type, begins_with_value, block_scalar, elements,
    expression, is_name, mark, opens, word,
};
use super::shape::Class::Value;

/// Maximum number of characters of a name after its known part.
const MAX_REST: usize = 24;
/// Maximum number of characters other than spaces between a name and its value.
const MAX_MARKS: usize = 24;
/// Maximum length of the text between a name and its value. Settings are often aligned with spaces.
const MAX_GAP: usize = 160;
/// The start of a value in base64, as in the application key of Laravel.
const BASE64_SCHEME: &[u8] = b"base64:";
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
/// - `=`, `:`, `=>`, `>`, `(`, `|` or a comma, with quotes and spaces around them,
/// - such a mark and a line break, if the next line is indented,
/// - a type before the mark, or an expression and an operator for defaults, such as `||`,
/// - the indicator of a block scalar of YAML, such as `: >-` and a line break,
/// - another key or attribute `value`, as in `name: TOKEN` and `value: …` on the next line,
/// - elements of XML and property lists, or
/// - spaces, if the value is in quotes.
///
/// Adds the number of bytes that are read to `steps`.
pub(super) fn value_place(bytes: &[u8], at: usize, steps: &mut usize) -> Option<Place> {
    let rest = bytes.get(at..)?;
    let name = rest.iter().take(MAX_REST).take_while(|b| is_name(**b)).count();
    let gap = &rest[name..rest.len().min(name + MAX_GAP)];
    let mut reader = Reader { gap, ..Reader::default() };
    while reader.marks < MAX_MARKS && reader.position < gap.len() {
        let Some(length) = reader.next() else { break };
        reader.position += length;
        if reader.is_block {
            break;
        }
    }
    *steps += name + reader.position + reader.read;
    let Reader { position, quote, assigns, needs_quote, is_plain, .. } = reader;
    // The quote that opens the value.
    let opening = quote.filter(|quote| position > 0 && gap[position - 1] == *quote);
    let spaced = position > 1 && gap[position - 2].is_ascii_whitespace();
    let found = if assigns {
        !needs_quote || opening.is_some()
    } else {
        is_plain && spaced && opening.is_some()
    };
    let is_setting = gap[..position] == *b"=";
    let scheme = if gap[position..].starts_with(BASE64_SCHEME) { BASE64_SCHEME.len() } else { 0 };
    found.then_some(Place { start: at + name + position + scheme, quote, is_setting })
}

/// A reader of the text between a name and its value.
#[derive(Default)]
struct Reader<'a> {
    gap: &'a [u8],
    position: usize,
    /// The number of bytes of types and expressions that were read.
    read: usize,
    marks: usize,
    lines: usize,
    /// The last quote, if no other mark follows it.
    quote: Option<u8>,
    /// Whether a mark was read that assigns a value.
    assigns: bool,
    /// Whether only a value in quotes counts.
    needs_quote: bool,
    /// Whether a type can follow.
    is_typed: bool,
    /// Whether a mark of assignment must follow.
    is_closed: bool,
    /// Whether another key `value` was read.
    is_named: bool,
    /// Whether the value is a block scalar.
    is_block: bool,
    /// Whether there are only quotes and spaces.
    is_plain: bool,
}

impl Reader<'_> {
    /// Reads the next mark and returns its length. Returns `None` at the start of the value.
    fn next(&mut self) -> Option<usize> {
        let next = &self.gap[self.position..];
        self.is_plain |= self.position == 0;
        let block = if self.assigns { block_scalar(next) } else { None };
        if block.is_some() {
            (self.quote, self.is_block) = (None, true);
            return block;
        }
        if self.position == 0
            && let Some(length) = bare_type(next)
        {
            return Some(length);
        }
        if next[0] == b'<'
            && let Some(length) = elements(next)
        {
            (self.quote, self.assigns, self.needs_quote) = (None, true, false);
            self.is_plain = false;
            return self.marked(length);
        }
        match next[0] {
            b' ' | b'\t' | b'\r' => return Some(1),
            b'\n' => return self.line(next),
            b'\\' => return self.marked(1),
            b'"' | b'\'' | b'`' => {
                self.quote = Some(next[0]);
                return self.marked(1);
            }
            b'v' | b'V' if !self.is_named && begins_with_value(next) => {
                (self.quote, self.assigns, self.is_named) = (None, false, true);
                self.is_plain = false;
                return Some(5);
            }
            _ => {}
        }
        let is_list = next[0] == b'[' && self.assigns && self.quote.is_none();
        if is_list && let Some(length) = opens(next) {
            (self.needs_quote, self.is_plain) = (true, false);
            return self.marked(length);
        }
        if let Some((effect, length)) = mark(next) {
            return self.apply(effect, next, length);
        }
        if self.is_plain
            && !self.assigns
            && self.quote.is_none()
            && self.position > 0
            && let Some(length) = attributes(next)
        {
            (self.assigns, self.is_plain) = (true, false);
            self.read += length;
            return self.marked(length);
        }
        if self.quote.is_none() || !self.assigns && self.is_plain && self.is_word(next) {
            self.text(next)
        } else if !self.assigns && self.is_plain {
            let length = attributes(next)?;
            (self.quote, self.assigns, self.is_plain) = (None, true, false);
            self.read += length;
            self.marked(length)
        } else {
            None
        }
    }

    fn marked(&mut self, length: usize) -> Option<usize> {
        self.marks += 1;
        Some(length)
    }

    /// Reads a line break. Only an indented line can go on.
    fn line(&mut self, next: &[u8]) -> Option<usize> {
        let is_indented = matches!(next.get(1), Some(b' ' | b'\t'));
        let open = self.assigns && self.quote.is_none();
        if self.lines == 2 || !is_indented || !open && !begins_with_value(&next[1..]) {
            return None;
        }
        self.lines += 1;
        Some(1)
    }

    fn apply(&mut self, effect: Effect, next: &[u8], length: usize) -> Option<usize> {
        let first = next[0];
        if !matches!(first, b'=' | b':' | b'>' | b',' | b'(') {
            // A password can begin with these marks.
            let is_value = self.assigns && self.quote.is_some();
            let is_setting = self.gap[..self.position] == *b"=";
            let opens = matches!(next.get(length), Some(b'"' | b'\'' | b'`' | b'['));
            let is_late = self.assigns && length == 1 && matches!(first, b'!' | b'?');
            if is_value || is_setting && !opens || is_late {
                return None;
            }
        }
        // After an index or arguments, only an assignment follows.
        if self.is_closed && matches!(first, b',' | b'(') {
            return None;
        }
        (self.quote, self.is_plain) = (None, false);
        match effect {
            Effect::Assigns => self.assigns = true,
            Effect::AssignsQuoted => (self.assigns, self.needs_quote) = (true, true),
            Effect::Closes => (self.assigns, self.is_closed) = (false, true),
            Effect::Opens if self.assigns => {}
            Effect::Opens => return None,
        }
        self.is_typed = matches!(first, b':' | b'-' | b'?');
        self.marked(length)
    }

    /// Returns whether a word that assigns a value begins here.
    fn is_word(&self, next: &[u8]) -> bool {
        let before = self.position.checked_sub(1).map(|at| self.gap[at]);
        before.is_some_and(|b| b.is_ascii_whitespace()) && word(next).is_some()
    }

    /// Reads a word, the start of a literal, or a type or expression before one.
    fn text(&mut self, next: &[u8]) -> Option<usize> {
        let word = if self.is_word(next) { word(next) } else { None };
        self.read += if self.assigns { next.len().min(MAX_EXPRESSION) } else { 0 };
        let found = match word {
            // The lifetime of a type begins like a literal.
            None if self.is_typed && self.assigns => expression(next, true).or_else(|| opens(next)),
            None if self.assigns => opens(next).or_else(|| expression(next, false)),
            word => word,
        };
        // A literal without a prefix begins with its quote, which is no text.
        let length = found.filter(|length| *length > 0)?;
        (self.assigns, self.needs_quote, self.is_plain) = (true, true, false);
        self.marked(length)
    }
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
        Some(b';' | b'&' | b',' | b'}' | b')' | b']' | b'<' | b'|' | b' ' | b'\t') => End::Mark,
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
