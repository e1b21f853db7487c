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
    let mut verifier = Verifier::new(secrets, signature);
    verifier.update(body);
    verifier.verify()
}

/// The verification of a body that arrives in parts.
pub(super) struct Verifier {
    /// The signature of the delivery, or `None` if it is malformed.
    claimed: Option<[u8; 32]>,
    macs: Vec<Hmac<Sha256>>,
}

impl Verifier {
    /// Starts the verification of `signature`, the value of the header `X-Hub-Signature-256`.
    pub(super) fn new(secrets: &Secrets, signature: &str) -> Self {
        let mut claimed = [0_u8; 32];
        let digits = signature.strip_prefix("sha256=");
        let valid = digits.is_some_and(|hex| hex::decode_to_slice(hex, &mut claimed).is_ok());
        if !valid {
            return Self { claimed: None, macs: Vec::new() };
        }
        // No secret is left out, because HMAC accepts a key of any length. The error type exists for
        // other algorithms.
        let mac = |secret: &Secret| Hmac::<Sha256>::new_from_slice(secret.expose()).ok();
        Self { claimed: Some(claimed), macs: secrets.0.iter().filter_map(mac).collect() }
    }

    /// Adds the next part of the body.
    pub(super) fn update(&mut self, part: &[u8]) {
        for mac in &mut self.macs {
            mac.update(part);
        }
    }

    /// Returns whether the signature was computed from exactly the added parts.
    pub(super) fn verify(self) -> bool {
        let Some(claimed) = self.claimed else { return false };
        let mut genuine = false;
        for mac in self.macs {
            genuine |= mac.verify_slice(&claimed).is_ok();
        }
        genuine
    }
}
