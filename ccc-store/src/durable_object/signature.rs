//! Signatures of messages from outside the Worker: HMAC-SHA256 (RFC 2104) over the path, the time,
//! the nonce and the digest of the body.

use std::time::Duration;

use ccc_core::{Remedy, Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::invalid_input::invalid_input;
#[cfg(not(target_arch = "wasm32"))]
use crate::random::random;

/// The name of the HTTP header with the time of a message, in milliseconds since 1970.
pub const DATE_HEADER: &str = "ccc-date";
/// The name of the HTTP header with the nonce of a message: 32 hex digits, which differ for each
/// message.
pub const NONCE_HEADER: &str = "ccc-nonce";
/// The name of the HTTP header with the signature of a message: 64 hex digits.
pub const SIGNATURE_HEADER: &str = "ccc-signature";

/// Maximum difference between the time of a message and the clock of the Worker.
pub(super) const WINDOW: Duration = Duration::from_secs(300);
/// Minimum length, in bytes, of a secret that client and Worker share.
const MIN_SECRET: usize = 32;

/// The id of a message: its time and its nonce. No two messages have the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId {
    pub(super) date: i64,
    pub(super) nonce: String,
}

impl MessageId {
    /// Creates the id of a new message, which is sent at `now`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn new(now: Timestamp) -> Result<Self> {
        let nonce: zeroize::Zeroizing<[u8; 16]> = random()?;
        Ok(Self { date: now.as_millisecond(), nonce: hex::encode(*nonce) })
    }

    /// Parses the values of the headers [`DATE_HEADER`] and [`NONCE_HEADER`]. Returns `None` if one
    /// of the values is invalid. The id is trustworthy only if a [`MessageAuthenticator`] has
    /// verified the message.
    #[must_use]
    pub fn from_headers(date: &str, nonce: &str) -> Option<Self> {
        let plain = nonce.len() == 32
            && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let date = date.parse().ok().filter(|date| *date >= 0)?;
        plain.then(|| Self { date, nonce: nonce.to_owned() })
    }
}

/// The reason why a message is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// The signature is missing or wrong. A correct signature is computed from this message and its
    /// URL path, with a secret that the Worker has.
    #[error(
        "the signature of the message is missing or wrong: check that client and Worker have the same secret"
    )]
    Signature,
    /// The time of the message differs from the clock of the Worker by more than five minutes.
    #[error(
        "the time of the message differs from the clock of the Worker by more than five minutes: correct the clock of the client"
    )]
    Clock,
}

/// A signer and verifier of messages. The client signs a message with a secret that client and
/// Worker share, and the Worker verifies the signature.
#[derive(Clone, Debug)]
pub struct MessageAuthenticator(Vec<Secret>);

impl MessageAuthenticator {
    /// Parses `secrets`, which contains one secret per line. The first secret signs messages. The
    /// other secrets only verify messages of clients that still have an older secret.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `secrets` contains no
    /// secret, or a secret of fewer than 32 characters.
    pub fn new(secrets: &Secret) -> Result<Self> {
        let lines = secrets.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<Secret> = lines.map(Secret::from).collect();
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().len() < MIN_SECRET) {
            let line = "the shared secret of client and Worker must have at least 32 characters: generate a secret";
            return Err(invalid_input(line).with_remedy(Remedy::GenerateKey));
        }
        Ok(Self(secrets))
    }

    /// Returns the signature, in hex, of a `message` that is sent to the URL path `path`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn sign(&self, path: &str, id: &MessageId, message: &[u8]) -> String {
        hex::encode(mac(&self.0[0], &signed(path, id, message)).finalize().into_bytes())
    }

    /// Checks the signature and the time of `message`, which was sent to the URL path `path`.
    /// `header` returns the value of an HTTP header by name. Returns the id of the message, which
    /// [`handle_message`](super::handle_message) needs in order to accept the message only once.
    ///
    /// # Errors
    /// [`VerificationError::Signature`] if the signature is missing or wrong;
    /// [`VerificationError::Clock`] if the time of the message differs from `now` by more than five
    /// minutes.
    pub fn verify<'a>(
        &self,
        path: &str,
        header: impl Fn(&str) -> Option<&'a str>,
        message: &[u8],
        now: Timestamp,
    ) -> Result<MessageId, VerificationError> {
        let id = MessageId::from_headers(
            header(DATE_HEADER).unwrap_or(""),
            header(NONCE_HEADER).unwrap_or(""),
        );
        let id = id.ok_or(VerificationError::Signature)?;
        let mut signature = [0; 32];
        hex::decode_to_slice(header(SIGNATURE_HEADER).unwrap_or(""), &mut signature)
            .map_err(|_| VerificationError::Signature)?;
        let signed = signed(path, &id, message);
        if !self.0.iter().any(|secret| matches(secret, &signed, &signature)) {
            return Err(VerificationError::Signature);
        }
        let apart = now.as_millisecond().abs_diff(id.date);
        if u128::from(apart) > WINDOW.as_millis() {
            return Err(VerificationError::Clock);
        }
        Ok(id)
    }
}

/// Returns the text that is signed. It consists of the path, the id and the digest of `message`.
fn signed(path: &str, id: &MessageId, message: &[u8]) -> String {
    let what = hex::encode(Sha256::digest(message));
    format!("ccc/v1/ask\n{path}\n{}\n{}\n{what}", id.date, id.nonce)
}

fn mac(secret: &Secret, text: &str) -> Hmac<Sha256> {
    mac_of(secret.expose(), text.as_bytes())
}

/// Returns whether `signature` is the HMAC of `text` under `secret`. The comparison takes constant
/// time.
fn matches(secret: &Secret, text: &str, signature: &[u8]) -> bool {
    mac(secret, text).verify_slice(signature).is_ok()
}

#[allow(clippy::expect_used, reason = "HMAC accepts keys of any length")]
fn mac_of(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests;
