//! The admin token, which authorizes requests to `/config`.

use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ccc_core::{Error, ErrorKind, Remedy, Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac};
use http::{HeaderMap, header};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The minimum length of an admin token, in bytes. A shorter token could be guessed from its
/// digest.
const MIN_LENGTH: usize = 32;

/// Proof that a request contained the admin token. Only [`AdminToken::admits`] creates this proof.
#[derive(Clone, Copy, Debug)]
pub struct Admitted(());

/// The admin token, stored only as a digest. The token cannot be computed from the digest. The
/// operator sends the token itself in the header `Authorization: Bearer …` of a request to
/// `/config`.
///
/// # Examples
///
/// ```
/// use ccc_github::AdminToken;
/// use ccc_github::http_types::HeaderMap;
///
/// let (secret, token) = AdminToken::generate()?;
/// let mut headers = HeaderMap::new();
/// assert!(token.admits(&headers).is_none());
/// let value = format!("Bearer {}", secret.expose_str()?);
/// headers.insert("authorization", value.parse().unwrap());
/// assert!(token.admits(&headers).is_some());
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AdminToken([u8; 32]);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken([REDACTED])")
    }
}

impl AdminToken {
    /// Generates a random token. Returns the token, for the operator, and the digest of the token,
    /// which the service stores.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the system provides no random bytes.
    pub fn generate() -> Result<(Secret, Self)> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|e| {
            Error::new(
                ErrorKind::Unavailable,
                "cannot generate an admin token: the operating system provides no random bytes",
            )
            .with_source(e)
        })?;
        let text = Secret::from(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
        let token = Self::new(&text)?;
        Ok((text, token))
    }

    /// Computes the digest of the existing token `token`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `token` has fewer than 32 bytes.
    pub fn new(token: &Secret) -> Result<Self> {
        if token.expose().len() < MIN_LENGTH {
            let line = "an admin token must have at least 32 characters";
            let error = Error::new(ErrorKind::InvalidInput, line);
            return Err(error.with_remedy(Remedy::GenerateKey));
        }
        Ok(Self(digest(token.expose()).finalize().into_bytes().into()))
    }

    /// Returns the digest as a record for a credential store: a text of 64 hex digits.
    #[must_use]
    pub fn to_record(self) -> Secret {
        Secret::from(hex::encode(self.0))
    }

    /// Parses the digest from a record of a credential store.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if `record` is not a text of 64 hex digits.
    pub fn from_record(record: &Secret) -> Result<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(record.expose(), &mut digest).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "the stored record of the admin token is not a digest: create a new admin token",
            )
        })?;
        Ok(Self(digest))
    }

    /// Returns a proof if the `Authorization` header of a request contains this token. Otherwise
    /// returns `None`. The comparison takes constant time.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> Option<Admitted> {
        digest(bearer(headers)?).verify_slice(&self.0).ok().map(|()| Admitted(()))
    }
}

/// Returns the token in the `Authorization` header. Returns `None` if the header is missing or
/// repeated, or if its scheme is not `Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    // The scheme is case-insensitive (RFC 9110 §11.1).
    let split = value.as_bytes().split_at_checked(7);
    split.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer ")).map(|(_, token)| token)
}

/// Starts the computation of a token's digest. A slow password hash is not necessary, because a
/// generated token has 256 random bits. The digest is a MAC, because the `hmac` crate compares MACs
/// in constant time.
fn digest(token: &[u8]) -> Hmac<Sha256> {
    // The default key is used, because the digest needs no secret key.
    let mut mac = Hmac::<Sha256>::new(&Default::default());
    mac.update(b"ccc/v1/admin-token");
    mac.update(token);
    mac
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_the_token_itself_is_admitted() {
        // spec: S12a, S12b
        let (token, known) = AdminToken::generate().unwrap();
        let token = token.expose_str().unwrap().to_owned();
        assert_eq!(token.len(), 43);
        let record = known.to_record();
        assert!(!format!("{known:?} {}", record.expose_str().unwrap()).contains(&token));
        let known = AdminToken::from_record(&record).unwrap();
        let (other, _) = AdminToken::generate().unwrap();
        let almost = format!("{}{}", &token[..42], if token.ends_with('A') { 'Q' } else { 'A' });
        let admits = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            known.admits(&headers).is_some()
        };
        let right = format!("Bearer {token}");
        for (values, expected) in [
            (vec![right.clone()], true),
            (vec![format!("bearer {token}")], true),
            (vec![], false),
            (vec![right.clone(), right.clone()], false),
            (vec![token.clone()], false),
            (vec![format!("Basic {token}")], false),
            (vec![format!("Bearers{token}")], false),
            (vec![format!("Bearer\t{token}")], false),
            (vec![format!("Bearer {almost}")], false),
            (vec![format!("Bearer {}", other.expose_str().unwrap())], false),
            (vec![format!("Bearer {}", &token[..42])], false),
            (vec![format!("Bearer {token}A")], false),
            (vec![right, "Basic x".to_owned()], false),
            (vec!["Bearer ".to_owned()], false),
            // The stored record is not accepted as a token.
            (vec![format!("Bearer {}", record.expose_str().unwrap())], false),
        ] {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_eq!(admits(&values), expected, "{} values", values.len());
        }
        assert!(AdminToken::new(&"0123456789012345678901234567890".into()).is_err());
        let corrupt = AdminToken::from_record(&Secret::from("00")).unwrap_err();
        assert_eq!(corrupt.kind(), ErrorKind::Corrupt);
    }
}
