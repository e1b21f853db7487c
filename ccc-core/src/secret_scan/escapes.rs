//! Escapes of string literals, URLs and HTML. Each function makes one pass over its input.

use super::text::View;

/// Returns `text` with the escapes of string literals replaced by their characters, such as `\n`,
/// `\x41`, `\u0041`, `\u{41}`, `\N{U+0041}` and `\101`. Returns `None` if `text` has none.
pub(super) fn unescaped(text: &View) -> Option<View> {
    replaced(text, b'\\', escape)
}

/// Returns `text` with percent-encoded bytes (`%41`) replaced, also if the percent sign is itself
/// encoded (`%2541`). Returns `None` if it has none.
pub(super) fn percent_decoded(text: &View) -> Option<View> {
    replaced(text, b'%', |window| {
        let (mut at, byte) = (1, |at: usize| number(window.get(at..at + 2)?, 16));
        while byte(at) == Some(0x25) && byte(at + 2).is_some() {
            at += 2;
        }
        Some((byte(at)?, at + 2))
    })
}

/// Returns `text` with the character references of HTML replaced: numbers (`&#65;`, `&#x41`), and
/// the names of the punctuation in credentials. Returns `None` if it has none.
pub(super) fn entities_decoded(text: &View) -> Option<View> {
    replaced(text, b'&', entity)
}

/// Returns `text` with the escapes of CSS replaced: a backslash, up to six hexadecimal digits and
/// an optional space ([CSS Syntax](https://www.w3.org/TR/css-syntax-3/#consume-escaped-code-point)).
/// Replaces only printable ASCII characters. Returns `None` if it has none.
pub(super) fn css_unescaped(text: &View) -> Option<View> {
    replaced(text, b'\\', |window| {
        let digits = count(&window[1..], 6, |b| b.is_ascii_hexdigit());
        let character = number(&window[1..=digits], 16).filter(|c| (0x20..0x7f).contains(c))?;
        let space = window.get(digits + 1).is_some_and(u8::is_ascii_whitespace);
        Some((character, digits + 1 + usize::from(space)))
    })
}

/// Returns `text` with the escapes of PowerShell (`` `u{41} ``) replaced. Returns `None` if it has
/// none.
pub(super) fn backtick_unescaped(text: &View) -> Option<View> {
    replaced(text, b'`', |window| {
        let (value, length) = braced(window.strip_prefix(b"`u{")?, 16)?;
        Some((value, length + 3))
    })
}

/// Returns `text` with the octets of quoted-printable text (`=41`) replaced, and without its soft
/// line breaks ([RFC 2045, 6.7](https://www.rfc-editor.org/rfc/rfc2045#section-6.7)). Also returns
/// whether the whole text is quoted-printable: each `=` belongs to an octet or to a line break, and
/// there are octets. Returns `None` if it has none.
pub(super) fn quoted_printable(text: &View) -> Option<(View, bool)> {
    let bytes = &text.bytes;
    let (mut view, mut copied) = (text.like(), 0);
    let (mut octets, mut others) = (0, 0);
    for at in memchr::memchr_iter(b'=', bytes) {
        let rest = &bytes[at + 1..bytes.len().min(at + 9)];
        let spaces = count(rest, rest.len(), |b| matches!(b, b' ' | b'\t' | b'\r'));
        let octet = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if rest.get(spaces) == Some(&b'\n') {
            view.copy_range(text, copied..at);
            copied = at + spaces + 2;
        } else if let Some(octet) = octet.and_then(|digits| number(digits, 16)) {
            view.copy_range(text, copied..at);
            view.push(octet as u8, text, at..at + 3);
            copied = at + 3;
            octets += 1;
        } else {
            others += 1;
        }
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some((view, octets > 0 && others == 0))
}

/// Maximum length of a sequence.
const MAX_ESCAPE: usize = 16;

/// Replaces each sequence that begins with `mark` and that `decode` knows. `decode` returns the
/// character and the length of the sequence. Returns `None` if there is no such sequence.
fn replaced(text: &View, mark: u8, decode: fn(&[u8]) -> Option<(u32, usize)>) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut copied, mut at) = (text.like(), 0, 0);
    while let Some(found) = memchr::memchr(mark, &bytes[at..]) {
        at += found;
        let window = &bytes[at..bytes.len().min(at + MAX_ESCAPE)];
        let Some((character, length)) = decode(window) else {
            at += 1;
            continue;
        };
        let range = at..at + length;
        view.copy_range(text, copied..at);
        match u8::try_from(character) {
            Ok(byte) => view.push(byte, text, range),
            Err(_) => {
                let character = char::from_u32(character).unwrap_or('\u{fffd}');
                let mut buffer = [0; 4];
                view.extend(character.encode_utf8(&mut buffer).as_bytes(), text, range);
            }
        }
        at += length;
        copied = at;
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}

