use std::path::PathBuf;

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Result, Secret, async_trait};

mod directory;
mod shelf;

use directory::Directory;
use shelf::FileShelf;

use crate::aside::aside;
use crate::keys::Keys;
use crate::sealed::Sealed;

/// Credentials in a directory, encrypted: one file for each, and a sealed index that says which is the newest.
///
/// The directory is the service's alone (0700, its files 0600); looser rights, another owner and symbolic links
/// are refused. Several processes may use it at once. A write that returned is on the disk, and one that was
/// interrupted is whole or not there.
///
/// What is in it is of no use without the keys. Who can write to it can destroy it, or bring back the whole
/// directory as it was earlier; a single file that is changed, swapped with another or brought back is noticed.
#[derive(Debug)]
pub struct FileCredentialStore {
    sealed: Sealed<FileShelf>,
}

impl FileCredentialStore {
    /// Opens the store in `directory`, which is made where there is none.
    ///
    /// # Errors
    /// [`Refused`](ccc_core::ErrorKind::Refused) when others may look into the directory or a file of it, or it is
    /// somebody else's; [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the keys are not its keys, or the index is
    /// damaged; [`Unavailable`](ccc_core::ErrorKind::Unavailable) when it cannot be used.
    pub async fn open(directory: impl Into<PathBuf>, keys: &Keys) -> Result<Self> {
        let directory = directory.into();
        let shelf = FileShelf::new(aside(move || Directory::open(&directory)).await?);
        Ok(Self { sealed: Sealed::open(shelf, "credentials", keys).await? })
    }

    /// Writes under the first of these keys from now on, reads with all of them, and puts every record under the
    /// first; nobody has to wait meanwhile. Says how many records that were.
    ///
    /// Where several processes share the directory, all must have the new key as a retired one before, and the old
    /// ones until this has returned.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the keys do not open what is there: then they are not taken,
    /// or, for a damaged record, nothing after it was put under the new key. It may be called again.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

#[async_trait]
impl CredentialStore for FileCredentialStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        self.sealed.get(key).await
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        self.sealed.put(key, secret, precondition).await
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.sealed.delete(key).await
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        self.sealed.list().await
    }
}
