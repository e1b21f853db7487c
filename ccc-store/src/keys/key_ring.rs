//! Key-encryption keys and their ids, expanded from the operator's keys.

use std::fmt;
use std::sync::Arc;

use ccc_core::{Error, Result};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::aead::KEY;
use crate::invalid_input::invalid_input;

/// The id of a key-encryption key. It is derived from the key, so that no registry of ids is
/// needed. It reveals nothing about the key.
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

/// A key-encryption key and its id.
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
    /// Expands key and id from an operator's key, under two different labels (RFC 5869).
    fn expand(bytes: &[u8; KEY]) -> Self {
        let (mut key, mut id) = (Zeroizing::new([0; KEY]), [0; 16]);
        expand(None, bytes, b"ccc/v1/kek", &mut *key);
        expand(None, bytes, b"ccc/v1/kek-id", &mut id);
        Self { id: KeyId(id), key }
    }
}

/// Fills `out` with HKDF-SHA256 (RFC 5869). Returns `false`, without effect, for more than 8,160
/// bytes.
pub(super) fn expand(salt: Option<&[u8]>, secret: &[u8], label: &[u8], out: &mut [u8]) -> bool {
    Hkdf::<Sha256>::new(salt, secret).expand(label, out).is_ok()
}

/// The keys of a store, the active key first. A ring is never empty.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing(Vec<Arc<KeyEncryptionKey>>);

impl KeyRing {
    /// Creates a ring from the operator's keys, the active key first. There must be at least one
    /// key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a duplicate key.
    pub(super) fn new(all: impl IntoIterator<Item = Result<Zeroizing<[u8; KEY]>>>) -> Result<Self> {
        let mut keys: Vec<Arc<KeyEncryptionKey>> = Vec::new();
        for bytes in all {
            let key = KeyEncryptionKey::expand(&*bytes?);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(invalid_input(
                    "a key is a duplicate: a retired key must differ from the others",
                ));
            }
            keys.push(Arc::new(key));
        }
        Ok(Self(keys))
    }

    /// Returns the key that writes use.
    pub(crate) fn active(&self) -> &KeyEncryptionKey {
        &self.0[0]
    }

    /// Returns the key with that id.
    pub(crate) fn get(&self, id: KeyId) -> Option<&KeyEncryptionKey> {
        self.0.iter().map(AsRef::as_ref).find(|key| key.id == id)
    }

    /// Returns this ring with the keys of `other` added for reading.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let more = other.0.iter().filter(|key| self.get(key.id).is_none());
        Self(self.0.iter().chain(more).cloned().collect())
    }
}
