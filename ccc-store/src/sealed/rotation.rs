//! Rotation: putting every record under another key while the store is in use.

use ccc_core::{CredentialKey, CredentialStore as _, Error, ErrorKind, Result};

use crate::keys::Keys;
use crate::sealed::blob_store::BlobStore;
use crate::sealed::envelope;
use crate::sealed::error::{corrupt_record, overtaken};
use crate::sealed::store::{Plan, Sealed, TRIES};

/// The number of passes over all records before a rotation gives up.
const PASSES: usize = 100;

impl<S: BlobStore> Sealed<S> {
    /// Adopts `keys`, puts every record under the first of them, and drops all keys that are not
    /// among them. No read waits meanwhile. Returns the number of records that were put under it.
    pub(crate) async fn rotate(&self, keys: &Keys) -> Result<usize> {
        let new = self.adopt_checked(keys).await?;
        let id = Some(Ok(new.active().id));
        let other = |sealed_index: Option<&[u8]>| sealed_index.map(envelope::key_id) != id;
        let mut rotated = 0;
        for _ in 0..PASSES {
            // The index first: a process with older keys alone notices, and writes nothing more
            // under them. In each pass: a process that only deletes writes nothing but the index.
            self.change(|_, sealed_index, _| Ok(other(sealed_index).then(Plan::default))).await?;
            let (mut more, mut damaged) = (0, None);
            for key in self.list().await? {
                match self.rewrap(&key).await {
                    Ok(done) => more += usize::from(done),
                    // The others are put under the new key all the same.
                    Err(error) => damaged = damaged.or(Some(error)),
                }
            }
            rotated += more;
            if let Some(error) = damaged {
                return Err(error);
            }
            // Another process may have written with an older key meanwhile.
            if more == 0 && !other(self.index().await?.0.as_deref()) {
                self.set_ring(new).await;
                return Ok(rotated);
            }
        }
        let line =
            "others go on to write under an older key: give them the new one, and rotate again";
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// Puts one record under the active key. Returns whether it was under another one.
    async fn rewrap(&self, key: &CredentialKey) -> Result<bool> {
        let ring = self.ring();
        for _ in 0..TRIES {
            let Some((entry, record)) = self.read(key).await? else { return Ok(false) };
            let again = envelope::rewrap(&ring, &self.context(key, entry.version), &record);
            let Some(again) = again.map_err(|fault| corrupt_record(key, &fault))? else {
                return Ok(false);
            };
            let id = self.record_id(key, entry.version);
            // Where the name was written since, there is another record to look at.
            let done = self.change(|index, _, _| {
                let same = index.records.get(key) == Some(&entry);
                let put = Some((id, again.clone()));
                Ok(same.then_some(Plan { put, ..Plan::default() }))
            });
            if done.await? {
                return Ok(true);
            }
        }
        Err(overtaken())
    }
}
