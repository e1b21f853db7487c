//! Key rotation while the store is in use.

use ccc_core::{CredentialKey, CredentialStore as _, Error, ErrorKind, Result};

use crate::keys::Keys;
use crate::sealed::blob_store::BlobStore;
use crate::sealed::envelope;
use crate::sealed::error::{corrupt_record, too_many_conflicts};
use crate::sealed::store::{MAX_ATTEMPTS, Plan, Sealed};

/// Maximum number of passes over all records in one rotation.
const PASSES: usize = 100;

impl<S: BlobStore> Sealed<S> {
    /// Adds `keys` to the keys of the store, encrypts the data key of every record under the first
    /// key of `keys`, and then removes all keys that are not in `keys`. Reads continue in the
    /// meantime. Returns the number of records whose data key was encrypted under a different key
    /// before.
    pub(crate) async fn rotate(&self, keys: &Keys) -> Result<usize> {
        let new = self.adopt_checked(keys).await?;
        let id = Some(Ok(new.active().id));
        let other = |sealed_index: Option<&[u8]>| sealed_index.map(envelope::key_id) != id;
        let mut rotated = 0;
        for _ in 0..PASSES {
            // The index is rewritten first: a process that has only older keys can then no longer
            // open the index, and therefore writes nothing more under these keys. Each pass
            // rewrites the index again if necessary, because a process that only deletes
            // credentials writes only the index.
            self.change(|_, sealed_index, _| Ok(other(sealed_index).then(Plan::default))).await?;
            let (mut more, mut damaged) = (0, None);
            for key in self.list().await? {
                match self.rewrap(&key).await {
                    Ok(done) => more += usize::from(done),
                    // This error does not stop the rotation of the other records.
                    Err(error) => damaged = damaged.or(Some(error)),
                }
            }
            rotated += more;
            if let Some(error) = damaged {
                return Err(error);
            }
            // Another process can have written under an older key in the meantime.
            if more == 0 && !other(self.index().await?.0.as_deref()) {
                self.set_ring(new).await;
                return Ok(rotated);
            }
        }
        let line = "other processes still write to the credential store under an older key: configure the new key as the \
                    first key of these processes, and rotate again";
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// Encrypts the data key of the newest record of `key` under the active key. Returns `false` if
    /// the data key is already encrypted under the active key, or if `key` does not exist.
    async fn rewrap(&self, key: &CredentialKey) -> Result<bool> {
        let ring = self.ring();
        for _ in 0..MAX_ATTEMPTS {
            let Some((entry, record)) = self.read(key).await? else { return Ok(false) };
            let again = envelope::rewrap(&ring, &self.context(key, entry.version), &record);
            let Some(again) = again.map_err(|fault| corrupt_record(key, &fault))? else {
                return Ok(false);
            };
            let id = self.record_id(key, entry.version);
            // If another writer has replaced the record in the meantime, the next attempt reads the
            // new record.
            let done = self.change(|index, _, _| {
                let same = index.records.get(key) == Some(&entry);
                let put = Some((id, again.clone()));
                Ok(same.then_some(Plan { put, ..Plan::default() }))
            });
            if done.await? {
                return Ok(true);
            }
        }
        Err(too_many_conflicts())
    }
}
