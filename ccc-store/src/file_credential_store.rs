//! A credential store in a directory.

use std::path::PathBuf;

use ccc_core::Result;

mod blob_store;
mod directory;

use blob_store::FileBlobStore;
use directory::Directory;

use crate::blocking::spawn_blocking;
use crate::keys::Keys;
use crate::sealed::Sealed;

/// A [`CredentialStore`](ccc_core::CredentialStore) in a directory. Each version of a credential is
/// an encrypted file, and an encrypted index names the file of each credential's newest version.
///
/// Only the user of this process may have access to the directory (mode 0700) and its files (mode
/// 0600). The store refuses a directory or file that has wider permissions, belongs to another
/// user, or is a symbolic link. Several processes can use the directory at the same time. When a
/// call that writes returns, the data is on the disk. An interrupted write is either complete or
/// has no effect.
///
/// The files cannot be decrypted without the keys. An attacker who can write to the directory can
/// delete credentials, or restore the whole directory to an earlier state. But if a single file was
/// changed, swapped with another file, or restored to an earlier state, the store detects this.
#[derive(Debug)]
pub struct FileCredentialStore {
    sealed: Sealed<FileBlobStore>,
}

impl FileCredentialStore {
    /// Opens the store in `directory`. If `directory` does not exist, creates it with mode 0700.
    ///
    /// # Errors
    /// - [`Refused`](ccc_core::ErrorKind::Refused) if the directory or one of its files belongs to
    ///   another user, is accessible to other users, or is a symbolic link.
    /// - [`Corrupt`](ccc_core::ErrorKind::Corrupt) if `keys` are not the keys of the store, or if
    ///   the index is damaged.
    /// - [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the directory cannot be created, read
    ///   or written.
    pub async fn open(directory: impl Into<PathBuf>, keys: &Keys) -> Result<Self> {
        let directory = directory.into();
        let blobs = FileBlobStore::new(spawn_blocking(move || Directory::open(&directory)).await?);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Returns the names and the encrypted contents of the files in `directory`, as they are at one
    /// moment, for a backup. The keys are not among them.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open) that concern the directory and its files.
    pub async fn encrypted_files(directory: impl Into<PathBuf>) -> Result<Vec<(String, Vec<u8>)>> {
        let directory = directory.into();
        spawn_blocking(move || Directory::open(&directory)?.contents()).await
    }

    /// Writes `files`, which [`encrypted_files`](Self::encrypted_files) has returned, to the new
    /// directory `directory`.
    ///
    /// # Errors
    /// [`AlreadyExists`](ccc_core::ErrorKind::AlreadyExists) if the directory has files.
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if the name of a file is a path.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) and
    /// [`LimitExceeded`](ccc_core::ErrorKind::LimitExceeded) if a file cannot be written.
    pub async fn write_encrypted_files(
        directory: impl Into<PathBuf>,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<()> {
        let directory = directory.into();
        spawn_blocking(move || Directory::open(&directory)?.fill(&files)).await
    }

    /// Adds `keys` to the keys of the store. Later writes use the first key of `keys`. All other
    /// keys only decrypt.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if `keys` do not decrypt the index. The store then
    /// continues to use its previous keys.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adds `keys` as [`adopt`](Self::adopt) does, encrypts every record under the first key of
    /// `keys`, and then removes all keys that are not in `keys`. Reads continue in the meantime.
    /// Returns the number of records that were encrypted under a different key before.
    ///
    /// If several processes use the directory, each of them must first [`adopt`](Self::adopt) the
    /// new key as the first of its keys. A process that does not adopt the new key can write
    /// records under an old key after the rotation.
    ///
    /// # Errors
    /// The errors of [`adopt`](Self::adopt). [`Corrupt`](ccc_core::ErrorKind::Corrupt) if a record
    /// is damaged or encrypted under an unknown key; all other records are then under the new key.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if another process continues to write
    /// under an old key. After an error, the call can be repeated.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::impl_credential_store!(FileCredentialStore);
