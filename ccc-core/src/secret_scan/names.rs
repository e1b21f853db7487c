//! Recognition of names whose values are public, although a part of the name belongs to a secret.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Maximum number of bytes of a name before and after its known part.
const MAX_NAME: usize = 64;

/// Parts of the names of secrets, in lower case.
pub(super) const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "api key",
    "private_key",
    "private-key",
    "privatekey",
    "master_key",
    "access_key",
    "access-key",
    "access key",
    "accesskey",
    "auth_key",
    "auth-key",
    "authkey",
    "encryption_key",
    "encryption-key",
    "encryptionkey",
    "signing_key",
    "signing-key",
    "signingkey",
    "hmac_key",
    "hmac-key",
    "hmackey",
    "master-key",
    "masterkey",
    "session_key",
    "sessionkey",
    "shared_key",
    "sharedkey",
    "api.key",
    "api__key",
    "private.key",
    "access.key",
    "encryption.key",
    "signing.key",
    "app_key",
    "app-key",
    "appkey",
    "jwt_key",
    "jwtkey",
    "aes_key",
    "encrypt_key",
    "decryption_key",
    "decryptionkey",
    "cipher_key",
    "storage_key",
    "subscription_key",
    "subscriptionkey",
    "service_key",
    "role_key",
    "admin_key",
    "server_key",
    "consumer_key",
    "deploy_key",
    "fernet_key",
    "machinekey",
    "openai_key",
    "sendgrid_key",
    "passcode",
    "dbpass",
    "rootpass",
    "userpass",
    "keypass",
    "storepass",
    "requirepass",
    "rootpw",
    "bindpw",
    "client_key",
    "clientkey",
    "license_key",
    "licensekey",
];

/// Whole words of the names of secrets, in lower case.
pub(super) const SHORT: &[&str] = &["pwd", "pass", "pw", "wif", "auth"];

/// All of [`SECRETS`], which are searched in one pass.
static PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(SECRETS).ok());

/// Returns whether `name` is the name of a secret, and not that of a public value.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = &name[..name.len().min(2 * MAX_NAME)];
    let lower = name.to_ascii_lowercase();
    // The header of a table can have spaces.
    let lower: Vec<u8> = lower.iter().map(|b| if *b == b' ' { b'_' } else { *b }).collect();
    let part = match &*PARTS {
        Some(parts) => parts.find(&lower).map(|part| (part.start(), part.end())),
        // Without the parts, no name can be excluded.
        None => Some((0, 0)),
    };
    let word = || {
        SHORT.iter().find_map(|word| {
            memchr::memmem::find_iter(&lower, word.as_bytes())
                .map(|at| (at, at + word.len()))
                .find(|(start, end)| is_word(name, *start, *end))
        })
    };
    part.or_else(word).is_some_and(|(start, end)| !is_public(name, start, end))
}

/// Returns whether the bytes from `start` to `end` are a whole word of a name, as in `db_pass`, `dbPass`
/// and `pass2`.
pub(super) fn is_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let begins = match start.checked_sub(1).map(|at| bytes[at]) {
        Some(before) if before.is_ascii_alphabetic() => {
            before.is_ascii_lowercase() && bytes[start].is_ascii_uppercase()
        }
        _ => true,
    };
    let digits = bytes[end..].iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    begins
        && match bytes.get(end + digits) {
            Some(after) if after.is_ascii_alphabetic() => {
                after.is_ascii_uppercase() && bytes[end - 1].is_ascii_lowercase()
            }
            Some(after) => !after.is_ascii_digit(),
            None => true,
        }
}

/// The last words of names of public values, in lower case.
const LAST: &[&str] = &[
    "address",
    "addresses",
    "addr",
    "bytecode",
    "commit",
    "guid",
    "identifier",
    "iv",
    "jti",
    "kid",
    "md",
    "nonce",
    "owner",
    "prefix",
    "proof",
    "provider",
    "ref",
    "rev",
    "revision",
    "role",
    "root",
    "sha",
    "slot",
    "state",
    "tx",
    "uuid",
    // Names of files.
    "deb",
    "exe",
    "gz",
    "jar",
    "js",
    "lock",
    "py",
    "rs",
    "tgz",
    "ts",
    "whl",
    "zip",
    "mint",
    "uri",
    "url",
    "id",
    "ids",
    "etag",
    "hash",
    "hashes",
    "hashed",
    "digest",
    "checksum",
    "fingerprint",
    "thumbprint",
    "name",
    "path",
    "file",
    "type",
    "arn",
    "contract",
    "account",
    "program",
    "pubkey",
    "cid",
    "version",
    "endpoint",
    "pattern",
    "regex",
    "salt",
    "cursor",
    "symbol",
    "issuer",
    "commitment",
];

