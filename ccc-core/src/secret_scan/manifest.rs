//! Values of Secrets of Kubernetes
//! (<https://kubernetes.io/docs/concepts/configuration/secret/>). All values of such a document are
//! secret, so their names do not matter.

use std::ops::Range;

use super::assigned::MAX_VALUE;
use super::base64::decode;
use super::der;
use super::placeholder::{changes_of, entropy_of, is_placeholder};
use super::published;
use super::random::{is_encoded_secret, is_encoded_text, is_short_secret};
use super::shape::Class::{Base64, Value};

/// The name of the member with the type of a document.
pub(super) const KIND: &str = "kind";
/// Number of passes that [`secrets`] makes over the text.
pub(super) const PASSES: usize = 5;
/// Number of bytes of a value that are compared.
pub(super) const COMPARED: usize = 24;
/// Minimum length of a value in base64.
const MIN_ENCODED: usize = 22;

/// Returns the ranges of random values in the documents of `bytes` that are Secrets.
pub(super) fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let ends = memchr::memmem::find_iter(bytes, b"\n---").chain([bytes.len()]);
    let mut start = 0;
    for end in ends {
        let document = &bytes[start..end];
        if is_secret(document) {
            let plain = memchr::memmem::find(document, b"stringData");
            let values = memchr::memchr_iter(b':', document)
                .filter_map(|colon| value(document, colon, plain.is_some_and(|at| at < colon)));
            found.extend(values.map(|range| start + range.start..start + range.end));
        }
        start = end;
    }
    found
}

fn is_secret(document: &[u8]) -> bool {
    memchr::memmem::find_iter(document, KIND).any(|at| {
        let rest = &document[at + 4..document.len().min(at + 24)];
        let gap = rest.iter().take_while(|b| b" \t\"':".contains(b)).count();
        let rest = rest[..gap].contains(&b':').then(|| rest[gap..].strip_prefix(b"Secret"));
        rest.flatten().is_some_and(|rest| rest.first().is_none_or(|b| !b.is_ascii_alphanumeric()))
    })
}

/// Returns the range of the value after `colon`, if it is random. Plain values are judged only if
/// `plain` is true.
fn value(document: &[u8], colon: usize, plain: bool) -> Option<Range<usize>> {
    let rest = &document[colon + 1..];
    let gap = rest.iter().take(8).take_while(|b| b" \t\"'".contains(b)).count();
    let start = colon + 1 + gap;
    let value = &document[start..];
    let value = &value[..value.iter().take(MAX_VALUE).take_while(|b| Value.has(**b)).count()];
    let closed = match document.get(start + value.len()) {
        Some(byte) => value.len() == MAX_VALUE || b"\"'\n\r,} \t".contains(byte),
        None => true,
    };
    let secret = closed && (is_encoded(value) || plain && is_short_secret(value));
    secret.then_some(start..start + value.len())
}

/// Returns whether `value` is a random text or random bytes in base64.
fn is_encoded(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    if value.len() < MIN_ENCODED || !value.iter().all(|b| Base64.has(*b)) {
        return false;
    }
    if is_encoded_text(value) {
        return is_encoded_secret(value);
    }
    let decoded = decode(value);
    std::str::from_utf8(&decoded).is_err()
        && value.len().is_multiple_of(4)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && entropy_of(value) >= 3.5
        && changes_of(value) >= 0.45
        && !is_placeholder(value, MIN_ENCODED, 3.5)
        && !der::is_public(&decoded)
        && !published::is_public(value)
}
