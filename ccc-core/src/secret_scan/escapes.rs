//! Escapes of string literals, URLs and HTML. Each function makes one pass over its input.

use super::text::View;

/// Returns `text` with the escapes of string literals replaced by their characters, such as `\n`,
/// `\x41`, `\u0041`, `\u{41}` and `\101`. Returns `None` if `text` has no backslash.
pub(super) fn unescaped(text: &View) -> Option<View> {
    memchr::memchr(b'\\', &text.bytes)?;
    Some(replaced(text, b'\\', escape))
}

/// Returns `text` with percent-encoded bytes (`%41`) replaced. Returns `None` if it has none.
pub(super) fn percent_decoded(text: &View) -> Option<View> {
    memchr::memchr(b'%', &text.bytes)?;
    Some(replaced(text, b'%', |window| Some((number(window.get(1..3)?, 16)?, 3))))
}

/// Returns `text` with the numeric character references of HTML (`&#65;`, `&#x41;`) replaced.
/// Returns `None` if it has none.
pub(super) fn entities_decoded(text: &View) -> Option<View> {
    memchr::memmem::find(&text.bytes, b"&#")?;
    Some(replaced(text, b'&', entity))
}

/// Replaces each sequence that begins with `mark` and that `decode` knows. `decode` returns the
/// character and the length of the sequence.
fn replaced(text: &View, mark: u8, decode: fn(&[u8]) -> Option<(u32, usize)>) -> View {
    const MAX_ESCAPE: usize = 12;
    let (mut view, mut at) = (text.like(), 0);
    while at < text.bytes.len() {
        let window = &text.bytes[at..text.bytes.len().min(at + MAX_ESCAPE)];
        match (window[0] == mark).then(|| decode(window)).flatten() {
            Some((character, length)) => {
                let range = at..at + length;
                match u8::try_from(character) {
                    Ok(byte) => view.push(byte, text, range),
                    Err(_) => {
                        let character = char::from_u32(character).unwrap_or('\u{fffd}');
                        let mut buffer = [0; 4];
                        view.extend(character.encode_utf8(&mut buffer).as_bytes(), text, range);
                    }
                }
                at += length;
            }
            None => {
                view.copy(text, at);
                at += 1;
            }
        }
    }
    view
}

fn escape(window: &[u8]) -> Option<(u32, usize)> {
    let simple = |byte: u8| Some((u32::from(byte), 2));
    match *window.get(1)? {
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'b' | b'f' | b'v' | b'a' | b'e' => simple(b' '),
        b'x' => Some((number(window.get(2..4)?, 16)?, 4)),
        b'u' if window.get(2) == Some(&b'{') => {
            let length = window[3..].iter().position(|b| *b == b'}')?;
            Some((number(&window[3..3 + length], 16)?, length + 4))
        }
        b'u' => Some((number(window.get(2..6)?, 16)?, 6)),
        b'U' => Some((number(window.get(2..10)?, 16)?, 10)),
        b'0'..=b'7' => {
            let digits =
                window[1..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            Some((number(&window[1..=digits], 8)?, digits + 1))
        }
        punctuation @ (b'\\' | b'/' | b'"' | b'\'' | b'-' | b'_' | b'.') => simple(punctuation),
        _ => None,
    }
}

fn entity(window: &[u8]) -> Option<(u32, usize)> {
    if window.get(1) != Some(&b'#') {
        return None;
    }
    let end = window.iter().position(|b| *b == b';')?;
    let value = match window[2] {
        b'x' | b'X' => number(&window[3..end], 16),
        _ => number(&window[2..end], 10),
    };
    Some((value?, end + 1))
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    // `from_str_radix` accepts a sign.
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    u32::from_str_radix(text, base).ok()
}