/// Words before `token` in the names of positions in a list, and of addresses of a device.
const POSITIONS: &[&str] = &[
    "page",
    "next",
    "previous",
    "prev",
    "continuation",
    "pagination",
    "sync",
    "resume",
    "cursor",
    "scroll",
    "start",
    "device",
    "push",
    "registration",
];

/// Words in the names of public values, and of values that were encrypted or hashed.
const PUBLIC: &[&str] = &[
    "public",
    "publishable",
    "pub",
    "encrypted",
    "sealed",
    "hashed",
    "ciphertext",
    "csrf",
    "xsrf",
];

/// Words of names that are secret even with a word of [`PUBLIC`].
const PRIVATE: &[&str] = &["secret", "private", "password", "passwd", "passphrase"];

/// Returns whether the value is public of the name that has a known part in the bytes from `start` to
/// `end`. For example, `tokenAddress`, `nextPageToken` and `password_hash` are names of public values.
pub(super) fn is_public(bytes: &[u8], start: usize, end: usize) -> bool {
    let belongs = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let before = bytes[..start].iter().rev().take(MAX_NAME).take_while(belongs).count();
    let after = bytes[end..].iter().take(MAX_NAME).take_while(belongs).count();
    let words = words(&bytes[start - before..end + after]);
    let listed = |list: &[&str], word: &String| list.contains(&word.as_str());
    let Some(last) = words.last() else { return false };
    let position = words.len() > 1
        && matches!(last.as_str(), "token" | "tokens")
        && listed(POSITIONS, &words[words.len() - 2]);
    let public = words.iter().any(|word| listed(PUBLIC, word))
        && !words.iter().any(|word| listed(PRIVATE, word));
    let encrypted = words.first().is_some_and(|word| {
        matches!(word.as_str(), "encrypted" | "hashed" | "sealed" | "ciphertext")
    });
    // `sha256` is a kind of hash.
    let kind = last.trim_end_matches(|c: char| c.is_ascii_digit());
    words.len() > 1 && LAST.contains(&kind) || position || public || encrypted
}

/// Returns the words of a name in lower case: `nextPageToken` has three.
fn words(name: &[u8]) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    for (at, byte) in name.iter().enumerate() {
        let after_lower = at > 0 && !name[at - 1].is_ascii_uppercase();
        let before_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let begins = byte.is_ascii_uppercase() && (after_lower || before_lower);
        if !byte.is_ascii_alphanumeric() || begins {
            words.push(std::mem::take(&mut word));
        }
        if byte.is_ascii_alphanumeric() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_public_values_are_told_apart_from_names_of_secrets() {
        // spec: X10d
        for (name, known, expected) in [
            ("tokenAddress", "token", true),
            ("TOKEN_MINT", "TOKEN", true),
            ("nextPageToken", "Token", true),
            ("NEXT_TOKEN", "TOKEN", true),
            ("TOKEN_SERVICE_REF", "TOKEN", true),
            ("TOKENIZER_SHA256", "TOKEN", true),
            ("_token.ts", "token", true),
            ("csrf_token", "token", true),
            ("CSRF_SECRET", "SECRET", false),
            ("passwordHash", "password", true),
            ("oauth_token_client_id", "token", true),
            ("stripePublicApiKey", "ApiKey", true),
            ("encryptedPassword", "Password", true),
            ("NEXT_PUBLIC_SIGNING_SECRET", "SECRET", false),
            ("token", "token", false),
            ("pageSecret", "Secret", false),
            ("accessToken", "Token", false),
            ("hash_secret", "secret", false),
            ("id_token", "token", false),
        ] {
            let start = name.find(known).unwrap();
            let found = is_public(name.as_bytes(), start, start + known.len());
            assert_eq!(found, expected, "{name}");
        }
    }
}
