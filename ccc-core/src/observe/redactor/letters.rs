//! Letters and digits of Unicode that are compatible with those of ASCII.

/// Returns the ASCII character that `value` is or is compatible with: a fullwidth or mathematical
/// character ([Unicode](https://www.unicode.org/charts/), blocks *Halfwidth and Fullwidth Forms* and
/// *Mathematical Alphanumeric Symbols*).
pub(super) fn plain(value: u32) -> Option<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let ascii = match value {
        0..=0x7f => value,
        0xff01..=0xff5e => value - 0xff01 + 0x21,
        0x1_d400..=0x1_d6a3 => u32::from(LETTERS[(value as usize - 0x1_d400) % LETTERS.len()]),
        0x1_d7ce..=0x1_d7ff => (value - 0x1_d7ce) % 10 + 0x30,
        _ => return None,
    };
    u8::try_from(ascii).ok()
}

/// Returns the ASCII character that the character at the start of `text` is compatible with, and the
/// length of the character in UTF-8. Returns `None` if the character is itself in ASCII, or is not
/// compatible with one.
pub(super) fn decode(text: &[u8]) -> Option<(u8, usize)> {
    let length = match text.first()? {
        0xef => 3,
        0xf0 => 4,
        _ => return None,
    };
    let character = std::str::from_utf8(text.get(..length)?).ok()?.chars().next()?;
    Some((plain(u32::from(character))?, length))
}
