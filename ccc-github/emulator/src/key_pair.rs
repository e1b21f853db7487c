//! The key pair of a GitHub App.

use jsonwebtoken::DecodingKey;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, LineEnding};
use rsa::traits::PublicKeyParts as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, ErrorKind, Result};

/// The private key of a GitHub App in PEM format, and the matching public key, which verifies the
/// App's signatures.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) pem: SecretString,
    pub(crate) public: DecodingKey,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair([REDACTED])")
    }
}

impl KeyPair {
    /// Reads the private key `given`, or creates a new key if `given` is `None`. Runs on a thread
    /// for blocking tasks, because reading and creating a key both take a noticeable time.
    pub(crate) async fn new(given: Option<SecretString>) -> Result<Self> {
        tokio::task::spawn_blocking(move || key_pair(given.as_ref())).await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "the task that reads or creates the App's key failed")
                .with_source(e)
        })?
    }
}

fn invalid(line: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}

fn key_pair(given: Option<&SecretString>) -> Result<KeyPair> {
    let key = match given {
        Some(pem) => read(pem)?,
        None => RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .map_err(|_| invalid("cannot create an RSA key for the App"))?,
    };
    let pem = key
        .to_pkcs1_pem(LineEnding::LF)
        .map_err(|_| invalid("cannot encode the private key as PEM"))?;
    let public = key
        .to_public_key()
        .to_pkcs1_der()
        .map_err(|_| invalid("cannot encode the public key as DER"))?;
    let public = DecodingKey::from_rsa_der(public.as_bytes());
    Ok(KeyPair { pem: SecretString::from(pem.as_str()), public })
}

/// Reads an RSA private key of 2048 to 8192 bits from PEM text in the format PKCS#1 or PKCS#8. The
/// two characters `\n` count as a line break, so that the key can be passed on one line.
fn read(pem: &SecretString) -> Result<RsaPrivateKey> {
    let text = SecretString::from(pem.expose_secret().replace("\\n", "\n"));
    let text = text.expose_secret().trim();
    let key = RsaPrivateKey::from_pkcs1_pem(text)
        .or_else(|_| RsaPrivateKey::from_pkcs8_pem(text))
        .map_err(|_| {
            invalid(
                "the private key is not an RSA private key in PEM format: pass the content of the \
                 PEM file (PKCS#1 or PKCS#8, without a passphrase)",
            )
        })?;
    let bits = key.size() * 8;
    if !(2_048..=8_192).contains(&bits) {
        return Err(invalid(format!(
            "the private key has {bits} bits: use a key with 2048 to 8192 bits"
        )));
    }
    key.validate().map_err(|_| {
        invalid("the numbers in the private key are not a valid RSA key: create a new key")
    })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pem_key_is_read_and_other_text_is_refused() {
        let pem = key_pair(None).unwrap().pem;
        let one_line = SecretString::from(pem.expose_secret().replace('\n', "\\n"));
        let again = key_pair(Some(&one_line)).unwrap().pem;
        assert_eq!(again.expose_secret(), pem.expose_secret());
        for wrong in ["", "/etc/key.pem", "-----BEGIN RSA PRIVATE KEY-----"] {
            let error = key_pair(Some(&wrong.into())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
        }
    }
}
