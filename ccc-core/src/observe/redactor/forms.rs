//! The encoded forms of a secret.

/// The characters of base64 in the order of their values. The two variants of base64 differ only in
/// the last two characters, which are not part of a [`Skeleton`](super::skeleton::Skeleton).
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_FOR_URLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The characters of base32 in the order of their values.
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";

/// Maximum size of a secret whose forms in two encodings are found, in bytes. The forms of a longer
/// secret would need much memory.
const MAX_TWICE: usize = 1 << 10;

/// A form of a secret.
pub(super) struct Form {
    pub(super) text: Vec<u8>,
    /// Whether the form consists of numbers in decimal or octal digits.
    pub(super) is_number: bool,
}

/// An encoding. Returns several texts if the encoding has variants.
type Encoding = fn(&[u8]) -> Vec<Vec<u8>>;

/// The encodings in which a secret can be before another encoding. Their texts are exact.
const INNER: &[Encoding] =
    &[plain, backwards, base64, base64_for_urls, base32, hex, utf16, escaped, listed];
/// The encodings in which a skeleton finds a text. Escape sequences are missing, because the text is
/// decoded before the search. UTF-16 and separators between numbers are not part of a skeleton.
const OUTER: &[Encoding] = &[plain, backwards, base64, base32, lower_hex, hex_numbers];

/// Returns the forms of `secret`: each of the encodings [`OUTER`] after each of the encodings [`INNER`].
///
/// A form in base64 or base32 depends on the number of bytes before the secret in the encoded data,
/// so the result has one form for each alignment. Forms that a skeleton makes equal, such as the two
/// cases of hexadecimal digits, can occur several times.
pub(super) fn forms(secret: &[u8]) -> Vec<Form> {
    let inner = if secret.len() <= MAX_TWICE { INNER } else { &[plain as Encoding, backwards] };
    let mut inner: Vec<Vec<u8>> = inner.iter().flat_map(|encode| encode(secret)).collect();
    inner.sort_unstable();
    inner.dedup();
    let mut forms = Vec::new();
    for text in inner {
        let form = |is_number: bool| move |text: Vec<u8>| Form { text, is_number };
        forms.extend(numbers(&text).into_iter().map(form(true)));
        forms.extend(OUTER.iter().flat_map(|encode| encode(&text)).map(form(false)));
    }
    forms
}

fn plain(text: &[u8]) -> Vec<Vec<u8>> {
    vec![text.to_vec()]
}

fn backwards(text: &[u8]) -> Vec<Vec<u8>> {
    vec![text.iter().rev().copied().collect()]
}

/// Returns the three base64 forms of `text`, one for each alignment.
fn base64(text: &[u8]) -> Vec<Vec<u8>> {
    (0..3).map(|lead| digits(text, BASE64, lead)).collect()
}

fn base64_for_urls(text: &[u8]) -> Vec<Vec<u8>> {
    (0..3).map(|lead| digits(text, BASE64_FOR_URLS, lead)).collect()
}

/// Returns the five base32 forms of `text`, one for each alignment.
fn base32(text: &[u8]) -> Vec<Vec<u8>> {
    (0..5).map(|lead| digits(text, BASE32, lead)).collect()
}

fn hex(text: &[u8]) -> Vec<Vec<u8>> {
    let lower = digits(text, HEX, 0);
    vec![lower.to_ascii_uppercase(), lower]
}

fn lower_hex(text: &[u8]) -> Vec<Vec<u8>> {
    vec![digits(text, HEX, 0)]
}

fn utf16(text: &[u8]) -> Vec<Vec<u8>> {
    let little = text.iter().flat_map(|byte| [*byte, 0]).collect();
    let big = text.iter().flat_map(|byte| [0, *byte]).collect();
    vec![little, big]
}

/// Returns `text` in percent-encoding, in escape sequences of string literals, and in references of
/// HTML.
fn escaped(text: &[u8]) -> Vec<Vec<u8>> {
    vec![
        each(text, "", |byte| format!("%{byte:02X}")),
        each(text, "", |byte| format!("%{byte:02x}")),
        each(text, "", |byte| format!("\\x{byte:02x}")),
        each(text, "", |byte| format!("\\u{byte:04x}")),
        each(text, "", |byte| format!("&#{byte};")),
    ]
}

/// Returns the bytes of `text` as lists of numbers with usual separators.
fn listed(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lists: Vec<Vec<u8>> =
        [", ", ",", " "].map(|separator| each(text, separator, |byte| byte.to_string())).into();
    lists.extend([" ", ":"].map(|separator| each(text, separator, |byte| format!("{byte:02x}"))));
    lists.push(each(text, ", ", |byte| format!("0x{byte:02x}")));
    lists
}

/// Returns the bytes of `text` as hexadecimal numbers, with one and with two digits for small numbers.
fn hex_numbers(text: &[u8]) -> Vec<Vec<u8>> {
    vec![
        each(text, "", |byte| format!("0x{byte:02x}")),
        each(text, "", |byte| format!("0x{byte:x}")),
    ]
}

/// Returns the bytes of `text` as decimal and octal numbers, also with three digits for each number,
/// and with the prefixes of octal numbers.
fn numbers(text: &[u8]) -> Vec<Vec<u8>> {
    vec![
        each(text, "", |byte| byte.to_string()),
        each(text, "", |byte| format!("{byte:03}")),
        each(text, "", |byte| format!("{byte:o}")),
        each(text, "", |byte| format!("{byte:03o}")),
        each(text, "", |byte| format!("0{byte:o}")),
        each(text, "", |byte| format!("0o{byte:o}")),
    ]
}

/// Returns the bytes of `text` in the given form, with `separator` between them.
fn each(text: &[u8], separator: &str, form: impl Fn(u8) -> String) -> Vec<u8> {
    text.iter().map(|byte| form(*byte)).collect::<Vec<_>>().join(separator).into_bytes()
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
