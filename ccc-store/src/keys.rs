//! The keys under which credentials are encrypted.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ccc_core::{Remedy, Result, Secret};
use zeroize::Zeroizing;

mod key_ring;
mod passphrase;

pub use key_ring::KeyId;
pub(crate) use key_ring::KeyRing;
pub(crate) use passphrase::Derivation;

use crate::aead::KEY;
use crate::invalid_input::invalid_input;
use crate::random::random;

/// The operator's keys for the encryption of a credential store. New records are encrypted under
/// the first key, which is the newest. The other keys (retired keys) only decrypt older records.
///
/// ```
/// use ccc_store::Keys;
///
/// let (old, new) = (Keys::generate()?, Keys::generate()?);
/// let keys = Keys::parse(&new)?.with_retired(Keys::parse(&old)?);
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Keys(Vec<Source>);

#[derive(Clone)]
enum Source {
    Bytes(Zeroizing<[u8; KEY]>),
    Passphrase(Secret),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys(count: {})", self.0.len())
    }
}

impl Keys {
    /// Generates a random key of 32 bytes. Returns the key as base64, which [`parse`](Self::parse)
    /// accepts.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](ccc_core::ErrorKind::Unavailable) if the operating system returns
    /// no random bytes.
    pub fn generate() -> Result<Secret> {
        let bytes: Zeroizing<[u8; KEY]> = random()?;
        Ok(Secret::from(STANDARD.encode(bytes.as_slice())))
    }

    /// Reads keys from `text`, one in each line, the newest first. A key is 32 bytes, written as
    /// base64 or as 64 hex digits. Empty lines are skipped. A comment goes from a `#` to the end of
    /// the line.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if a line is not a key, if a
    /// key consists of the same byte 32 times, if two keys are equal, or if `text` contains no key.
    /// No error message contains any part of `text`.
    pub fn parse(text: &Secret) -> Result<Self> {
        let text = text
            .expose_str()
            .map_err(|_| invalid_input("the text with the encryption keys is not UTF-8"))?;
        let mut sources = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let wrong =
                |why: &str| invalid_input(format!("the encryption key in line {number} {why}"));
            let bytes = decode_key(line).map_err(wrong)?;
            if bytes.iter().all(|byte| *byte == bytes[0]) {
                let error = wrong("consists of the same byte 32 times: generate a random key");
                return Err(error.with_remedy(Remedy::GenerateKey));
            }
            let same = |known: &Source| matches!(known, Source::Bytes(known) if *known == bytes);
            if sources.iter().any(same) {
                return Err(wrong("is a duplicate of an earlier key: remove one of the two"));
            }
            sources.push(Source::Bytes(bytes));
        }
        if sources.is_empty() {
            let error =
                invalid_input("the text with the encryption keys contains no key: generate a key");
            return Err(error.with_remedy(Remedy::GenerateKey));
        }
        Ok(Self(sources))
    }

    /// Creates `Keys` with a single key, which the store derives from `passphrase`. White space
    /// around `passphrase` is ignored.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `passphrase`, without the
    /// white space around it, has fewer than 16 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::Secret;
    /// use ccc_store::Keys;
    ///
    /// assert!(Keys::passphrase(&Secret::from("a long and secret sentence")).is_ok());
    /// assert!(Keys::passphrase(&Secret::from("too short")).is_err());
    /// ```
    pub fn passphrase(passphrase: &Secret) -> Result<Self> {
        Ok(Self(vec![Source::Passphrase(passphrase::checked(passphrase)?)]))
    }

    /// Adds the keys of `older` after the present keys, as retired keys that only decrypt.
    #[must_use]
    pub fn with_retired(mut self, older: Self) -> Self {
        self.0.extend(older.0);
        self
    }

    /// Returns whether there is more than one key. All keys after the first are retired keys.
    #[must_use]
    pub fn has_retired(&self) -> bool {
        self.0.len() > 1
    }

    /// Returns whether at least one of the keys is a passphrase. [`ring`](Self::ring) then needs
    /// the [`Derivation`] of the store.
    pub(crate) fn need_derivation(&self) -> bool {
        self.0.iter().any(|source| matches!(source, Source::Passphrase(_)))
    }

    /// Derives the key-encryption keys. The derivation from a passphrase can take seconds. It uses
    /// from 64 MiB to 1 GiB of memory, as `derivation` specifies.
    pub(crate) fn ring(&self, derivation: Option<&Derivation>) -> Result<KeyRing> {
        KeyRing::new(self.0.iter().map(|source| match (source, derivation) {
            (Source::Bytes(bytes), _) => Ok(bytes.clone()),
            (Source::Passphrase(passphrase), Some(derivation)) => derivation.derive(passphrase),
            (Source::Passphrase(_), None) => Err(invalid_input(
                "cannot derive a key from the passphrase, because the salt of the store is missing: \
                 restore the salt beside the records from a copy",
            )),
        }))
    }
}

/// Decodes a key from base64 or hex. The error is the end of a sentence that begins with "the
/// encryption key in line 1".
fn decode_key(line: &str) -> Result<Zeroizing<[u8; KEY]>, &'static str> {
    let decoded = match line.len() {
        64 => hex::decode(line).ok(),
        _ => STANDARD.decode(line).ok(),
    };
    let decoded = Zeroizing::new(decoded.ok_or("is neither base64 nor 64 hex digits")?);
    let bytes: [u8; KEY] = decoded.as_slice().try_into().map_err(|_| "is not 32 bytes long")?;
    Ok(Zeroizing::new(bytes))
}

#[cfg(test)]
pub(crate) mod tests;
