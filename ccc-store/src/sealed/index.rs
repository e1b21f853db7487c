//! The index of a store: the names of all credentials, and for each name the version and
//! fingerprint of the newest record.

use std::collections::BTreeMap;

use ccc_core::{CredentialKey, Error, ErrorKind, Remedy, Result};
use serde::{Deserialize, Serialize};

use crate::keys::{KeyId, KeyRing};
use crate::sealed::envelope::{self, Context, Fault};

/// Maximum number of encryptions under one key. With random nonces of 96 bits, NIST SP 800-38D §8.3
/// allows 2^32 encryptions. Half of that number leaves a margin for encryptions that were never
/// counted, because a writer was interrupted.
const MAX_USES: u64 = 1 << 31;

/// The index of a store. It is encrypted and stored like a record, but with an empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// The number of times that the index was written.
    pub(crate) counter: u64,
    /// The highest version that any deleted credential had. The versions of a credential that is
    /// not in the index begin above this value. Therefore no version is used twice, and the names
    /// of deleted credentials need not be stored.
    #[serde(default)]
    pub(crate) floor: u64,
    pub(crate) records: BTreeMap<CredentialKey, Entry>,
    /// The number of encryptions under each key.
    pub(crate) uses: BTreeMap<KeyId, u64>,
}

/// The index entry of one name, which identifies the newest record of the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The version of the newest record.
    pub(crate) version: u64,
    /// The fingerprint of the newest record.
    #[serde(with = "fingerprint")]
    pub(crate) fingerprint: [u8; 32],
}

impl Index {
    /// Returns the version that the next write of `key` gets.
    pub(crate) fn next_version(&self, key: &CredentialKey) -> u64 {
        self.records.get(key).map_or(self.floor, |entry| entry.version) + 1
    }

    /// Sets the entry of `key` to `entry`, or removes `key` from the index if `entry` is `None`.
    pub(crate) fn set(&mut self, key: CredentialKey, entry: Option<Entry>) {
        match entry {
            Some(entry) => {
                self.records.insert(key, entry);
            }
            None => {
                let before = self.records.remove(&key);
                self.floor = before.map_or(self.floor, |entry| entry.version.max(self.floor));
            }
        }
    }

    pub(crate) fn open(ring: &KeyRing, namespace: &str, record: &[u8]) -> Result<Self, Fault> {
        // The index needs no version, so the version is always 0. The counter in the index
        // distinguishes a newer index from an older one.
        let context = Context { namespace, name: "", version: 0 };
        let opened = envelope::open(ring, &context, record)?;
        serde_json::from_slice(opened.expose()).map_err(|_| Fault::Form)
    }

    /// Increments the counter of the index, adds `encryptions` to the number of uses of the active
    /// key, and encrypts the index. `encryptions` includes the encryption of the index itself.
    pub(crate) fn seal_next(
        &mut self,
        ring: &KeyRing,
        namespace: &str,
        encryptions: u64,
    ) -> Result<Vec<u8>> {
        let id = ring.active().id;
        let uses = self.uses.entry(id).or_default();
        *uses += encryptions;
        if *uses > MAX_USES {
            let line = format!(
                "the key {id} has reached the limit of 2^31 encryptions: configure a new key as the first key, and rotate all records to the new key"
            );
            let error = Error::new(ErrorKind::LimitExceeded, line);
            return Err(error.with_remedy(Remedy::RotateKey));
        }
        self.counter += 1;
        let unexpected = |e| {
            Error::new(ErrorKind::Unexpected, "cannot serialize the index of the credentials")
                .with_source(e)
        };
        let plain = serde_json::to_vec(self).map_err(unexpected)?;
        let context = Context { namespace, name: "", version: 0 };
        envelope::seal(ring, &context, &plain)
            .map_err(|fault| Error::new(ErrorKind::Unavailable, fault.to_string()))
    }
}

/// Serialization of a fingerprint as hex.
mod fingerprint {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let mut value = [0; 32];
        hex::decode_to_slice(String::deserialize(from)?, &mut value).map_err(D::Error::custom)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;
    use crate::Keys;

    #[test]
    fn no_version_of_a_deleted_name_is_used_again() {
        // spec: S9
        let name = |text: &str| CredentialKey::new(text).unwrap();
        let mut index = Index::default();
        let put = |index: &mut Index, key: &str| {
            let version = index.next_version(&name(key));
            index.set(name(key), Some(Entry { version, fingerprint: [0; 32] }));
            version
        };
        assert_eq!([put(&mut index, "a"), put(&mut index, "a"), put(&mut index, "b")], [1, 2, 1]);
        index.set(name("a"), None);
        index.set(name("b"), None);
        index.set(name("never"), None);
        assert!(index.records.is_empty());
        assert_eq!([put(&mut index, "b"), put(&mut index, "a"), put(&mut index, "c")], [3, 3, 3]);
    }

    #[test]
    fn a_key_stops_encrypting_before_a_nonce_is_likely_to_repeat() {
        // spec: S1b
        let ring = Keys::parse(&Keys::generate().unwrap()).unwrap().ring(None).unwrap();
        let mut index = Index::default();
        for (before, expected) in [(0, true), (MAX_USES - 2, true), (MAX_USES - 1, false)] {
            index.uses.insert(ring.active().id, before);
            match index.seal_next(&ring, "n", 2) {
                Ok(record) => {
                    assert!(expected, "{before}");
                    let read = Index::open(&ring, "n", &record).unwrap();
                    assert_eq!(read.uses[&ring.active().id], before + 2);
                    assert_eq!(read, index);
                }
                Err(error) => {
                    assert!(!expected, "{error}");
                    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
                    assert_eq!(error.remedy(), Some(Remedy::RotateKey), "{error}");
                }
            }
        }
    }
}