fn escape(window: &[u8]) -> Option<(u32, usize)> {
    let simple = |byte: u8| Some((u32::from(byte), 2));
    match *window.get(1)? {
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' | b'f' | b'v' | b'a' | b'e' => simple(b' '),
        b'x' if window.get(2) == Some(&b'{') => enclosed(window, 3, 16),
        b'x' => Some((number(window.get(2..4)?, 16)?, 4)),
        // Java accepts more than one `u`.
        b'u' => {
            let digits = 1 + count(&window[1..], 4, |b| b == b'u');
            if window.get(digits) == Some(&b'{') {
                return enclosed(window, digits + 1, 16);
            }
            Some((number(window.get(digits..digits + 4)?, 16)?, digits + 4))
        }
        b'U' => Some((number(window.get(2..10)?, 16)?, 10)),
        b'N' if window.starts_with(b"\\N{U+") => enclosed(window, 5, 16),
        b'o' if window.get(2) == Some(&b'{') => enclosed(window, 3, 8),
        b'0'..=b'7' => {
            let digits = count(&window[1..], 3, |b| matches!(b, b'0'..=b'7'));
            Some((number(&window[1..=digits], 8)?, digits + 1))
        }
        punctuation @ (b'\\' | b'/' | b'"' | b'\'' | b'-' | b'_' | b'.') => simple(punctuation),
        _ => None,
    }
}

/// Reads a number in base `base` from `at` to the next `}`. Returns the number and the end.
fn enclosed(window: &[u8], at: usize, base: u32) -> Option<(u32, usize)> {
    let (value, length) = braced(&window[at..], base)?;
    Some((value, at + length))
}

/// Reads a number in base `base` up to the next `}`. Returns the number, and the length with `}`.
fn braced(rest: &[u8], base: u32) -> Option<(u32, usize)> {
    let length = rest.iter().position(|b| *b == b'}')?;
    Some((number(&rest[..length], base)?, length + 1))
}

/// Names of character references
/// ([HTML](https://html.spec.whatwg.org/multipage/named-characters.html)).
const NAMES: &[(&[u8], u8)] = &[
    (b"lowbar;", b'_'),
    (b"UnderBar;", b'_'),
    (b"period;", b'.'),
    (b"colon;", b':'),
    (b"sol;", b'/'),
    (b"plus;", b'+'),
    (b"equals;", b'='),
    (b"amp;", b'&'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
];

fn entity(window: &[u8]) -> Option<(u32, usize)> {
    let (rest, base) = match window {
        [_, b'#', b'x' | b'X', rest @ ..] => (rest, 16),
        [_, b'#', rest @ ..] => (rest, 10),
        [_, rest @ ..] => {
            let (name, byte) = NAMES.iter().find(|(name, _)| rest.starts_with(name))?;
            return Some((u32::from(*byte), name.len() + 1));
        }
        [] => return None,
    };
    let digits = count(rest, 7, |b| (b as char).is_digit(base));
    let end = window.len() - rest.len() + digits;
    // The semicolon may be missing.
    Some((number(&rest[..digits], base)?, end + usize::from(window.get(end) == Some(&b';'))))
}

/// Returns the number of bytes at the start of `bytes`, at most `most`, that `belongs` accepts.
fn count(bytes: &[u8], most: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take(most).take_while(|b| belongs(**b)).count()
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    let mut value = (!digits.is_empty()).then_some(0_u32)?;
    for digit in digits {
        value = value.checked_mul(base)?.checked_add(char::from(*digit).to_digit(base)?)?;
    }
    Some(value)
}
