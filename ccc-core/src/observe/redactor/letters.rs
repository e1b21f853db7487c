//! Letters and digits of Unicode that look like those of ASCII, and are the same in compatibility forms.

/// Returns the ASCII character that `value` is or stands for: a fullwidth or mathematical character, or
/// an invisible tag ([Unicode](https://www.unicode.org/charts/), blocks *Halfwidth and Fullwidth Forms*,
/// *Mathematical Alphanumeric Symbols* and *Tags*).
pub(super) fn plain(value: u32) -> Option<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let ascii = match value {
        0..=0x7f => value,
        0xff01..=0xff5e => value - 0xff01 + 0x21,
        0x1_d400..=0x1_d6a3 => u32::from(LETTERS[(value as usize - 0x1_d400) % LETTERS.len()]),
        0x1_d7ce..=0x1_d7ff => (value - 0x1_d7ce) % 10 + 0x30,
        0xe_0020..=0xe_007e => value - 0xe_0000,
        _ => return None,
    };
    u8::try_from(ascii).ok()
}

/// Returns the ASCII character that the character at the start of `text` stands for, and the length of
/// the character in UTF-8. Returns `None` if the character is itself in ASCII, or stands for none.
pub(super) fn decode(text: &[u8]) -> Option<(u8, usize)> {
    let length = match text.first()? {
        0xef => 3,
        0xf0 | 0xf3 => 4,
        _ => return None,
    };
    let character = std::str::from_utf8(text.get(..length)?).ok()?.chars().next()?;
    Some((plain(u32::from(character))?, length))
}
