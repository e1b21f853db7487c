//! A decoder for both alphabets of base64.

/// Returns the value of a character of base64 or of base64 for URLs.
const fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// The base64 value of each byte, or `None` for a byte outside the alphabet.
pub(super) static VALUES: [Option<u8>; 256] = {
    let (mut values, mut byte) = ([None; 256], 0_u8);
    while byte < u8::MAX {
        values[byte as usize] = value_of(byte);
        byte += 1;
    }
    values
};

/// Decodes `text` up to the first character that is not in the alphabet. Bits that do not fill a
/// byte are dropped.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for value in text.iter().map_while(|byte| VALUES[usize::from(*byte)]) {
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    decoded
}
