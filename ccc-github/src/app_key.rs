//! A GitHub App's private key: parsing, validation and fingerprint.

use std::ops::RangeInclusive;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ccc_core::{Result, Secret};
use jsonwebtoken::EncodingKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::errors::invalid_input;

#[cfg(test)]
mod tests;

/// The maximum size of a PEM text, in bytes. The PEM text of a key with 8,192 bits has about 6,500
/// bytes.
const MAX_PEM: usize = 8 << 10;
/// The accepted key sizes, in bits.
const BITS: RangeInclusive<usize> = 2_048..=8_192;

/// A parsed private key of a GitHub App.
#[derive(Clone)]
pub struct AppKey(pub(crate) EncodingKey);

impl AppKey {
    /// Parses a private key from the PEM text `pem`. The format is PKCS#1, which GitHub uses, or
    /// PKCS#8.
    ///
    /// The key must have 2,048 to 8,192 bits. RS256 requires at least 2,048 (RFC 7518 §3.3), and
    /// signing with a larger key takes too much processor time. A line break in `pem` can also be
    /// written as the two characters `\n`, as in environment files.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `pem` is not the PEM text of a
    /// private key with an accepted size. The message says what `pem` contains instead, such as a
    /// public key, but never quotes a part of `pem`.
    pub fn from_pem(pem: &Secret) -> Result<Self> {
        let text = plain(pem)?;
        let text = text.expose_str()?;
        let problem = if text.is_empty() {
            "is empty: set it to the content of the PEM file that you downloaded from GitHub"
        } else if !text.contains("-----BEGIN ") {
            "is not PEM: use the content of the PEM file, which starts with \
             `-----BEGIN RSA PRIVATE KEY-----`, and not the path of the file"
        } else if text.contains("-----BEGIN PUBLIC KEY") || text.contains("-----BEGIN RSA PUBLIC") {
            "is a public key: use the private key from the GitHub App's settings page"
        } else if text.contains("-----BEGIN CERTIFICATE") {
            "is a certificate: use the private key from the GitHub App's settings page"
        } else if text.contains("ENCRYPTED") {
            "is encrypted with a passphrase: decrypt it with `openssl rsa -in key.pem`"
        } else {
            "does not parse as an RSA private key: check that the PEM text is complete"
        };
        let unusable = || invalid_input(format!("the private key {problem}"));
        if !text.contains("PRIVATE KEY-----") || text.contains("ENCRYPTED") {
            return Err(unusable());
        }
        if text.len() > MAX_PEM {
            let line =
                "the private key has more than 8 KiB: use a key from GitHub, which has about 2 KiB";
            return Err(invalid_input(line));
        }
        let numbers = rsa_key(text).ok_or_else(unusable)?;
        let bits = numbers.size() * 8;
        if !BITS.contains(&bits) {
            let line = format!(
                "the private key has {bits} bits, but must have 2048 to 8192: use a key from \
                 GitHub, which has 2048 bits"
            );
            return Err(invalid_input(line));
        }
        // The numbers of a PEM text can parse as a key that cannot sign. jsonwebtoken would panic
        // when it signs with such a key.
        numbers.sign(Pkcs1v15Sign::new_unprefixed(), &[0; 32]).map_err(|_| unusable())?;
        EncodingKey::from_rsa_pem(text.as_bytes()).map(Self).map_err(|_| unusable())
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppKey([REDACTED])")
    }
}

/// Returns `pem` without surrounding white space, and with each sequence of the two characters `\n`
/// replaced by a line break. Environment files use this sequence.
pub(crate) fn plain(pem: &Secret) -> Result<Secret> {
    Ok(Secret::from(Zeroizing::new(pem.expose_str()?.replace("\\n", "\n")).trim()))
}

/// Parses an RSA private key from a PEM text, whose lines can have any length. Returns `None` if
/// the text contains no such key.
fn rsa_key(text: &str) -> Option<RsaPrivateKey> {
    let der = Zeroizing::new(pem::parse(text).ok()?.into_contents());
    let plain = RsaPrivateKey::from_pkcs1_der(&der).ok();
    plain.or_else(|| RsaPrivateKey::from_pkcs8_der(&der).ok())
}

/// Returns the fingerprint of the public key that belongs to the private key `pem`: `SHA256:` and a
/// digest in Base64. The settings page of a GitHub App shows the same text for each key (GitHub
/// docs, "Managing private keys for GitHub Apps").
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `pem` does not parse as an RSA private
/// key.
pub(crate) fn fingerprint(pem: &Secret) -> Result<String> {
    let text = plain(pem)?;
    let text = text.expose_str()?;
    let public = rsa_key(text).and_then(|key| key.to_public_key().to_public_key_der().ok());
    let public = public.ok_or_else(|| {
        invalid_input(
            "the private key does not parse as an RSA private key: check that the PEM text is \
             complete",
        )
    })?;
    Ok(format!("SHA256:{}", BASE64_STANDARD.encode(Sha256::digest(public.as_bytes()))))
}
