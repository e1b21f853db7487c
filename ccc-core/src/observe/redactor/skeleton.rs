//! The form of text in which the redactor searches for secrets.

use std::ops::Range;

use super::{escapes, letters};

/// Maximum length of a tag or comment that splits a secret, in bytes.
const MAX_MARKUP: usize = 64;

/// The ASCII letters and digits of a text, in lower case.
///
/// White space, line breaks, quotes, punctuation, zero-width characters and the NUL bytes of UTF-16
/// are not part of a skeleton. A secret that is split by such characters is therefore in one piece
/// in the skeleton. Because the letters are in lower case, all forms of hexadecimal digits are equal.
/// Fullwidth and mathematical letters count as the letters of ASCII.
#[derive(Default)]
pub(super) struct Skeleton {
    pub(super) bytes: Vec<u8>,
    /// The position of each byte of the skeleton in the text, if the caller asked for positions.
    spans: Vec<(usize, usize)>,
    has_spans: bool,
}

impl Skeleton {
    /// Returns the skeleton of `text`, in which escape sequences are not decoded. With `has_spans`,
    /// the skeleton stores the position of each byte.
    pub(super) fn of(text: &[u8], has_spans: bool) -> Self {
        let mut skeleton = Self { has_spans, ..Self::default() };
        let mut at = 0;
        while at < text.len() {
            at += skeleton.push_character(text, at);
        }
        skeleton
    }

    /// Returns the skeleton of `text` with decoded escape sequences. Returns `None` if `text`
    /// contains no escape sequence, because the skeleton would be equal to that of
    /// [`of`](Self::of).
    pub(super) fn unescaped(text: &[u8], has_spans: bool) -> Option<Self> {
        if !escapes::can_occur_in(text) {
            return None;
        }
        let mut skeleton = Self { has_spans, ..Self::default() };
        let (mut at, mut decoded) = (0, false);
        while at < text.len() {
            let Some((byte, length)) = escapes::decode(&text[at..]) else {
                at += skeleton.push_character(text, at);
                continue;
            };
            decoded = true;
            skeleton.push(byte, at, at + length);
            at += length;
        }
        decoded.then_some(skeleton)
    }

    /// Returns the skeleton of `text` without the short tags and comments of HTML and the comments of
    /// source code in it. Returns `None` if `text` has none.
    pub(super) fn without_markup(text: &[u8], has_spans: bool) -> Option<Self> {
        memchr::memchr(b'<', text).or_else(|| memchr::memmem::find(text, b"/*"))?;
        let mut skeleton = Self { has_spans, ..Self::default() };
        let (mut at, mut is_marked) = (0, false);
        while at < text.len() {
            let length = markup(&text[at..]);
            is_marked |= length > 0;
            at += if length > 0 { length } else { skeleton.push_character(text, at) };
        }
        is_marked.then_some(skeleton)
    }

    /// Adds the character at `at`, and returns its length. The bytes of a character that is compatible
    /// with none of ASCII are added one by one.
    fn push_character(&mut self, text: &[u8], at: usize) -> usize {
        let (byte, length) = letters::decode(&text[at..]).unwrap_or((text[at], 1));
        self.push(byte, at, at + length);
        length
    }

    fn push(&mut self, byte: u8, start: usize, end: usize) {
        if byte.is_ascii_alphanumeric() {
            self.bytes.push(byte.to_ascii_lowercase());
            if self.has_spans {
                self.spans.push((start, end));
            }
        }
    }

    /// Returns the range of the text that the part `range` of the skeleton comes from. `range` must
    /// not be empty, and the skeleton must have positions.
    pub(super) fn in_text(&self, range: Range<usize>) -> Range<usize> {
        self.spans[range.start].0..self.spans[range.end - 1].1
    }
}

/// Returns the length of the tag or comment at the start of `text`; otherwise 0.
fn markup(text: &[u8]) -> usize {
    let window = &text[..text.len().min(MAX_MARKUP)];
    let end = match window {
        [b'/', b'*', rest @ ..] => memchr::memmem::find(rest, b"*/").map(|end| end + 4),
        [b'<', b'!' | b'/' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
            memchr::memchr(b'>', window).map(|end| end + 1)
        }
        _ => None,
    };
    // A tag contains no other tag.
    let is_one = |end: &usize| {
        let inside = &window[1..*end];
        !inside.contains(&b'\n') && (window[0] == b'/' || !inside.contains(&b'<'))
    };
    end.filter(is_one).unwrap_or(0)
}
