//! The signature of a delivery, and the secrets that it may be made with.

use ccc_core::{Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::errors::invalid_input;

/// The secrets that a delivery may be signed with: the present one and, during a rotation, one or
/// two former ones (spec: W2c).
#[derive(Clone, Debug)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Creates a set of one to three secrets.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) for none, for more than three, and for
    /// an empty one, with which anybody can sign.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let secrets: Vec<_> = secrets.into_iter().collect();
        if !(1..=3).contains(&secrets.len()) {
            return Err(invalid_input(format!(
                "{} webhook secrets: give the present one, and at most two former ones",
                secrets.len()
            )));
        }
        if secrets.iter().any(|secret| secret.expose().is_empty()) {
            return Err(invalid_input(
                "a webhook secret is empty: set the one from the GitHub App's settings page",
            ));
        }
        Ok(Self(secrets))
    }
}

/// Checks that `signature`, the value of `X-Hub-Signature-256`, was made from exactly these bytes
/// with one of the secrets (GitHub docs, "Validating webhook deliveries"; spec: W2a).
///
/// The duration does not depend on which secret fits: each one is tried, and compared in constant
/// time.
#[must_use]
pub fn verify(secrets: &Secrets, body: &[u8], signature: &str) -> bool {
    let Some(digits) = signature.strip_prefix("sha256=") else {
        return false;
    };
    let mut claimed = [0_u8; 32];
    if hex::decode_to_slice(digits, &mut claimed).is_err() {
        return false;
    }
    let mut genuine = false;
    for secret in &secrets.0 {
        // A key of any length is fine for HMAC; the error type exists for other algorithms.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) {
            mac.update(body);
            genuine |= mac.verify_slice(&claimed).is_ok();
        }
    }
    genuine
}
