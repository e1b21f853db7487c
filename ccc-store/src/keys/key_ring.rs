//! Key-encryption keys and their ids. Both are derived from the operator's keys.

use std::fmt;
use std::sync::Arc;

use ccc_core::{Error, Result};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::aead::KEY;
use crate::invalid_input::invalid_input;

/// The id of a key-encryption key. The id is derived from the operator's key. Therefore the store
/// needs no list of ids. The id does not reveal the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub(crate) [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(&text, &mut id)
            .map_err(|_| invalid_input("a key id must be 32 hex digits"))?;
        Ok(Self(id))
    }
}

/// A key-encryption key and its id. The key encrypts the data keys of records.
pub(crate) struct KeyEncryptionKey {
    pub(crate) id: KeyId,
    pub(crate) key: Zeroizing<[u8; KEY]>,
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl KeyEncryptionKey {
    /// Derives a key-encryption key and its id from the operator's key `bytes` with HKDF (RFC
    /// 5869). The two derivations use different labels.
    fn expand(bytes: &[u8; KEY]) -> Self {
        let (mut key, mut id) = (Zeroizing::new([0; KEY]), [0; 16]);
        expand(None, bytes, b"ccc/v1/kek", &mut *key);
        expand(None, bytes, b"ccc/v1/kek-id", &mut id);
        Self { id: KeyId(id), key }
    }
}

/// Fills `out` with the HKDF-SHA256 of `secret`, `salt` and `label` (RFC 5869). Returns `false`,
/// without effect, if `out` is longer than 8,160 bytes.
pub(super) fn expand(salt: Option<&[u8]>, secret: &[u8], label: &[u8], out: &mut [u8]) -> bool {
    Hkdf::<Sha256>::new(salt, secret).expand(label, out).is_ok()
}

/// The key-encryption keys of a store. The first key is the active key, under which new records are
/// encrypted. A ring contains at least one key.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing(Vec<Arc<KeyEncryptionKey>>);

impl KeyRing {
    /// Creates a ring from the operator's keys `all`, the active key first. `all` must contain at
    /// least one key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `all` contains a key
    /// twice.
    pub(super) fn new(all: impl IntoIterator<Item = Result<Zeroizing<[u8; KEY]>>>) -> Result<Self> {
        let mut keys: Vec<Arc<KeyEncryptionKey>> = Vec::new();
        for bytes in all {
            let key = KeyEncryptionKey::expand(&*bytes?);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(invalid_input(
                    "the same encryption key is given twice: a retired key must differ from all other keys",
                ));
            }
            keys.push(Arc::new(key));
        }
        Ok(Self(keys))
    }

    /// Returns the active key, under which all new records are encrypted.
    pub(crate) fn active(&self) -> &KeyEncryptionKey {
        &self.0[0]
    }

    /// Returns the key whose id is `id`, or `None` if the ring does not contain such a key.
    pub(crate) fn get(&self, id: KeyId) -> Option<&KeyEncryptionKey> {
        self.0.iter().map(AsRef::as_ref).find(|key| key.id == id)
    }

    /// Returns a ring with the keys of this ring, followed by the keys of `other`. The active key
    /// remains the active key, and the keys of `other` only decrypt.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let more = other.0.iter().filter(|key| self.get(key.id).is_none());
        Self(self.0.iter().chain(more).cloned().collect())
    }
}
