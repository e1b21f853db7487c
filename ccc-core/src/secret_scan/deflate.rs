//! The headers of gzip and zlib, and a check whether data can be a deflate stream.

use std::collections::BTreeMap;

/// Number of symbols of a block with fixed codes that [`is_deflate`] checks. Of random data, about one
/// block in a thousand has so many valid symbols.
const SYMBOLS: usize = 28;

/// The places of zero bytes. Each byte of the text is searched at most once, in whatever order the
/// places are asked for.
#[derive(Default)]
struct Zeros {
    /// For each searched place, the place of the next zero byte; `usize::MAX` if there is none.
    known: BTreeMap<usize, usize>,
}

impl Zeros {
    /// Returns the place of the first zero byte of `bytes` at or after `from`.
    fn next(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let before = self.known.range(..=from).next_back().map(|(_, zero)| *zero);
        let zero = match before.filter(|zero| *zero >= from) {
            Some(zero) => zero,
            None => {
                let after = self.known.range(from..).next();
                let (end, rest) =
                    after.map_or((bytes.len(), usize::MAX), |(at, zero)| (*at, *zero));
                let found = memchr::memchr(0, bytes.get(from..end)?);
                let zero = found.map_or(rest, |at| from + at);
                self.known.insert(from, zero);
                zero
            }
        };
        (zero != usize::MAX).then_some(zero)
    }
}

/// A reader of the headers of gzip members.
#[derive(Default)]
pub(super) struct Gzip {
    zeros: Zeros,
}

impl Gzip {
    pub(super) const MAGIC: &[u8] = b"\x1f\x8b\x08";

    /// Returns the place of the compressed data of the gzip member at `at`
    /// ([RFC 1952, 2.3](https://www.rfc-editor.org/rfc/rfc1952#page-5)). Reserved flags are ignored,
    /// because common programs ignore them.
    pub(super) fn data(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let flags = *bytes.get(at + 3)?;
        let mut data = at + 10;
        if flags & 4 != 0 {
            data += 2 + usize::from(u16::from_le_bytes(*bytes.get(data..)?.first_chunk()?));
        }
        // The name and the comment end with a zero byte.
        for flag in [8, 16] {
            if flags & flag != 0 {
                data = self.zeros.next(bytes, data)? + 1;
            }
        }
        if flags & 2 != 0 {
            data += 2;
        }
        (data < bytes.len()).then_some(data)
    }
}

/// Returns the place of the compressed data if a zlib stream can begin at `at`
/// ([RFC 1950, 2.2](https://www.rfc-editor.org/rfc/rfc1950#page-4)): the method is deflate, the window
/// has at most 32 KiB, and the check bits are right. A stream that needs a dictionary is expanded up to
/// the first reference to the dictionary.
pub(super) fn zlib(bytes: &[u8], at: usize) -> Option<usize> {
    let [method, flags] = *bytes.get(at..)?.first_chunk()?;
    let is_header = method & 0x8f == 8 && u16::from_be_bytes([method, flags]) % 31 == 0;
    if !is_header {
        return None;
    }
    let has_dictionary = flags & 0x20 != 0;
    let data = at + if has_dictionary { 6 } else { 2 };
    is_deflate(bytes.get(data..)?, has_dictionary).then_some(data)
}

/// Returns whether the zlib stream with this content ends with the right checksum.
pub(super) fn is_checked(content: &[u8], end: &[u8]) -> bool {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1_u32, 0_u32);
    // The sums of so many bytes fit 32 bits.
    for chunk in content.chunks(5_552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    end.first_chunk().is_some_and(|sum| u32::from_be_bytes(*sum) == b << 16 | a)
}

/// The bits of a deflate stream, from the lowest bit of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn next(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for bit in 0..count {
            value |= usize::from(self.bytes.get(self.at / 8)? >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(value)
    }

    /// Returns the next `count` bits, which belong to a Huffman code.
    fn code(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |code, _| Some(code << 1 | self.next(1)?))
    }
}

/// Returns whether `bytes` can be the start of a deflate stream: the first block has a valid type,
/// and a valid start ([RFC 1951, 3.2](https://www.rfc-editor.org/rfc/rfc1951)). Most bytes that follow
/// a header by chance cannot. Uses a limited number of bytes.
fn is_deflate(bytes: &[u8], has_dictionary: bool) -> bool {
    let Some(first) = bytes.first() else { return false };
    let mut bits = Bits { bytes, at: 3 };
    match (first >> 1 & 3, bytes) {
        (0, [_, a, b, c, d, ..]) => *a == !c && *b == !d,
        (1, _) => has_dictionary || has_fixed_codes(&mut bits),
        (2, _) => has_code_lengths(&mut bits).unwrap_or(false),
        _ => false,
    }
}

/// Returns whether the numbers and the code lengths at the start of a block with dynamic codes are
/// valid.
fn has_code_lengths(bits: &mut Bits<'_>) -> Option<bool> {
    let (literals, distances, lengths) = (bits.next(5)?, bits.next(5)?, bits.next(4)? + 4);
    let (mut space, mut used) = (0, 0);
    for _ in 0..lengths {
        let length = bits.next(3)?;
        if length > 0 {
            space += 128 >> length;
            used += 1;
        }
    }
    // A code uses the whole space, unless it has only one symbol.
    Some(literals <= 29 && distances <= 29 && (space == 128 || used == 1))
}

/// Returns whether the first symbols of a block with fixed codes are valid: no copy begins before the
/// start of the content.
fn has_fixed_codes(bits: &mut Bits<'_>) -> bool {
    let mut content = 0;
    for _ in 0..SYMBOLS {
        match fixed_symbol(bits) {
            Some(Symbol::Literal) => content += 1,
            Some(Symbol::Copy { length, distance }) if distance <= content => content += length,
            // The block ends, or the bytes do.
            Some(Symbol::End) | None => return true,
            Some(Symbol::Copy { .. } | Symbol::Invalid) => return false,
        }
    }
    true
}

/// A symbol of a block with fixed codes.
enum Symbol {
    Literal,
    /// A copy of earlier content.
    Copy {
        length: usize,
        distance: usize,
    },
    End,
    Invalid,
}

/// Reads a symbol (RFC 1951, 3.2.5 and 3.2.6).
fn fixed_symbol(bits: &mut Bits<'_>) -> Option<Symbol> {
    let seven = bits.code(7)?;
    let number = match seven {
        0 => return Some(Symbol::End),
        // The symbols 257 to 279.
        1..24 => seven - 1,
        _ => match seven << 1 | bits.code(1)? {
            0x30..=0xbf => return Some(Symbol::Literal),
            // The symbols 280 to 287.
            eight @ 0xc0..=0xc7 => eight - 0xc0 + 23,
            _ => {
                bits.code(1)?;
                return Some(Symbol::Literal);
            }
        },
    };
    let length = match number {
        0..8 => 3 + number,
        8..28 => {
            let extra = number / 4 - 1;
            3 + ((4 + number % 4) << extra) + bits.next(extra)?
        }
        28 => 258,
        _ => return Some(Symbol::Invalid),
    };
    let code = bits.code(5)?;
    let distance = match code {
        0..4 => 1 + code,
        4..30 => {
            let extra = code / 2 - 1;
            1 + ((2 + code % 2) << extra) + bits.next(extra)?
        }
        _ => return Some(Symbol::Invalid),
    };
    Some(Symbol::Copy { length, distance })
}
