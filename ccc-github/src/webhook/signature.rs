//! Verification of a delivery's signature, and the webhook secrets.

use ccc_core::{Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::errors::invalid_input;

/// The webhook secrets whose signatures are accepted: the current secret and, during a rotation,
/// one or two previous secrets (spec: W2c).
#[derive(Clone, Debug)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Creates a set of one to three webhook secrets.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `secrets` is empty, has more than
    /// three secrets, or contains an empty secret, with which any client could sign.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let secrets: Vec<_> = secrets.into_iter().collect();
        if !(1..=3).contains(&secrets.len()) {
            return Err(invalid_input(format!(
                "{} webhook secrets are configured: configure the current one and at most two \
                 previous ones",
                secrets.len()
            )));
        }
        if secrets.iter().any(|secret| secret.expose().is_empty()) {
            return Err(invalid_input(
                "a webhook secret is empty: configure the secret that is set on the settings page \
                 of the GitHub App",
            ));
        }
        Ok(Self(secrets))
    }
}

/// Returns whether `signature`, the value of the header `X-Hub-Signature-256`, was computed from
/// exactly the bytes of `body` with one of `secrets` (GitHub docs, "Validating webhook deliveries";
/// spec: W2a).
///
/// The duration does not depend on which secret matches: every secret is tried, and each comparison
/// takes constant time.
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
        // This never fails, because HMAC accepts a key of any length. The error type exists for
        // other algorithms.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) {
            mac.update(body);
            genuine |= mac.verify_slice(&claimed).is_ok();
        }
    }
    genuine
}
