//! Encrypted credentials in a Cloudflare Durable Object.
//!
//! The Durable Object (object for short) stores rows of cipher text, and compares digests of the
//! index to detect concurrent writes. The client of the object encrypts the records, and manages
//! the index, which contains the version of each record. The client is either a program on any
//! machine, which uses an [`HttpsChannel`], or the Worker in front of the object, which uses a
//! different [`Channel`]. `examples/worker` hosts the object with [`handle_message`] and
//! [`MessageAuthenticator`].

use std::sync::Arc;

use ccc_core::{Clock, Result};

mod blob_store;
mod channel;
mod handler;
#[cfg(not(target_arch = "wasm32"))]
mod https_channel;
mod protocol;
mod rows;
mod signature;

use blob_store::ObjectBlobStore;
pub use channel::Channel;
pub use handler::handle_message;
#[cfg(not(target_arch = "wasm32"))]
pub use https_channel::HttpsChannel;
pub use protocol::MAX_MESSAGE_BYTES;
pub use rows::Rows;
pub use signature::{
    DATE_HEADER, MessageAuthenticator, MessageId, NONCE_HEADER, SIGNATURE_HEADER, VerificationError,
};

use crate::keys::Keys;
use crate::sealed::Sealed;

/// A [`CredentialStore`](ccc_core::CredentialStore) in a Cloudflare Durable Object. Credentials are
/// encrypted before they are sent to the Durable Object.
///
/// When a call that writes returns, the data is in the Durable Object's storage. An attacker with
/// access to that storage sees only cipher text. But the attacker can delete the cipher text, or
/// restore the whole storage to an earlier state. If the client is a program with an
/// [`HttpsChannel`], Cloudflare never receives the encryption key. If the client is the Worker, the
/// encryption key is a secret of the Worker, and the class of the Durable Object does not receive
/// the key.
#[derive(Debug)]
pub struct DurableObjectCredentialStore {
    sealed: Sealed<ObjectBlobStore>,
}

impl DurableObjectCredentialStore {
    /// Opens the store in the Durable Object that `channel` connects to.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if `keys` are not the keys of the store, or if the
    /// index is damaged; the errors of [`Channel::send`].
    pub async fn open(channel: impl Channel, clock: Arc<dyn Clock>, keys: &Keys) -> Result<Self> {
        let blobs = ObjectBlobStore::new(Box::new(channel), clock);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Adds `keys` to the keys of the store. Later writes use the first key of `keys`. All other
    /// keys only decrypt.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if `keys` do not decrypt the index; the errors of
    /// [`Channel::send`]. After an error, the store continues to use its previous keys.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adds `keys` as [`adopt`](Self::adopt) does, encrypts every record under the first key of
    /// `keys`, and then removes all keys that are not in `keys`. Reads continue in the meantime.
    /// Returns the number of records that were encrypted under a different key before.
    ///
    /// If several processes use the Durable Object, each of them must first [`adopt`](Self::adopt)
    /// the new key as the first of its keys.
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

crate::sealed::impl_credential_store!(DurableObjectCredentialStore);

#[cfg(test)]
mod tests;
