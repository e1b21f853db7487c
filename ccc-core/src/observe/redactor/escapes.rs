//! Decoding of single escape sequences, such as `%41`, `\x41` and `&#65;`.

use super::letters;

/// The byte that stands for an escape sequence of a character outside ASCII. It is neither a letter
/// nor a digit, so a [`Skeleton`](super::skeleton::Skeleton) omits it.
const OTHER: u8 = 0;

/// Returns whether `text` contains a byte with which an escape sequence can begin.
pub(super) fn can_occur_in(text: &[u8]) -> bool {
    memchr::memchr3(b'%', b'\\', b'&', text).is_some() || memchr::memchr(b'=', text).is_some()
}

/// Decodes the escape sequence at the start of `text`. Returns the byte that the sequence stands
/// for, and the length of the sequence. Returns `None` if `text` begins with no escape sequence.
///
/// The sequences are those of URLs, of quoted-printable text, of HTML, and of string literals in
/// common programming languages.
pub(super) fn decode(text: &[u8]) -> Option<(u8, usize)> {
    match *text.first()? {
        b'%' => percent(text),
        b'\\' => backslash(text),
        b'&' => reference(text),
        b'=' => quoted_printable(text),
        _ => None,
    }
}

/// Decodes `%41`, and also `%2541`, whose percent sign is itself encoded.
fn percent(text: &[u8]) -> Option<(u8, usize)> {
    let mut at = 1;
    while text[at..].starts_with(b"25") && number(&text[at + 2..], 16, 2, 2).is_some() {
        at += 2;
    }
    let (value, length) = number(&text[at..], 16, 2, 2)?;
    Some((ascii(value), at + length))
}

fn backslash(text: &[u8]) -> Option<(u8, usize)> {
    let rest = &text[1..];
    let (value, length) = match *rest.first()? {
        // Escape sequences of white space and control characters.
        b'n' | b'r' | b't' | b'f' | b'v' | b'b' | b'a' => (0, 1),
        b'x' => shifted(number(&rest[1..], 16, 2, 2)?, 1),
        b'u' if rest.get(1) == Some(&b'{') => shifted(number(&rest[2..], 16, 1, 6)?, 2),
        b'u' => shifted(number(&rest[1..], 16, 4, 4)?, 1),
        b'U' => shifted(number(&rest[1..], 16, 8, 8)?, 1),
        b'0'..=b'7' => number(rest, 8, 1, 3)?,
        _ => return None,
    };
    let closed = usize::from(rest.starts_with(b"u{") && rest.get(length) == Some(&b'}'));
    Some((ascii(value), 1 + length + closed))
}

/// Decodes an HTML character reference by number.
fn reference(text: &[u8]) -> Option<(u8, usize)> {
    let (value, length) = match text {
        [b'&', b'#', b'x' | b'X', rest @ ..] => shifted(number(rest, 16, 1, 6)?, 3),
        [b'&', b'#', rest @ ..] => shifted(number(rest, 10, 1, 7)?, 2),
        _ => return None,
    };
    Some((ascii(value), length + usize::from(text.get(length) == Some(&b';'))))
}

/// Decodes an octet of quoted-printable text. Its digits are in upper case
/// ([RFC 2045, 6.7](https://www.rfc-editor.org/rfc/rfc2045#section-6.7)). The assignment `x=ab` is
/// therefore no escape sequence.
fn quoted_printable(text: &[u8]) -> Option<(u8, usize)> {
    let digits = text.get(1..3)?;
    if digits.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let (value, length) = number(digits, 16, 2, 2)?;
    Some((ascii(value), 1 + length))
}

fn shifted((value, length): (u32, usize), by: usize) -> (u32, usize) {
    (value, length + by)
}

fn ascii(value: u32) -> u8 {
    letters::plain(value).unwrap_or(OTHER)
}

/// Reads a number of at least `min` and at most `max` digits in base `radix` from the start of
/// `text`. Returns the number and the count of its digits.
fn number(text: &[u8], radix: u32, min: usize, max: usize) -> Option<(u32, usize)> {
    let digits = text.iter().take(max).map_while(|byte| char::from(*byte).to_digit(radix));
    let (value, count) = digits.fold((0_u32, 0), |(value, count), digit| {
        (value.saturating_mul(radix).saturating_add(digit), count + 1)
    });
    (count >= min).then_some((value, count))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn one_escape_sequence_is_decoded() {
        for (text, expected) in [
            ("%41z", Some((b'A', 3))),
            ("%252541z", Some((b'A', 7))),
            ("%25zz", Some((b'%', 3))),
            ("%4", None),
            ("%c3", Some((0, 3))),
            ("\\x41z", Some((b'A', 4))),
            ("\\u0041", Some((b'A', 6))),
            ("\\u{41}z", Some((b'A', 6))),
            ("\\u{41", Some((b'A', 5))),
            ("\\U00000041", Some((b'A', 10))),
            ("\\101z", Some((b'A', 4))),
            ("\\n", Some((0, 2))),
            ("\\\\u0041", None),
            ("\\", None),
            ("\\u00", None),
            ("&#65;z", Some((b'A', 5))),
            ("&#x41z", Some((b'A', 5))),
            ("&amp;", None),
            ("=41z", Some((b'A', 3))),
            ("=ab", None),
            ("=", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(decode(text.as_bytes()), expected, "{text}");
        }
    }
}
