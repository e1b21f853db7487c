//! Credentials in a directory.

use std::path::PathBuf;

use ccc_core::Result;

mod blob_store;
mod directory;

use blob_store::FileBlobStore;
use directory::Directory;

use crate::blocking::spawn_blocking;
use crate::keys::Keys;
use crate::sealed::Sealed;

/// A [`CredentialStore`](ccc_core::CredentialStore) in a directory. Each credential is an encrypted
/// file, and an encrypted index names the newest file of each credential.
///
/// Only the service's user may have access to the directory (mode 0700) and its files (mode 0600).
/// Wider permissions, another owner and symbolic links are refused. Several processes can use the
/// directory at the same time. A write is on the disk when it returns. An interrupted write is
/// either complete or has no effect.
///
/// The files are useless without the keys. An attacker who can write to the directory can delete
/// credentials, or restore the whole directory to an earlier state. A single file that is changed,
/// swapped with another or restored is detected.
#[derive(Debug)]
pub struct FileCredentialStore {
    sealed: Sealed<FileBlobStore>,
}

impl FileCredentialStore {
    /// Opens the store in `directory`, which is created if it does not exist.
    ///
    /// # Errors
    /// [`Refused`](ccc_core::ErrorKind::Refused) if other users have access to the directory or to
    /// one of its files, or if it belongs to another user;
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if the keys are not those of the store, or if the
    /// index is damaged; [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the directory cannot
    /// be used.
    pub async fn open(directory: impl Into<PathBuf>, keys: &Keys) -> Result<Self> {
        let directory = directory.into();
        let blobs = FileBlobStore::new(spawn_blocking(move || Directory::open(&directory)).await?);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Adds `keys` to the keys that the store reads with. Later writes use the first of them.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if the keys do not open the index; the store then
    /// continues to use its previous keys.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adopts `keys`, moves every record to the first of them, and then drops all keys that are not
    /// in `keys`. Reads do not wait for it. Returns the number of records that were moved.
    ///
    /// If several processes share the directory, each of them must first [`adopt`](Self::adopt) the
    /// new key as its first key. A process that does not can write records under an old key after
    /// the rotation.
    ///
    /// # Errors
    /// Those of [`adopt`](Self::adopt), and an error for a record that is damaged or encrypted
    /// under an unknown key. The other records are then under the new key.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if another process continues to write
    /// under an old key. The call can be repeated.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::impl_credential_store!(FileCredentialStore);
