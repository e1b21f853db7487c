//! Private keys: a header counts only with key material after it.

use super::base64::decode;
use super::der::begins_with_key;
use super::placeholder::{changes_of, entropy_of, is_mixed};

/// Maximum number of bytes after a header that are searched for key material. Keys are shorter: one of
/// RSA with 4096 bits has 3 KB.
const WINDOW: usize = 16 << 10;
/// Number of bytes after a header in which key material must begin.
pub(super) const FIRST: usize = 512;
/// Maximum length of the label between `-----BEGIN ` and `-----`.
const MAX_LABEL: usize = 64;
/// Minimum number of base64 characters of key material. The smallest private keys, of Ed25519, have
/// more.
const MIN_MATERIAL: usize = 40;
/// Minimum number of consecutive base64 characters that count as key material.
const MIN_WORD: usize = 12;
/// Minimum entropy of key material, in bits per character.
const MIN_ENTROPY: f64 = 3.5;
/// Minimum share of neighbouring characters of key material that are of different kinds.
const MIN_CHANGES: f64 = 0.3;
/// Maximum length of a prefix or suffix of a literal, and of a number of lines.
const MAX_PREFIX: usize = 3;

/// Starts of headers, and the labels that follow in private keys.
pub(super) const PEM: &str = "-----BEGIN ";
pub(super) const SSH2: &str = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----";
pub(super) const PUTTY: &str = "Private-Lines:";

/// The key material after a header.
pub(super) struct Material {
    pub(super) end: usize,
    /// The base64 characters of the key, without line breaks. Two copies of one key are equal,
    /// regardless of the line breaks and quotes between the characters.
    pub(super) value: Vec<u8>,
}

/// Returns the key after the PEM header that begins before `at`, where its label begins.
pub(super) fn pem(bytes: &[u8], at: usize) -> Option<Material> {
    let rest = &bytes[at.min(bytes.len())..];
    let rest = &rest[..rest.len().min(MAX_LABEL)];
    let end = memchr::memmem::find(rest, b"-----")?;
    let label = &rest[..end];
    let private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if private {
        return material(bytes, at + end + 5);
    }
    if label.ends_with(b"TESTING KEY") || !label.ends_with(b"KEY") {
        return None;
    }
    // A private key with another label is recognized by its content.
    let key = material(bytes, at + end + 5)?;
    begins_with_key(&decode(&key.value)).then_some(key)
}

/// Returns the key material that follows at `at`. Only header lines such as `Proc-Type:`, escaped
/// line breaks, quotes, and the punctuation that joins string literals may be before it.
pub(super) fn material(bytes: &[u8], at: usize) -> Option<Material> {
    let window = &bytes[at.min(bytes.len())..bytes.len().min(at + WINDOW)];
    let (mut value, mut end, mut position) = (Vec::new(), 0, 0);
    while position < window.len() {
        let rest = &window[position..];
        let none = position > FIRST && value.len() < MIN_MATERIAL;
        if none || rest.starts_with(b"-----") || rest.starts_with(b"---- ") {
            break;
        }
        let length = rest.iter().take_while(|b| is_material(**b)).count();
        position += match (rest[0], length) {
            // An escaped line break is not part of the key.
            (b'\\', _) => 2,
            (_, MIN_WORD..) => {
                value.extend_from_slice(&rest[..length]);
                end = position + length;
                length
            }
            (_, 1..) if value.len() >= MIN_WORD => {
                value.extend_from_slice(&rest[..length]);
                end = position + length;
                length
            }
            // A name of a header, a number, or the prefix of a literal.
            (_, 1..) => match header_line(rest) {
                Some(line) => line,
                None if length <= MAX_PREFIX => length,
                None => break,
            },
            (byte, 0) if is_separator(byte) => 1,
            _ => break,
        };
    }
    (value.len() >= MIN_MATERIAL && is_random(&value)).then(|| Material { end: at + end, value })
}

/// Returns the length of the line at the start of `rest`, if it is a header such as `Comment: x`.
fn header_line(rest: &[u8]) -> Option<usize> {
    let line = rest.iter().take(128).take_while(|b| !matches!(b, b'\n' | b'\\')).count();
    let name = rest[..line].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    (rest.get(name) == Some(&b':')).then_some(line)
}

/// Returns whether `value` is random. Identifiers in code after a header are not.
fn is_random(value: &[u8]) -> bool {
    let judged = &value[..value.len().min(256)];
    is_mixed(judged)
        && judged.iter().any(u8::is_ascii_digit)
        && entropy_of(judged) >= MIN_ENTROPY
        && changes_of(judged) >= MIN_CHANGES
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\"'`,.#*|>&;:".contains(&byte)
}

fn is_material(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}
