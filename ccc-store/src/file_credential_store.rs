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

/// A [`CredentialStore`](ccc_core::CredentialStore) in a directory: one encrypted file for each
/// credential, and an encrypted index that names the newest of each.
///
/// The directory belongs to the service alone (mode 0700, its files 0600); wider rights, another
/// owner and symbolic links are refused. Several processes may use it at once. A write that
/// returned is on the disk, and one that was interrupted is whole or has no effect.
///
/// What is in it is of no use without the keys. Who can write to it can destroy it, or bring back
/// the whole directory as it was earlier; a single file that is changed, swapped with another or
/// brought back is noticed.
#[derive(Debug)]
pub struct FileCredentialStore {
    sealed: Sealed<FileBlobStore>,
}

impl FileCredentialStore {
    /// Opens the store in `directory`, which is made where there is none.
    ///
    /// # Errors
    /// [`Refused`](ccc_core::ErrorKind::Refused) when others may look into the directory or a file
    /// of it, or it belongs to another user; [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the
    /// keys are not its keys, or the index is damaged;
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) when it cannot be used.
    pub async fn open(directory: impl Into<PathBuf>, keys: &Keys) -> Result<Self> {
        let directory = directory.into();
        let blobs = FileBlobStore::new(spawn_blocking(move || Directory::open(&directory)).await?);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Reads with these keys from now on, beside those that it had, and writes under the first of
    /// them.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the keys do not open the index: then they are
    /// not taken.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adopts these keys, puts every record under the first of them, and forgets the others that it
    /// had; no read has to wait meanwhile. Says how many records that were.
    ///
    /// Where several processes share the directory, all must have adopted the new key before, as
    /// their first one: what one of them writes under an old key afterwards is under the old key.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt), and for a record that is damaged or under a key that is nowhere:
    /// the others are under the new key then. [`Unavailable`](ccc_core::ErrorKind::Unavailable)
    /// when another process goes on to write under an old one. It may be called again.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::impl_credential_store!(FileCredentialStore);
