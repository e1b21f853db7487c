//! Blocks of base64 and hex, and lists of bytes. Each function makes one pass over its input and
//! returns the contents of all blocks, separated by line breaks.

use super::base64::{decode, value_of};
use super::text::View;

/// Minimum length of a block of base64. Shorter blocks have no room for a credential.
const MIN_BASE64: usize = 24;
/// Minimum length of a block of hex digits.
const MIN_HEX: usize = 32;
/// Minimum number of bytes in a list.
const MIN_LIST: usize = 16;

/// Returns the contents of the blocks of base64 in `text`. Skips the first `phase` characters of
/// each block: text of the same alphabet before a block shifts its groups of four characters.
pub(super) fn base64(text: &View, phase: usize) -> Option<View> {
    let mut view = text.like();
    for (start, end) in runs(&text.bytes, MIN_BASE64, |b| value_of(b).is_some()) {
        let mut decoded = decode(&text.bytes[start + phase..end]);
        decoded.push(b'\n');
        view.extend(&decoded, text, start..end);
    }
    (!view.bytes.is_empty()).then_some(view)
}

/// Returns the contents of the blocks of hex digits in `text`. Skips the first `phase` digits of
/// each block.
pub(super) fn hex(text: &View, phase: usize) -> Option<View> {
    let mut view = text.like();
    for (start, end) in runs(&text.bytes, MIN_HEX, |b| b.is_ascii_hexdigit()) {
        let digit = |b: u8| (b as char).to_digit(16).unwrap_or_default();
        let mut decoded: Vec<u8> = text.bytes[start + phase..end]
            .chunks_exact(2)
            .map(|pair| (digit(pair[0]) << 4 | digit(pair[1])) as u8)
            .collect();
        decoded.push(b'\n');
        view.extend(&decoded, text, start..end);
    }
    (!view.bytes.is_empty()).then_some(view)
}

/// Returns the ranges of at least `least` consecutive bytes for which `belongs` is true.
fn runs(bytes: &[u8], least: usize, belongs: fn(u8) -> bool) -> Vec<(usize, usize)> {
    let (mut found, mut start) = (Vec::new(), None);
    for at in 0..=bytes.len() {
        match (start, bytes.get(at).is_some_and(|b| belongs(*b))) {
            (None, true) => start = Some(at),
            (Some(first), false) => {
                if at - first >= least {
                    found.push((first, at));
                }
                start = None;
            }
            _ => {}
        }
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

/// Returns the byte that the number at the start of `rest` says, and the length of the number.
fn listed(rest: &[u8], base: Base) -> Option<(u8, usize)> {
    let prefix = match base {
        Base::Hex if rest.starts_with(b"0x") || rest.starts_with(b"0X") => 2,
        _ => 0,
    };
    let digits: &[u8] = &rest[prefix..];
    let length = digits.iter().take(4).take_while(|b| b.is_ascii_alphanumeric()).count();
    let digits = &digits[..length];
    let value = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b != b'+'))?;
    let value = match base {
        Base::Hex if length == 2 => u8::from_str_radix(value, 16).ok()?,
        Base::Decimal if (2..=3).contains(&length) => value.parse().ok()?,
        _ => return None,
    };
    Some((value, prefix + length))
}
