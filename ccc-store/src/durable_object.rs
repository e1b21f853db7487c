//! Encrypted credentials in a Cloudflare Durable Object.
//!
//! The object stores rows of cipher text and compares digests. Its client encrypts the records and
//! manages versions and the index. The client is either a program on any machine, which uses an
//! [`HttpsChannel`], or the Worker in front of the object, which uses another [`Channel`].
//! `examples/worker` hosts the object with [`handle_message`] and [`MessageAuthenticator`].

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

/// A [`CredentialStore`](ccc_core::CredentialStore) in a Durable Object. Credentials are encrypted
/// before they are sent to the object.
///
/// A write is in the object's storage when it returns. An attacker with access to that storage sees
/// only cipher text. The attacker can delete it, or restore the whole storage to an earlier state.
/// With an [`HttpsChannel`], the key is never at Cloudflare. In a Worker, the key is one of the
/// Worker's secrets, which the object's class does not receive.
#[derive(Debug)]
pub struct DurableObjectCredentialStore {
    sealed: Sealed<ObjectBlobStore>,
}

impl DurableObjectCredentialStore {
    /// Opens the store in the object that the channel connects to.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if the keys are not those of the store, or if the
    /// index is damaged. Errors of the channel.
    pub async fn open(channel: impl Channel, clock: Arc<dyn Clock>, keys: &Keys) -> Result<Self> {
        let blobs = ObjectBlobStore::new(Box::new(channel), clock);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Adds `keys` to the keys that the store reads with. Later writes use the first of them.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if the keys do not open the index; the store then
    /// continues to use its previous keys. Errors of the channel.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adopts `keys` and moves every record to the first of them, as `FileCredentialStore::rotate`
    /// does. Returns the number of records that were moved.
    ///
    /// # Errors
    /// Those of [`adopt`](Self::adopt), and an error for a record that is damaged or encrypted
    /// under an unknown key. The other records are then under the new key. The call can be
    /// repeated.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::impl_credential_store!(DurableObjectCredentialStore);

#[cfg(test)]
mod tests;
