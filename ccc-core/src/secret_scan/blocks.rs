//! Blocks of base64, base32 and hex, and lists of bytes. Each function makes one pass over its
//! input. The contents of all blocks are separated by line breaks.

use std::ops::Range;

use super::base64::{VALUES, decode};
use super::der::TESTING;
use super::text::View;

/// Minimum length of a block of base64. Shorter blocks have no room for a credential.
const MIN_BASE64: usize = 24;
/// Minimum length of a block of base32.
const MIN_BASE32: usize = 32;
/// Minimum length of a block of hex digits.
const MIN_HEX: usize = 32;
/// Minimum number of bytes in a list.
const MIN_LIST: usize = 16;

/// The end of the header of a key.
const KEY: &[u8] = b"KEY-----";
/// Maximum length of the header of a key of a test with the spaces after it.
const MAX_BREAK: usize = 64;

/// The blocks of base64, base32 and hex digits in a text, which are searched once for all alignments.
pub(super) struct Blocks<'a> {
    text: &'a View,
    base64: Vec<Range<usize>>,
    /// The blocks of base32 in upper and in lower case.
    base32: Vec<Range<usize>>,
    hex: Vec<Range<usize>>,
}

impl<'a> Blocks<'a> {
    pub(super) fn of(text: &'a View) -> Self {
        let base64 = runs(&text.bytes, MIN_BASE64, |b| VALUES[usize::from(b)].is_some());
        let mut base32 = runs(&text.bytes, MIN_BASE32, |b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
        base32.extend(runs(&text.bytes, MIN_BASE32, |b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
        Self { text, base64, base32, hex: runs(&text.bytes, MIN_HEX, |b| b.is_ascii_hexdigit()) }
    }

    /// Returns the contents of the blocks of base64. Skips the first `phase` characters of each
    /// block: text of the same alphabet before a block shifts its groups of four characters.
    pub(super) fn base64(&self, phase: usize) -> Option<View> {
        self.decoded(&self.base64, phase, decode)
    }

    /// Returns the contents of the blocks of base32
    /// ([RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-6)). Skips the first `phase`
    /// characters of each block.
    pub(super) fn base32(&self, phase: usize) -> Option<View> {
        self.decoded(&self.base32, phase, |characters| {
            let (mut decoded, mut bits, mut count) = (Vec::new(), 0_u32, 0);
            for character in characters {
                let value = match character {
                    b'2'..=b'7' => character - b'2' + 26,
                    letter => letter.to_ascii_uppercase() - b'A',
                };
                bits = (bits << 5 | u32::from(value)) & 0xffff;
                count += 5;
                if count >= 8 {
                    count -= 8;
                    decoded.push((bits >> count & 0xff) as u8);
                }
            }
            decoded
        })
    }

    /// Returns the contents of the blocks of hex digits. Skips the first `phase` digits of each
    /// block.
    pub(super) fn hex(&self, phase: usize) -> Option<View> {
        self.decoded(&self.hex, phase, |digits| {
            let digit = |b: u8| (b as char).to_digit(16).unwrap_or_default();
            let pairs = digits.chunks_exact(2);
            pairs.map(|pair| (digit(pair[0]) << 4 | digit(pair[1])) as u8).collect()
        })
    }

    /// Returns whether the block at `start` follows the header of a key of a test. The end of the
    /// header can belong to the block.
    fn is_marked(&self, start: usize) -> bool {
        let bytes = &self.text.bytes;
        let before = &bytes[start.saturating_sub(MAX_BREAK)..start];
        let before = before.trim_ascii_end();
        let header = before.strip_suffix(b"\\n").unwrap_or(before);
        let cut = TESTING.len() - KEY.len();
        header.ends_with(TESTING)
            || before.ends_with(TESTING[..cut].trim_ascii_end()) && bytes[start..].starts_with(KEY)
    }

    fn decoded(
        &self,
        blocks: &[Range<usize>],
        phase: usize,
        decode: fn(&[u8]) -> Vec<u8>,
    ) -> Option<View> {
        let mut view = self.text.like();
        for Range { start, end } in blocks {
            let mut decoded = if self.is_marked(*start) { TESTING.to_vec() } else { Vec::new() };
            decoded.extend(decode(&self.text.bytes[start + phase..*end]));
            decoded.push(b'\n');
            view.extend(&decoded, self.text, *start..*end);
        }
        (!view.bytes.is_empty()).then_some(view)
    }
}

/// Returns the ranges of at least `least` consecutive bytes for which `belongs` is true.
fn runs(bytes: &[u8], least: usize, belongs: fn(u8) -> bool) -> Vec<Range<usize>> {
    let (mut found, mut start) = (Vec::new(), 0);
    while let Some(window) = bytes.get(start..start + least) {
        // No run that is long enough begins at or before another byte in the window, so most bytes
        // of ordinary text need not be read.
        if let Some(other) = window.iter().rposition(|byte| !belongs(*byte)) {
            start += other + 1;
            continue;
        }
        let rest = &bytes[start + least..];
        let more = rest.iter().position(|byte| !belongs(*byte));
        let end = start + least + more.unwrap_or(rest.len());
        found.push(start..end);
        start = end + 1;
    }
    found
}

/// The base of the numbers in a list of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Numbers such as `103, 104`.
    Decimal,
    /// Numbers such as `67 68`, `67:68` and `0x67, 0x68`.
    Hex,
}

/// Returns the bytes of the lists of numbers in `text`.
pub(super) fn lists(text: &View, base: Base) -> Option<View> {
    let bytes = &text.bytes;
    let mut view = text.like();
    let (mut list, mut start, mut end, mut at) = (Vec::new(), 0, 0, 0);
    loop {
        let number = bytes.get(at..).filter(|rest| !rest.is_empty()).map(|rest| listed(rest, base));
        match number {
            Some(Some((value, length))) => {
                if list.is_empty() {
                    start = at;
                }
                list.push(value);
                at += length;
                end = at;
                at += bytes[at..].iter().take(8).take_while(|b| is_separator(**b)).count();
            }
            other => {
                if list.len() >= MIN_LIST {
                    list.push(b'\n');
                    view.extend(&list, text, start..end);
                }
                list.clear();
                if other.is_none() {
                    break;
                }
                // Skip the word, so that no number begins inside it.
                let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
                at += bytes[at..].iter().take_while(word).count().max(1);
            }
        }
    }
    (!view.bytes.is_empty()).then_some(view)
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b';' | b'-' | b'|')
}

/// Returns the byte with the value of the number at the start of `rest`, and the length of the
/// number.
fn listed(rest: &[u8], base: Base) -> Option<(u8, usize)> {
    let (prefix, radix) = match base {
        Base::Hex if rest.starts_with(b"0x") || rest.starts_with(b"0X") => (2, 16),
        Base::Hex => (0, 16),
        Base::Decimal => (0, 10),
    };
    let (mut value, mut length) = (0, 0);
    for byte in rest[prefix..].iter().take(4).take_while(|b| b.is_ascii_alphanumeric()) {
        value = value * radix + (*byte as char).to_digit(radix)?;
        length += 1;
    }
    let fits = match base {
        Base::Hex => length == 2,
        Base::Decimal => (2..=3).contains(&length),
    };
    fits.then_some((u8::try_from(value).ok()?, prefix + length))
}
