//! Derivation of a key from a passphrase with Argon2id (RFC 9106).

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use ccc_core::{Error, ErrorKind, Remedy, Result, Secret};
use zeroize::Zeroizing;

use crate::aead::KEY;
use crate::invalid_input::invalid_input;
use crate::random::random;

/// Minimum length of a passphrase, in bytes. A computer can find a shorter passphrase by trying all
/// candidates.
const MIN_PASSPHRASE: usize = 16;
/// Length of a salt, in bytes.
const SALT: usize = 16;
/// Lowest accepted key-derivation parameters: memory in KiB, number of passes, number of lanes. New
/// stores use these values. They are the second recommendation of RFC 9106 §4, but with one lane
/// instead of four, because a machine can have only one processor.
const MIN_COSTS: [u32; 3] = [64 << 10, 3, 1];
/// Highest accepted key-derivation parameters. They limit the memory and the time that a
/// manipulated file can make this process spend.
const MAX_COSTS: [u32; 3] = [1 << 20, 32, 16];

/// Returns `passphrase` without the white space around it.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if fewer than 16 bytes remain.
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

/// The parameters (memory, passes, lanes) and the salt with which Argon2id derives a key from a
/// passphrase. These values are not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derivation {
    costs: [u32; 3],
    salt: [u8; SALT],
}

impl Derivation {
    /// Creates a derivation with the lowest accepted parameters and a fresh random salt.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { costs: MIN_COSTS, salt: *random()? })
    }

    /// Derives a key from `passphrase` with the parameters and the salt of this derivation. The
    /// same `passphrase` always results in the same key.
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
                "the salt and the key-derivation parameters of the credential store are damaged: restore the store from a backup",
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
                "the store's key-derivation parameters m={memory} t={passes} p={lanes} are outside the permitted range \
                 m={} t={} p={} to m={} t={} p={}: restore the store from a backup",
                MIN_COSTS[0], MIN_COSTS[1], MIN_COSTS[2], MAX_COSTS[0], MAX_COSTS[1], MAX_COSTS[2]
            );
            return Err(Error::new(ErrorKind::Refused, line));
        }
        Ok(Self { costs, salt })
    }
}
