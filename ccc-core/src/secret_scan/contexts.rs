//! The table of credentials that only the name of the assigned variable or key shows.

use super::placeholder::{changes_of, entropy_of, is_mixed, is_placeholder};
use super::shape::Class::{self, Base64, LowerHex, Token, Value};

/// The form of an assigned value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A value of this class, with a length from the first to the second number.
    Of(Class, usize, usize),
    /// A UUID.
    Uuid,
    /// A text that is so random that it is no word, identifier, path or hash.
    Random,
}

/// A credential that is assigned to a known name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// The name that findings show.
    pub(super) name: &'static str,
    /// The ends or parts of the assigned name, in lower case; the letter case is ignored.
    pub(super) names: &'static [&'static str],
    pub(super) form: Form,
    /// The page of the vendor, or the rule of gitleaks, that describes the credential.
    pub(super) source: &'static str,
}

/// The contexts, one per row.
#[rustfmt::skip]
pub(super) const CONTEXTS: &[Context] = &[
    Context { name: "AWS secret access key", names: &["aws_secret_access_key", "aws_secret_key", "secretaccesskey", "secret_access_key", "secret-access-key", "aws_secret"], form: Form::Of(Base64, 40, 40), source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html" },
    Context { name: "Azure storage key", names: &["accountkey", "azure_storage_key", "account_key"], form: Form::Of(Base64, 86, 88), source: "https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string" },
    Context { name: "Azure shared access key", names: &["sharedaccesskey"], form: Form::Of(Base64, 43, 44), source: "https://learn.microsoft.com/en-us/azure/service-bus-messaging/service-bus-sas" },
    Context { name: "Heroku key", names: &["heroku_api_key", "heroku_key", "heroku_token"], form: Form::Uuid, source: "https://github.com/gitleaks/gitleaks: heroku-api-key" },
    Context { name: "npm token", names: &[":_authtoken"], form: Form::Of(Token, 32, 64), source: "https://docs.npmjs.com/cli/configuring-npm/npmrc" },
    Context { name: "Twilio token", names: &["twilio_auth_token", "twilio_token", "twilioauthtoken"], form: Form::Of(LowerHex, 32, 32), source: "https://www.twilio.com/docs/iam/api-keys" },
    Context { name: "Mailgun key", names: &["mailgun_api_key", "mailgun_key", "mailgun_signing_key"], form: Form::Of(Token, 32, 72), source: "https://github.com/gitleaks/gitleaks: mailgun-signing-key" },
    Context { name: "Datadog key", names: &["datadog_api_key", "dd_api_key", "datadog_app_key", "dd_app_key"], form: Form::Of(LowerHex, 32, 40), source: "https://github.com/gitleaks/gitleaks: datadog-access-token" },
    Context { name: "Cloudflare key", names: &["cloudflare_api_token", "cloudflare_api_key", "cf_api_token", "cf_api_key"], form: Form::Of(Token, 37, 40), source: "https://github.com/gitleaks/gitleaks: cloudflare-api-key" },
    Context { name: "Azure client secret", names: &["azure_client_secret", "arm_client_secret"], form: Form::Of(Value, 34, 44), source: "https://github.com/gitleaks/gitleaks: azure-ad-client-secret" },
    Context { name: "Algolia key", names: &["algolia_api_key", "algolia_admin_key"], form: Form::Of(LowerHex, 32, 32), source: "https://github.com/gitleaks/gitleaks: algolia-api-key" },
    Context { name: "Okta token", names: &["okta_api_token", "okta_token"], form: Form::Of(Token, 42, 42), source: "https://github.com/gitleaks/gitleaks: okta-access-token" },
    Context { name: "Fastly token", names: &["fastly_api_token", "fastly_api_key", "fastly_key"], form: Form::Of(Token, 32, 32), source: "https://github.com/gitleaks/gitleaks: fastly-api-token" },
    Context { name: "Snyk token", names: &["snyk_token", "snyk_api_token"], form: Form::Uuid, source: "https://github.com/gitleaks/gitleaks: snyk-api-token" },
    Context { name: "WireGuard key", names: &["privatekey"], form: Form::Of(Base64, 44, 44), source: "https://www.wireguard.com/quickstart/" },
    Context { name: "assigned secret", names: &["password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "private_key", "access_key", "auth_key", "encryption_key", "signing_key"], form: Form::Random, source: "https://github.com/gitleaks/gitleaks: generic-api-key" },
];

/// Maximum number of characters of the assigned name after the known part.
const MAX_REST: usize = 24;
/// Maximum length of the text between the name and the value.
const MAX_GAP: usize = 24;
/// Minimum length of a value of the form [`Form::Random`].
const MIN_RANDOM: usize = 24;
const MAX_VALUE: usize = 256;
/// Maximum number of bytes that [`Context::value`] reads.
pub(super) const MAX_READ: usize = MAX_REST + MAX_GAP + MAX_VALUE;

/// The first characters of keys that vendors publish for local development: of Azurite, Azure's
/// storage emulator (<https://learn.microsoft.com/en-us/azure/storage/common/storage-use-azurite>).
const PUBLISHED: &[&[u8]] = &[b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"];

impl Context {
    /// Returns the minimum length of a value.
    pub(super) fn least(&self) -> usize {
        match self.form {
            Form::Of(_, least, _) => least,
            Form::Uuid => 36,
            Form::Random => MIN_RANDOM,
        }
    }

    /// Returns the range of the value that is assigned to the name that ends at `at`, if the value
    /// has the form of this context. Reads a bounded number of bytes.
    pub(super) fn value(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let start = value_start(bytes, at)?;
        let rest = &bytes[start..bytes.len().min(start + MAX_VALUE)];
        let length = |class: Class| rest.iter().take_while(|b| class.has(**b)).count();
        let end = match self.form {
            Form::Of(class, least, most) => {
                let length = length(class);
                let value = &rest[..length];
                let published = PUBLISHED.iter().any(|known| value.starts_with(known));
                let entropy = if class == LowerHex { 2.6 } else { 3.0 };
                let secret = (least..=most).contains(&length)
                    && !published
                    && is_mixed(value)
                    && !is_placeholder(value, least.min(length), entropy);
                secret.then_some(start + length)
            }
            Form::Uuid => {
                let length = length(Token);
                (is_uuid(&rest[..length]) && !is_placeholder(&rest[..length], 36, 2.6))
                    .then_some(start + length)
            }
            Form::Random => {
                let length = length(Value);
                // In a file of settings, a value without quotes ends with the line.
                let closed = match rest.get(length) {
                    Some(byte) => matches!(byte, b'"' | b'\'' | b'`' | b'\n' | b'\r'),
                    None => length < MAX_VALUE,
                };
                (closed && is_random(&rest[..length])).then_some(start + length)
            }
        }?;
        Some((start, end))
    }
}

/// Returns the start of the value after a name that ends at `at`: after the rest of the name, and
/// after `=`, `:`, `=>`, `>` or a comma, with quotes and spaces around them.
fn value_start(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let name = rest
        .iter()
        .take(MAX_REST)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    let rest = &rest[name..];
    let gap = rest
        .iter()
        .take(MAX_GAP)
        .take_while(|b| {
            matches!(
                b,
                b' ' | b'\t' | b'"' | b'\'' | b'`' | b'=' | b':' | b'>' | b',' | b'(' | b'\\'
            )
        })
        .count();
    let assigns = rest[..gap].iter().any(|b| matches!(b, b'=' | b':' | b'>' | b',' | b'('));
    assigns.then_some(at + name + gap)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Returns whether a value is random text: not a word, an identifier, a path, a hash, or text in
/// base64.
fn is_random(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let hash = [&b"sha1-"[..], b"sha256-", b"sha384-", b"sha512-", b"sha256:", b"md5-"];
    value.len() >= MIN_RANDOM
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && !hash.iter().any(|start| value.starts_with(start))
        && !is_placeholder(value, MIN_RANDOM, 3.8)
        && entropy_of(value) >= 3.8
        && changes_of(value) >= 0.45
        && !is_encoded_text(value)
}

/// Returns whether `value` is printable text in base64. That text is scanned by itself.
fn is_encoded_text(value: &[u8]) -> bool {
    let decoded = super::base64::decode(value);
    decoded.len() > 8
        && decoded.iter().all(|b| (b' '..=b'~').contains(b) || b.is_ascii_whitespace())
}
