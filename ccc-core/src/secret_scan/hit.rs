//! A credential in a text, and the comparison of two credentials.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

/// A credential in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) format: &'static str,
    /// The length of the shortest credential that starts here, in bytes. Another one can follow.
    pub(super) least: usize,
    /// The [`identity`] of the secret, by which two occurrences are compared.
    pub(super) value: Vec<u8>,
}

/// Maximum length of a secret that is its own identity, in bytes.
const MAX_IDENTITY: usize = 256;

/// Returns the bytes that stand for `secret` when two secrets are compared: the secret itself, or of a
/// long secret its beginning and a digest. The whole secret counts, because two credentials of one
/// account or two keys of one kind can begin with the same hundred bytes.
pub(super) fn identity(secret: &[u8]) -> Vec<u8> {
    if secret.len() <= MAX_IDENTITY {
        return secret.to_vec();
    }
    let mut identity = secret[..MAX_IDENTITY / 2].to_vec();
    for salt in [0_u8, 1] {
        let mut hasher = DefaultHasher::new();
        (salt, secret).hash(&mut hasher);
        identity.extend_from_slice(&hasher.finish().to_be_bytes());
    }
    identity
}

/// Returns the hit at `range`. A credential of this format has at least `least` bytes.
pub(super) fn hit(bytes: &[u8], range: Range<usize>, least: usize, format: &'static str) -> Hit {
    let Range { start, end } = range;
    Hit { start, end, format, least: least.min(end - start), value: identity(&bytes[start..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_one_beginning_are_different() {
        // spec: X10b
        for len in [8, 64, 255, 256, 257, 1_000] {
            let first = vec![b'a'; len];
            for at in [len - 1, len / 2] {
                let mut second = first.clone();
                second[at] = b'b';
                assert_ne!(identity(&first), identity(&second), "{len} {at}");
            }
            assert_eq!(identity(&first), identity(&first));
            assert!(identity(&first).len() <= MAX_IDENTITY);
        }
    }
}
