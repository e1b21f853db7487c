//! Detection of secrets by the formats of well-known credentials (spec: X10b).

/// A detector that recognizes credentials by the prefixes of well-known credential formats.
///
/// [`Redactor`](crate::observe::Redactor) finds the secrets of a run by their values.
/// `SecretPatterns` finds secrets that the service does not know.
#[derive(Clone, Copy, Debug)]
pub struct SecretPatterns;

/// Prefixes of credentials, each with the minimum number of token characters that must follow the
/// prefix.
const PATTERNS: &[(&[u8], usize)] = &[
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 30),
    (b"glpat-", 20),
    (b"sk-ant-", 20),
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"xoxb-", 20),
    (b"xoxp-", 20),
];
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

impl SecretPatterns {
    /// Returns whether `new` contains a credential that `old` does not contain. Recognizes only
    /// credentials in known formats.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::secret_scan::SecretPatterns;
    ///
    /// let key = b"-----BEGIN PRIVATE KEY-----";
    /// assert!(SecretPatterns::adds(b"", key));
    /// // The secret was there before.
    /// assert!(!SecretPatterns::adds(key, key));
    /// ```
    #[must_use]
    pub fn adds(old: &[u8], new: &[u8]) -> bool {
        Self::find(new).any(|found| !contains(old, found))
    }

    fn find(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        let tokens = PATTERNS.iter().flat_map(move |(prefix, more)| {
            positions(bytes, prefix).filter_map(move |at| {
                let rest = &bytes[at + prefix.len()..];
                let length = rest.iter().take_while(|b| is_token_byte(**b)).count();
                let starts = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
                (starts && length >= *more).then(|| &bytes[at..at + prefix.len() + length])
            })
        });
        let keys = positions(bytes, PRIVATE_KEY).filter_map(move |at| {
            let line = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            // The match includes the bytes after the header, so that two keys with the same header
            // count as two different secrets.
            let end = bytes.len().min(at + PRIVATE_KEY.len() + 80);
            contains(&bytes[line..at], b"-----BEGIN ").then(|| &bytes[line..end])
        });
        tokens.chain(keys)
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn positions<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memmem::find_iter(bytes, needle)
}

/// Returns whether `needle` occurs in `bytes` as one consecutive sequence.
pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_secrets_are_found() {
        // spec: X10b
        let token = format!("x = \"ghp_{}\"", "a1B2".repeat(9));
        let key = format!("-----BEGIN RSA {}", "PRIVATE KEY-----\nMIIabc\n");
        for (old, new, expected) in [
            ("", token.as_str(), true),
            (token.as_str(), token.as_str(), false),
            ("", key.as_str(), true),
            (key.as_str(), key.as_str(), false),
            ("", "tokens start with ghp_ or sk-ant-", false),
            ("", "begins -----BEGIN PUBLIC KEY-----", false),
            ("", "XAKIAABCDEFGHIJKLMNOP", false),
        ] {
            assert_eq!(SecretPatterns::adds(old.as_bytes(), new.as_bytes()), expected, "{new}");
        }
    }
}
