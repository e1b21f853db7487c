//! The form of text in which the redactor searches for secrets.

use std::ops::Range;

use super::escapes;

/// The ASCII letters and digits of a text, in lower case.
///
/// White space, line breaks, quotes, punctuation, zero-width characters and the NUL bytes of UTF-16
/// are not part of a skeleton. A secret that is split by such characters is therefore in one piece
/// in the skeleton. Because the letters are in lower case, all forms of hexadecimal digits are equal.
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
        for (at, byte) in text.iter().enumerate() {
            skeleton.push(*byte, at, at + 1);
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
            let escape = escapes::decode(&text[at..]);
            decoded |= escape.is_some();
            let (byte, length) = escape.unwrap_or((text[at], 1));
            skeleton.push(byte, at, at + length);
            at += length;
        }
        decoded.then_some(skeleton)
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
