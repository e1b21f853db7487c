//! The shape of a credential: the characters that follow its prefix.

/// A set of ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    /// The digits and `a` to `f`.
    LowerHex,
    /// The digits and `a` to `f`, in both letter cases.
    Hex,
    Alnum,
    /// The digits and the upper-case letters.
    Upper,
    /// The alphabet of base32: the upper-case letters and `2` to `7`.
    Base32,
    /// The upper-case alphabet of bech32.
    Bech32,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`: the alphabet of base64 for URLs.
    Token,
    /// The characters of `Token` and `=`: base64 for URLs with its padding.
    Padded,
    /// Letters, digits, `+`, `/` and `=`: the alphabet of base64.
    Base64,
    /// The characters of `Base64` and `Token`, `.`, `%` and `~`.
    Value,
    /// The characters of a Base64 value that can be percent-encoded.
    Percent64,
}

impl Class {
    pub(super) const fn has(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::LowerHex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Base32 => matches!(byte, b'2'..=b'7' | b'A'..=b'Z'),
            Self::Bech32 => {
                matches!(byte, b'0' | b'2'..=b'9' | b'A' | b'C'..=b'H' | b'J'..=b'N' | b'P'..=b'Z')
            }
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Token => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Padded => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'='),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Value => {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'%' | b'~')
            }
            Self::Percent64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'%')
            }
        }
    }
}

/// A part of a shape. A shape is matched from left to right without backtracking.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// As many characters of a class as there are: at least the first number, at most the second.
    Run(Class, usize, usize),
    /// Exactly this text.
    Text(&'static str),
}

/// The result of matching a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    /// The end of the match in the input; `None` if the input does not have the shape.
    pub(super) end: Option<usize>,
    /// The number of bytes that were compared.
    pub(super) steps: u64,
}

/// Matches `parts` against the bytes that begin at `at`. The number of steps is at most the sum of
/// the maximum lengths of `parts`.
pub(super) fn matched(bytes: &[u8], at: usize, parts: &[Part]) -> Matched {
    let (mut at, mut steps) = (at, 0);
    for part in parts {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = match part {
            Part::Run(class, least, most) => {
                let length = rest.iter().take(*most).take_while(|b| class.has(**b)).count();
                steps += length as u64 + 1;
                if length < *least {
                    return Matched { end: None, steps };
                }
                length
            }
            Part::Text(text) => {
                steps += text.len() as u64;
                if !rest.starts_with(text.as_bytes()) {
                    return Matched { end: None, steps };
                }
                text.len()
            }
        };
        at += length;
    }
    Matched { end: Some(at), steps }
}

/// Returns the minimum number of bytes that have the shape `parts`.
pub(super) fn least(parts: &[Part]) -> usize {
    let length = |part: &Part| match part {
        Part::Run(_, least, _) => *least,
        Part::Text(text) => text.len(),
    };
    parts.iter().map(length).sum()
}
