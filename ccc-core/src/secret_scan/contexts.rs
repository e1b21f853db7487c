//! The table of credentials that only the name of the assigned variable or key shows.

use super::assigned::{Assigned, End, Place, long_end, text_at, value_at, value_place};
use super::checksums::Checksums;
use super::commands::value_after_spaces;
use super::names;
use super::placeholder::{is_mixed, is_placeholder};
use super::published;
use super::random::{
    MIN_HEX, MIN_RANDOM, is_fingerprint, is_path, is_random_hex, is_random_with_marks, is_secret,
};
use super::shape::Class::{self, Alnum, Base64, LowerHex, Token, Value};

/// The form of an assigned value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A value of this class, with a length from the first to the second number.
    Of(Class, usize, usize),
    /// A UUID.
    Uuid,
    /// A text that is so random that it is no word, identifier, path or hash. The name must not be
    /// that of a public value.
    Random,
    /// As `Random`, and the known part is a whole word of the name.
    Word,
    /// At least 40 random hexadecimal digits. The name must not be that of a public value.
    Hex,
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
    Context { name: "Rails master key", names: &["rails_master_key"], form: Form::Of(LowerHex, 32, 32), source: "https://guides.rubyonrails.org/security.html#custom-credentials" },
    Context { name: "Plaid secret", names: &["plaid_secret", "plaidsecret"], form: Form::Of(Alnum, 30, 30), source: "https://github.com/gitleaks/gitleaks: plaid-secret-key" },
    Context { name: "Razorpay secret", names: &["razorpay_key_secret", "razorpay_secret", "razorpaysecret"], form: Form::Of(Alnum, 20, 50), source: "https://github.com/trufflesecurity/trufflehog: razorpay" },
    Context { name: "assigned key in hex", names: &["secret", "token", "api_key", "apikey", "api-key", "private_key", "privatekey", "private-key", "master_key", "encryption_key", "signing_key", "access_key", "auth_key"], form: Form::Hex, source: "https://github.com/gitleaks/gitleaks: generic-api-key" },
    Context { name: "assigned secret", names: names::SECRETS, form: Form::Random, source: "https://github.com/gitleaks/gitleaks: generic-api-key" },
    Context { name: "assigned password", names: names::SHORT, form: Form::Word, source: "https://github.com/gitleaks/gitleaks: generic-api-key" },
];

/// Number of passes over a value that decide whether it is a secret.
const JUDGE_PASSES: usize = 8;

/// The progress of reading the values of one text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// The number of bytes that were read.
    pub(super) steps: usize,
    /// The end of the last long value.
    long_end: usize,
    checksums: Checksums,
}

impl Context {
    /// Returns whether the known part of a name in the bytes from `start` to `end` is that of any secret.
    pub(super) fn names_a_secret(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        match self.form {
            Form::Random => true,
            Form::Word => names::is_word(bytes, start, end),
            Form::Of(..) | Form::Uuid | Form::Hex => false,
        }
    }

    /// Returns the minimum length of a value.
    pub(super) fn least(&self) -> usize {
        match self.form {
            Form::Of(_, least, _) => least,
            Form::Uuid => 36,
            Form::Random | Form::Word => MIN_RANDOM,
            Form::Hex => MIN_HEX,
        }
    }

    /// Returns the range of the value that is assigned to the name with its known part in the bytes
    /// from `start` to `end`, if the value has the form of this context. Reads a bounded number of
    /// bytes.
    pub(super) fn value(
        &self,
        bytes: &[u8],
        start: usize,
        end: usize,
        reading: &mut Reading,
    ) -> Option<(usize, usize)> {
        if matches!(self.form, Form::Word) && !names::is_word(bytes, start, end) {
            return None;
        }
        let place = value_place(bytes, end, &mut reading.steps)
            .or_else(|| value_after_spaces(bytes, start, end, &mut reading.steps))?;
        let assigned = value_at(bytes, place);
        let value = assigned.judged;
        reading.steps += value.len() * if value.len() < self.least() { 1 } else { JUDGE_PASSES };
        let length = |class: Class| value.iter().take_while(|b| class.has(**b)).count();
        let length = match self.form {
            Form::Of(class, least, most) => {
                let value = &value[..length(class)];
                let entropy = if class == LowerHex { 2.6 } else { 3.0 };
                let secret = (least..=most).contains(&value.len())
                    && !published::is_public(value)
                    && is_mixed(value)
                    && !is_placeholder(value, least.min(value.len()), entropy);
                secret.then_some(value.len())
            }
            Form::Uuid => {
                let value = &value[..length(Token)];
                (is_uuid(value) && !is_placeholder(value, 36, 2.6)).then_some(value.len())
            }
            Form::Random | Form::Word => secret_length(bytes, place, assigned, reading)
                .filter(|_| !names::is_public(bytes, start, end)),
            Form::Hex => (assigned.end != End::Open
                && is_random_hex(value, MIN_HEX)
                && !is_fingerprint(value))
            .then_some(value.len())
            .filter(|_| !names::is_public(bytes, start, end))
            .filter(|_| !reading.checksums.contain(bytes, place.start, &mut reading.steps)),
        }?;
        Some((place.start, place.start + length))
    }
}

/// Returns the length of the value at `place`, if it is random.
fn secret_length(
    bytes: &[u8],
    place: Place,
    assigned: Assigned<'_>,
    reading: &mut Reading,
) -> Option<usize> {
    let value = assigned.judged;
    let found = match assigned.end {
        End::Closed => is_secret(value),
        End::Mark => !is_path(value) && is_secret(value),
        End::Open => false,
    };
    if found && assigned.is_long {
        // Many names can occur in one long value, whose end is read once.
        if reading.long_end <= place.start {
            reading.long_end = long_end(bytes, place.start);
            reading.steps += reading.long_end - place.start;
        }
        let end = reading.long_end;
        let whole = &bytes[place.start..end];
        return (!published::is_public(whole)).then_some(end - place.start);
    }
    if found {
        return Some(value.len());
    }
    text_at(bytes, place, &mut reading.steps)
        .filter(|text| is_random_with_marks(text))
        .map(<[u8]>::len)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
