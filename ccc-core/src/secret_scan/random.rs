//! Recognition of random values that only the name of a variable or key shows to be secrets.

use super::base64::decode;
use super::der;
use super::placeholder::{changes_of, entropy_of, is_mixed, is_placeholder};
use super::published;
use super::shape::Class::Value;
use super::words::wordiness_of;

/// Minimum length of a random value.
pub(super) const MIN_RANDOM: usize = 20;
/// Minimum entropy of a random value, in bits per character. One random value in 200 of the minimum length
/// has less.
const MIN_ENTROPY: f64 = 3.6;
/// Minimum length of a random value that was decoded from base64. A generated password is shorter
/// than a key.
const MIN_DECODED: usize = 16;
/// Minimum length of a random value that has letters of one case and digits.
const MIN_ONE_CASE: usize = 32;
/// Minimum length of a random value in hex. Identifiers and checksums with 32 digits are common.
pub(super) const MIN_HEX: usize = 40;
/// Minimum number of characters in one part of a value in code, so that a path of identifiers is none.
const MIN_PART: usize = 12;

/// Returns whether a value that is assigned to the name of a secret is a secret.
pub(super) fn is_secret(value: &[u8]) -> bool {
    is_random(value) || is_random_in_one_case(value) || is_encoded_secret(value)
}

/// Returns whether a value is random text: not a word, an identifier, a path, a hash, or text in
/// base64.
pub(super) fn is_random(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let hash = [&b"sha1-"[..], b"sha256-", b"sha384-", b"sha512-", b"sha256:", b"md5-"];
    value.len() >= MIN_RANDOM
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && !hash.iter().any(|start| value.starts_with(start))
        && !is_file_path(value)
        && !is_image(value)
        && !is_address(value)
        && !is_placeholder(value, MIN_RANDOM, MIN_ENTROPY)
        && entropy_of(value) >= MIN_ENTROPY
        && is_mixed_at_random(value, has(u8::is_ascii_digit))
        && !is_encoded_text(value)
        && !der::is_public(&decode(value))
        && !published::is_public(value)
}

/// Returns whether a value is the start of an image or of a document in base64, or a URL with
/// percent-encoding.
fn is_image(value: &[u8]) -> bool {
    let starts = [
        &b"iVBORw0KGgo"[..],
        b"/9j/4",
        b"R0lGOD",
        b"UklGR",
        b"JVBERi0",
        b"PHN2Zy",
        b"http%3A",
        b"https%3A",
        b"%2F",
    ];
    starts.iter().any(|start| value.starts_with(start))
}

/// Returns whether a value is the address of an account or of a token on a blockchain: base58 of 32
/// bytes (<https://solana.com/docs/core/accounts>), or base58 of 25 bytes with the prefix of Tron.
fn is_address(value: &[u8]) -> bool {
    let is_base58 =
        value.iter().all(|b| b.is_ascii_alphanumeric() && !matches!(b, b'0' | b'O' | b'I' | b'l'));
    // The largest number of 32 bytes has 44 digits and begins with `J`.
    let is_solana = value.len() == 43 || value.len() == 44 && value[0] <= b'J';
    is_base58 && (is_solana || value.len() == 34 && value[0] == b'T')
}

/// Returns whether a value is in bech32, as the addresses of many blockchains
/// (<https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki>).
fn is_bech32(value: &[u8]) -> bool {
    let Some(separator) = value.iter().rposition(|b| *b == b'1') else { return false };
    let data = &value[separator + 1..];
    let is_digit = |b: &u8| b.is_ascii_lowercase() && !b"bio".contains(b) || b.is_ascii_digit();
    (2..=12).contains(&separator)
        && value[..separator].iter().all(u8::is_ascii_lowercase)
        && data.len() >= 38
        && data.iter().all(|b| is_digit(b) && *b != b'1')
}

/// Returns whether a value is the path of a file: it starts as a path does, and at least two and half of
/// its parts are words in lower case. The other parts can be random, such as the name of a temporary
/// directory.
fn is_file_path(value: &[u8]) -> bool {
    let starts = [&b"/"[..], b"./", b"../", b"~/"];
    let is_word = |part: &&[u8]| {
        part.len() > 1 && part.iter().all(|b| b.is_ascii_lowercase() || b"-_.".contains(b))
    };
    let parts = || value.split(|b| *b == b'/').filter(|part| !part.is_empty());
    let words = parts().filter(is_word).count();
    starts.iter().any(|start| value.starts_with(start))
        && words >= 2
        && words * 2 >= parts().count()
}

