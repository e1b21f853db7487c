//! Derivation of a key from a passphrase with Argon2id (RFC 9106).

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use ccc_core::{Error, ErrorKind, Remedy, Result, Secret};
use zeroize::Zeroizing;

use crate::aead::KEY;
use crate::invalid_input::invalid_input;
use crate::random::random;

/// Minimum length of a passphrase, in bytes. Shorter passphrases can be guessed by a machine.
const MIN_PASSPHRASE: usize = 16;
const SALT: usize = 16;
/// Lowest accepted costs: memory in KiB, passes, lanes. New stores use them. They are the second
/// recommendation of RFC 9106 §4, with one lane because every machine has that.
const MIN_COSTS: [u32; 3] = [64 << 10, 3, 1];
/// Highest accepted costs. A manipulated file must not exhaust the host machine.
const MAX_COSTS: [u32; 3] = [1 << 20, 32, 16];

/// Returns the passphrase without the white space around it.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if it has fewer than 16 bytes.
pub(super) fn checked(passphrase: &Secret) -> Result<Secret> {
    let trimmed = passphrase.expose().trim_ascii();
    if trimmed.len() < MIN_PASSPHRASE {
        let error = invalid_input(
            "the passphrase has fewer than 16 characters: use several words, or a generated key",
        );
        return Err(error.with_remedy(Remedy::GenerateKey));
    }
    Ok(Secret::new(trimmed))
}

/// The costs and the salt with which a key is derived from a passphrase. They are not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derivation {
    costs: [u32; 3],
    salt: [u8; SALT],
}

impl Derivation {
    /// Creates a derivation with the lowest costs and a fresh salt.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { costs: MIN_COSTS, salt: *random()? })
    }

    /// Derives the key of a passphrase.
    pub(crate) fn derive(&self, passphrase: &Secret) -> Result<Zeroizing<[u8; KEY]>> {
        let [memory, passes, lanes] = self.costs;
        let failed = |e| Error::new(ErrorKind::Unexpected, format!("Argon2id failed: {e}"));
        let params = Params::new(memory, passes, lanes, Some(KEY)).map_err(failed)?;
        let mut key = Zeroizing::new([0; KEY]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose(), &self.salt, &mut *key)
            .map_err(failed)?;
        Ok(key)
    }
}

impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [memory, passes, lanes] = self.costs;
        write!(f, "argon2id m={memory} t={passes} p={lanes} salt={}", hex::encode(self.salt))
    }
}

impl FromStr for Derivation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let damaged = || {
            Error::new(
                ErrorKind::Corrupt,
                "the store's passphrase costs and salt are damaged: restore them from a backup, because no passphrase works without them",
            )
        };
        let mut parts = text.trim_end_matches('\n').split(' ');
        if parts.next() != Some("argon2id") {
            return Err(damaged());
        }
        let mut next = |name: &str| parts.next()?.strip_prefix(name);
        let mut cost = |name| next(name)?.parse::<u32>().ok();
        let costs = (cost("m="), cost("t="), cost("p="));
        let (Some(memory), Some(passes), Some(lanes)) = costs else { return Err(damaged()) };
        let mut salt = [0; SALT];
        let written = next("salt=").ok_or_else(damaged)?;
        hex::decode_to_slice(written, &mut salt).map_err(|_| damaged())?;
        if parts.next().is_some() {
            return Err(damaged());
        }
        let costs = [memory, passes, lanes];
        let within = (0..3).all(|i| (MIN_COSTS[i]..=MAX_COSTS[i]).contains(&costs[i]));
        if !within {
            let line = format!(
                "the passphrase costs m={memory} t={passes} p={lanes} are refused: they must be at least m={} t={} \
                 p={} and at most m={} t={} p={}",
                MIN_COSTS[0], MIN_COSTS[1], MIN_COSTS[2], MAX_COSTS[0], MAX_COSTS[1], MAX_COSTS[2]
            );
            return Err(Error::new(ErrorKind::Refused, line));
        }
        Ok(Self { costs, salt })
    }
}
