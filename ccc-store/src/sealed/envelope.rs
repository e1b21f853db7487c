//! The stored form of one record: the data is encrypted under a data key of the record, and the
//! data key is encrypted under a key of the store.
//!
//! `docs/envelope.md` specifies every byte.

use ccc_core::Secret;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::aead::{self, KEY, NONCE, TAG};
use crate::keys::{KeyId, KeyRing};
use crate::random::random;

const MAGIC: &[u8; 4] = b"CCC1";
/// The algorithm number of AES-256-GCM, for the data and for the data key.
const ALGORITHM: u8 = 1;
const WRAPPED_KEY_LEN: usize = KEY + TAG;
/// Length of the unencrypted part of the header: magic number, algorithm and key id.
const OPEN: usize = MAGIC.len() + 1 + 16;
/// Offset of the part that rotation leaves unchanged: the nonce of the data, and the data.
const DATA: usize = OPEN + NONCE + WRAPPED_KEY_LEN;
/// Length of the shortest record, which has empty data.
const MIN_LEN: usize = DATA + NONCE + TAG;

/// The identity of a record. The record does not decrypt under another identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) version: u64,
}

impl Context<'_> {
    /// Returns the additional data of the layer that `label` names.
    fn bytes(&self, label: &[u8]) -> Vec<u8> {
        let mut bytes = label.to_vec();
        for part in [self.namespace, self.name] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes
    }

    /// Returns the additional data of the secret. It has no key id, so that keys can be rotated.
    fn of_data(&self) -> Vec<u8> {
        self.bytes(b"ccc/v1/data")
    }

    /// Returns the additional data of the data key, under the key-encryption key with that id.
    fn of_key(&self, id: KeyId) -> Vec<u8> {
        let mut bytes = self.bytes(b"ccc/v1/key");
        bytes.push(ALGORITHM);
        bytes.extend_from_slice(&id.0);
        bytes
    }
}

/// The reason why a record cannot be opened. Errors reveal no other detail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "it does not have the form of a record: it was truncated, or written by a newer version"
    )]
    Form,
    #[error(
        "it was written under the key {0}, which is not among the keys: add it as a retired key"
    )]
    UnknownKey(KeyId),
    #[error(
        "its authentication failed: it was changed, belongs to another record, or is an older version"
    )]
    Authentication,
    #[error("it is missing")]
    Gone,
    #[error("the operating system returned no random bytes")]
    Random,
}

impl From<aead::Refused> for Fault {
    fn from(_: aead::Refused) -> Self {
        Self::Authentication
    }
}

/// Encrypts `plain` under a fresh data key.
pub(crate) fn seal(ring: &KeyRing, context: &Context<'_>, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    let data_key = fresh()?;
    let nonce: Zeroizing<[u8; NONCE]> = fresh()?;
    let data = aead::seal(&data_key, &nonce, &context.of_data(), plain)?;
    let mut record = lock(ring, context, &data_key)?;
    record.extend_from_slice(&*nonce);
    record.extend_from_slice(&data);
    Ok(record)
}

/// Decrypts a record that was sealed with that context.
pub(crate) fn open(ring: &KeyRing, context: &Context<'_>, record: &[u8]) -> Result<Secret, Fault> {
    let data_key = unlock(ring, context, record)?;
    let (nonce, data) = record[DATA..].split_first_chunk::<NONCE>().ok_or(Fault::Form)?;
    let mut plain = aead::open(&data_key, nonce, &context.of_data(), data)?;
    Ok(Secret::new(std::mem::take(&mut *plain)))
}

/// Returns the record with its data key encrypted under the active key, or `None` if it already is.
pub(crate) fn rewrap(
    ring: &KeyRing,
    context: &Context<'_>,
    record: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    let data_key = unlock(ring, context, record)?;
    if key_id(record)? == ring.active().id {
        return Ok(None);
    }
    let mut again = lock(ring, context, &data_key)?;
    again.extend_from_slice(&record[DATA..]);
    Ok(Some(again))
}

/// Returns the id of the key that encrypts the data key of a record.
pub(crate) fn key_id(record: &[u8]) -> Result<KeyId, Fault> {
    let rest = record.strip_prefix(MAGIC).ok_or(Fault::Form)?;
    match rest.split_first_chunk::<17>() {
        Some(([ALGORITHM, id @ ..], _)) if record.len() >= MIN_LEN => Ok(KeyId(*id)),
        _ => Err(Fault::Form),
    }
}

/// Returns a digest that differs for any two records. Rotation does not change it.
pub(crate) fn fingerprint(record: &[u8]) -> [u8; 32] {
    Sha256::digest(record.get(DATA..).unwrap_or_default()).into()
}

/// Returns the header of a record: everything before its data.
fn lock(ring: &KeyRing, context: &Context<'_>, data_key: &[u8; KEY]) -> Result<Vec<u8>, Fault> {
    let kek = ring.active();
    let nonce: Zeroizing<[u8; NONCE]> = fresh()?;
    let wrapped = aead::seal(&kek.key, &nonce, &context.of_key(kek.id), data_key)?;
    Ok([MAGIC, &[ALGORITHM][..], &kek.id.0, &*nonce, &wrapped].concat())
}

fn unlock(
    ring: &KeyRing,
    context: &Context<'_>,
    record: &[u8],
) -> Result<Zeroizing<[u8; KEY]>, Fault> {
    let id = key_id(record)?;
    let header = record.get(OPEN..DATA).ok_or(Fault::Form)?;
    let (nonce, wrapped) = header.split_first_chunk::<NONCE>().ok_or(Fault::Form)?;
    let kek = ring.get(id).ok_or(Fault::UnknownKey(id))?;
    let opened = aead::open(&kek.key, nonce, &context.of_key(id), wrapped)?;
    let mut key = Zeroizing::new([0; KEY]);
    key.copy_from_slice(&opened);
    Ok(key)
}

fn fresh<const N: usize>() -> Result<Zeroizing<[u8; N]>, Fault> {
    random().map_err(|_| Fault::Random)
}

#[cfg(test)]
mod tests;