/// Returns whether the kinds of characters of a value alternate as in random text. Identifiers in words
/// alternate less, and their pairs of letters are common. A value without digits is nearly always one.
fn is_mixed_at_random(value: &[u8], has_digits: bool) -> bool {
    let (changes, wordiness) = (changes_of(value), wordiness_of(value));
    let often = changes >= 0.45 && wordiness < if is_path(value) { 0.45 } else { 0.55 };
    let seldom = changes >= 0.28 && wordiness < 0.4;
    match has_digits {
        true => often || seldom,
        false => changes >= 0.4 && wordiness < 0.3,
    }
}

/// Returns whether a value is random and has letters of one case and digits.
pub(super) fn is_random_in_one_case(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    value.len() >= MIN_ONE_CASE
        && value.iter().all(u8::is_ascii_alphanumeric)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase) != has(u8::is_ascii_uppercase)
        && value.iter().any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit())
        && !is_bech32(value)
        && !is_placeholder(value, MIN_ONE_CASE, 3.8)
        && changes_of(value) >= 0.3
        && !published::is_public(value)
}

/// Returns whether a value is random and has punctuation, such as a generated password or the
/// secret key of a framework. Regular expressions, templates and hashes of passwords are none.
pub(super) fn is_random_with_marks(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count();
    let letters = count(u8::is_ascii_alphanumeric);
    let marks = value.iter().any(|b| !Value.has(*b));
    let code = |b: &u8| b"[]{}\\?|<>;'\"/,`".contains(b);
    let is_query =
        [&b"=%2F"[..], b"=http"].iter().any(|part| memchr::memmem::find(value, part).is_some());
    value.len() >= MIN_RANDOM
        && !is_query
        && !value.iter().any(code)
        && marks
        && letters * 2 >= value.len()
        && count(u8::is_ascii_digit) > 0
        && count(u8::is_ascii_alphabetic) > 0
        && !is_placeholder(value, MIN_RANDOM, 3.8)
        && entropy_of(value) >= 4.0
        && changes_of(value) >= 0.5
        && !published::is_marked(value)
}

/// Returns whether a value in hex is random. A prefix `0x` is not counted.
pub(super) fn is_random_hex(value: &[u8], least: usize) -> bool {
    let digits = value.strip_prefix(b"0x").unwrap_or(value);
    let of = |test: fn(&u8) -> bool| digits.iter().all(test);
    let one_case = of(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        || of(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    digits.len() >= least
        && one_case
        && is_mixed(digits)
        && !is_placeholder(digits, least, 3.0)
        && !published::is_public(value)
}

/// Returns whether a value is the fingerprint of an OpenPGP key, which is written in upper case
/// (<https://www.rfc-editor.org/rfc/rfc9580#section-5.5.4>).
pub(super) fn is_fingerprint(value: &[u8]) -> bool {
    value.len() == 40 && value.iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'))
}

/// Returns whether a value in base64 is a secret: random text, or a random password or key after a
/// user name and a colon.
pub(super) fn is_encoded_secret(value: &[u8]) -> bool {
    let decoded = decode(value);
    let text = decoded.trim_ascii_end();
    let text = &text[memchr::memrchr(b':', text).map_or(0, |colon| colon + 1)..];
    is_encoded_text(value) && is_short_secret(text)
}

/// Returns whether `text`, which is stored as a secret, is random.
pub(super) fn is_short_secret(text: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(text.iter().any(test));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let structured = |b: &u8| b"{}[]<>\"\\".contains(b);
    let word = text.len() >= MIN_DECODED
        && text.iter().all(u8::is_ascii_graphic)
        && !text.iter().any(structured)
        && kinds >= 3
        && !is_placeholder(text, MIN_DECODED - 2, 3.0)
        && entropy_of(text) >= 3.2
        && changes_of(text) >= 0.35
        && !published::is_marked(text)
        && !published::is_public(text);
    word || is_random_hex(text, MIN_HEX) || is_random_in_one_case(text)
}

/// Returns whether a value without quotes is a path of identifiers in code.
pub(super) fn is_path(value: &[u8]) -> bool {
    let parts = value.split(|b| matches!(b, b'.' | b'/' | b'-' | b'_'));
    parts.map(<[u8]>::len).max().unwrap_or_default() < MIN_PART
}

/// Returns whether `value` is printable text in base64. That text is scanned by itself.
pub(super) fn is_encoded_text(value: &[u8]) -> bool {
    let decoded = decode(value);
    let printable = |b: &u8| (b' '..=b'~').contains(b) || b.is_ascii_whitespace();
    decoded.len() > 8 && decoded.iter().all(printable)
}
