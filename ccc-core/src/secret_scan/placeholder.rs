//! Recognition of text that has the form of a credential and is none: placeholders, documented
//! examples and identifiers.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words of placeholders and documented examples, in lower case. The words have at least four
/// letters: a random credential contains a given word of four letters in one case of 30 000.
const WORDS: &[&str] = &[
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "replace",
    "your",
    "dummy",
    "fake",
    "redacted",
    "insert",
    "todo",
    "test",
    "token",
    "secret",
    "foobar",
    "lorem",
    "deadbeef",
    "abcdef",
    "qwerty",
    "1234567890",
    "123456",
    "apikey",
    "api-key",
    "api_key",
    "password",
    "xxxx",
    "here",
    "mock",
    "invalid",
    "notreal",
    "not-real",
    "not_real",
];

static WORDS_AUTOMATON: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).ok());

/// Number of bytes of a credential that are judged, unless its format has a longer minimum. The
/// limit bounds the work for one credential.
const MAX_JUDGED: usize = 128;

/// Minimum length of a run of equal or consecutive characters that belongs to a placeholder.
const RUN: usize = 6;

/// Returns whether `body`, the part of a credential after its prefix, is a placeholder. The body of
/// a credential has at least `least` bytes and at least `entropy` bits per byte, even if words of
/// placeholders are not counted. Therefore a word that is added to a credential does not hide it.
pub(super) fn is_placeholder(body: &[u8], least: usize, entropy: f64) -> bool {
    let rest = without_placeholders(&body[..body.len().min(MAX_JUDGED.max(least))]);
    // The first bytes are judged: bytes that are appended to a credential do not hide it.
    let judged = &rest[..rest.len().min(least.max(64))];
    rest.len() < least || entropy_of(judged) < entropy
}

/// Returns whether `body` contains a word of placeholders, or a long run of equal or consecutive
/// characters.
pub(super) fn has_placeholder(body: &[u8]) -> bool {
    without_placeholders(body).len() < body.len()
}

/// Returns `body` without words of placeholders and without long runs of equal or consecutive
/// characters.
fn without_placeholders(body: &[u8]) -> Vec<u8> {
    let mut masked = vec![false; body.len()];
    let lower = body.to_ascii_lowercase();
    for word in WORDS_AUTOMATON.iter().flat_map(|words| words.find_overlapping_iter(body)) {
        masked[word.range()].fill(true);
    }
    for step in [0_i16, 1, -1] {
        let mut start = 0;
        for at in 1..=lower.len() {
            let goes_on =
                at < lower.len() && i16::from(lower[at]) - i16::from(lower[at - 1]) == step;
            if !goes_on {
                if at - start >= RUN {
                    masked[start..at].fill(true);
                }
                start = at;
            }
        }
    }
    body.iter().zip(masked).filter(|(_, masked)| !masked).map(|(byte, _)| *byte).collect()
}

/// Returns the Shannon entropy of `bytes`, in bits per byte.
pub(super) fn entropy_of(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    let share = |count: u32| {
        let share = f64::from(count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(|count| share(*count)).sum()
}

/// Returns whether `bytes` has characters of at least two of the kinds lower case, upper case and
/// digit. A random token has them; an identifier in words often has not.
pub(super) fn is_mixed(bytes: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(bytes.iter().any(test));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) >= 2
}

/// Returns the share of neighbouring characters of `bytes` that are of different kinds: lower case,
/// upper case, digit or other. The share is about two thirds in random text, and below one third in
/// identifiers.
pub(super) fn changes_of(bytes: &[u8]) -> f64 {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let changes = bytes.windows(2).filter(|pair| kind(&pair[0]) != kind(&pair[1])).count();
    changes as f64 / bytes.len().max(2) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_apart_from_random_text() {
        // spec: X10b
        for (body, expected) in [
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true),
            ("a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2", true),
            ("abcdefghijklmnopqrstuvwxyz0123456789", true),
            ("your-token-goes-here-0000000000000000", true),
            ("ExampleTokenExampleTokenExampleToken", true),
            ("q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3", false),
            // A word that is added to a random text does not hide it.
            ("EXAMPLEq7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3", false),
            ("q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3xxxxxxxxxxxxxxxx", false),
        ] {
            assert_eq!(is_placeholder(body.as_bytes(), 30, 3.0), expected, "{body}");
        }
    }
}
