//! The stored form of one record: the secret is encrypted under a data key of this record, and the
//! data key is encrypted under a key-encryption key of the store.
//!
//! `docs/envelope.md` specifies every byte.

use ccc_core::Secret;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::aead::{self, KEY, NONCE, TAG};
use crate::keys::{KeyId, KeyRing};
use crate::random::random;

const MAGIC: &[u8; 4] = b"CCC1";
/// The number that stands for AES-256-GCM in a record. The data and the data key are encrypted with
/// this algorithm.
const ALGORITHM: u8 = 1;
const WRAPPED_KEY_LEN: usize = KEY + TAG;
/// Length of the unencrypted part of the header: magic number, algorithm and key id.
const OPEN_LEN: usize = MAGIC.len() + 1 + 16;
/// Offset of the part of a record that a rotation leaves unchanged: the nonce of the data, and the
/// encrypted data.
const DATA_OFFSET: usize = OPEN_LEN + NONCE + WRAPPED_KEY_LEN;
/// Length of the shortest record, which contains an empty secret.
const MIN_LEN: usize = DATA_OFFSET + NONCE + TAG;

/// The identity of a record. A record that was encrypted with one identity cannot be decrypted with
/// a different identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) version: u64,
}

impl Context<'_> {
    /// Returns the additional authenticated data for the encryption of either the secret or the
    /// data key. `label` selects one of these two encryptions.
    fn bytes(&self, label: &[u8]) -> Vec<u8> {
        let mut bytes = label.to_vec();
        for part in [self.namespace, self.name] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes
    }

    /// Returns the additional authenticated data for the encryption of the secret. This data
    /// contains no key id, so that a rotation of keys does not change the encrypted secret.
    fn of_data(&self) -> Vec<u8> {
        self.bytes(b"ccc/v1/data")
    }

    /// Returns the additional authenticated data for the encryption of the data key under the
    /// key-encryption key whose id is `id`.
    fn of_key(&self, id: KeyId) -> Vec<u8> {
        let mut bytes = self.bytes(b"ccc/v1/key");
        bytes.push(ALGORITHM);
        bytes.extend_from_slice(&id.0);
        bytes
    }
}

/// The reason why a record or the index cannot be opened. Error messages state only this reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "the stored data does not have the expected form: it was truncated, or written by a newer version of this program"
    )]
    Form,
    #[error(
        "the stored data is encrypted under the key {0}, which is not among the keys of this process: add the key as a retired key"
    )]
    UnknownKey(KeyId),
    #[error(
        "the stored data is not authentic: it was changed, replaced by an older version, or swapped with another record"
    )]
    Authentication,
    #[error("the stored data is missing")]
    Gone,
    #[error("the operating system returned no random bytes")]
    Random,
}

impl From<aead::Refused> for Fault {
    fn from(_: aead::Refused) -> Self {
        Self::Authentication
    }
}

/// Encrypts `plain` under a fresh data key, and the data key under the active key of `ring`.
/// Returns the record.
pub(crate) fn seal(ring: &KeyRing, context: &Context<'_>, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    let data_key = fresh()?;
    let nonce: Zeroizing<[u8; NONCE]> = fresh()?;
    let data = aead::seal(&data_key, &nonce, &context.of_data(), plain)?;
    let mut record = wrap_key(ring, context, &data_key)?;
    record.extend_from_slice(&*nonce);
    record.extend_from_slice(&data);
    Ok(record)
}

/// Decrypts `record`, which must have been encrypted with the same `context`.
pub(crate) fn open(ring: &KeyRing, context: &Context<'_>, record: &[u8]) -> Result<Secret, Fault> {
    let data_key = unwrap_key(ring, context, record)?;
    let (nonce, data) = record[DATA_OFFSET..].split_first_chunk::<NONCE>().ok_or(Fault::Form)?;
    let mut plain = aead::open(&data_key, nonce, &context.of_data(), data)?;
    Ok(Secret::new(std::mem::take(&mut *plain)))
}

/// Returns `record` with its data key encrypted under the active key of `ring`, or `None` if the
/// data key is already encrypted under this key.
pub(crate) fn rewrap(
    ring: &KeyRing,
    context: &Context<'_>,
    record: &[u8],
) -> Result<Option<Vec<u8>>, Fault> {
    let data_key = unwrap_key(ring, context, record)?;
    if key_id(record)? == ring.active().id {
        return Ok(None);
    }
    let mut again = wrap_key(ring, context, &data_key)?;
    again.extend_from_slice(&record[DATA_OFFSET..]);
    Ok(Some(again))
}

/// Returns the id of the key-encryption key under which the data key of `record` is encrypted.
pub(crate) fn key_id(record: &[u8]) -> Result<KeyId, Fault> {
    let rest = record.strip_prefix(MAGIC).ok_or(Fault::Form)?;
    match rest.split_first_chunk::<17>() {
        Some(([ALGORITHM, id @ ..], _)) if record.len() >= MIN_LEN => Ok(KeyId(*id)),
        _ => Err(Fault::Form),
    }
}

/// Returns the SHA-256 digest of the part of `record` that a rotation leaves unchanged. Any two
/// writes have different digests, even if both write the same secret.
pub(crate) fn fingerprint(record: &[u8]) -> [u8; 32] {
    Sha256::digest(record.get(DATA_OFFSET..).unwrap_or_default()).into()
}

/// Returns the header of a new record: all bytes before the nonce of the data. The header contains
/// the encrypted `data_key`.
fn wrap_key(ring: &KeyRing, context: &Context<'_>, data_key: &[u8; KEY]) -> Result<Vec<u8>, Fault> {
    let kek = ring.active();
    let nonce: Zeroizing<[u8; NONCE]> = fresh()?;
    let wrapped = aead::seal(&kek.key, &nonce, &context.of_key(kek.id), data_key)?;
    Ok([MAGIC, &[ALGORITHM][..], &kek.id.0, &*nonce, &wrapped].concat())
}

fn unwrap_key(
    ring: &KeyRing,
    context: &Context<'_>,
    record: &[u8],
) -> Result<Zeroizing<[u8; KEY]>, Fault> {
    let id = key_id(record)?;
    let header = record.get(OPEN_LEN..DATA_OFFSET).ok_or(Fault::Form)?;
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
