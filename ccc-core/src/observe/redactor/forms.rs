//! The encoded forms of a secret.

/// The characters of base64 in the order of their values. The two variants of base64 differ only in
/// the last two characters, which are not part of a [`Skeleton`](super::skeleton::Skeleton).
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The characters of base32 in the order of their values.
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";

/// Returns `secret` and its encoded forms: base64, base32, hexadecimal and decimal numbers, also in
/// UTF-16, encoded twice, reversed before and after the encoding.
///
/// A form in base64 or base32 depends on the number of bytes before the secret in the encoded data,
/// so the result has one form for each alignment. Forms that a skeleton makes equal, such as the two
/// cases of hexadecimal digits, occur once. Percent-encoded and escaped forms are missing, because
/// the text is decoded before the search.
pub(super) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for text in [secret.to_vec(), reversed(secret)] {
        let encoded = encodings(&text);
        // The reversed text itself is the second element of the loop.
        forms.extend(encoded.iter().map(|form| reversed(form)));
        forms.push(text);
        forms.extend(encoded);
    }
    forms
}

fn encodings(text: &[u8]) -> Vec<Vec<u8>> {
    let (hex, base64) = (digits(text, HEX, 0), digits(text, BASE64, 0));
    let twice = [hex.to_ascii_uppercase(), hex.clone(), base64];
    let mut forms = alignments(text);
    forms.extend((0..5).map(|lead| digits(text, BASE32, lead)));
    forms.extend(utf16(text).iter().flat_map(|wide| alignments(wide)));
    forms.extend(twice.iter().flat_map(|once| alignments(once)));
    forms.push(digits(&twice[2], HEX, 0));
    forms.push(hex);
    forms.push(numbers(text, |byte| byte.to_string()));
    forms.push(numbers(text, |byte| format!("0x{byte:02x}")));
    forms.push(numbers(text, |byte| format!("0x{byte:x}")));
    forms
}

/// Returns the three base64 forms of `text`, one for each alignment.
fn alignments(text: &[u8]) -> Vec<Vec<u8>> {
    (0..3).map(|lead| digits(text, BASE64, lead)).collect()
}

/// Encodes `text` with `alphabet`, whose length is a power of two up to 128. Returns the digits that
/// depend only on `text` if `lead` bytes are encoded before it and any bytes after it.
fn digits(text: &[u8], alphabet: &[u8], lead: usize) -> Vec<u8> {
    let bits = alphabet.len().ilog2() as usize;
    let first = (lead * 8).div_ceil(bits);
    let end = (lead + text.len()) * 8 / bits;
    (first..end)
        .map(|digit| {
            let bit = digit * bits - lead * 8;
            let next = text.get(bit / 8 + 1).copied().unwrap_or(0);
            let pair = u16::from_be_bytes([text[bit / 8], next]);
            let value = usize::from(pair) >> (16 - bits - bit % 8);
            alphabet[value % alphabet.len()]
        })
        .collect()
}

fn utf16(text: &[u8]) -> [Vec<u8>; 2] {
    let little = text.iter().flat_map(|byte| [*byte, 0]).collect();
    let big = text.iter().flat_map(|byte| [0, *byte]).collect();
    [little, big]
}

fn numbers(text: &[u8], format: impl Fn(u8) -> String) -> Vec<u8> {
    text.iter().flat_map(|byte| format(*byte).into_bytes()).collect()
}

fn reversed(text: &[u8]) -> Vec<u8> {
    text.iter().rev().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_encoding() {
        // The expected texts are those of the programs `base64` and `base32`, without the digits
        // that also depend on the bytes `\0` before and after the text.
        for (alphabet, lead, expected) in [
            (BASE64, 0, "Zm9vYmFy"),
            (BASE64, 1, "Zvb2Jhc"),
            (BASE64, 2, "mb29iYX"),
            (BASE32, 0, "MZXW6YTBO"),
            (BASE32, 1, "TG633CMFZ"),
            (HEX, 0, "666f6f626172"),
        ] {
            let found = String::from_utf8(digits(b"foobar", alphabet, lead)).unwrap();
            assert_eq!(found, expected, "{lead}");
        }
    }
}
