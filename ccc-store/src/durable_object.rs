//! Credentials in a Durable Object of Cloudflare's, which sees cipher text alone.
//!
//! The object stores rows and compares digests. Encryption, versions and the index are its
//! client's. The client is a program anywhere, over HTTPS ([`HttpsChannel`]), or the Worker in
//! front of the object, over any other [`Channel`]. `examples/worker` hosts the object with
//! [`handle_message`] and [`MessageAuthenticator`].

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

/// A [`CredentialStore`](ccc_core::CredentialStore) in a Durable Object, encrypted before it gets
/// there.
///
/// A write that returned is in the object's storage. An attacker with access to that storage has
/// cipher text, and can destroy it or restore an earlier state of all of it. Over an
/// [`HttpsChannel`], the key is not at Cloudflare at all; in a Worker it is one of the Worker's
/// secrets, which the object's class does not get.
#[derive(Debug)]
pub struct DurableObjectCredentialStore {
    sealed: Sealed<ObjectBlobStore>,
}

impl DurableObjectCredentialStore {
    /// Opens the store behind the channel.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the keys are not its keys, or the index is
    /// damaged; those of the channel.
    pub async fn open(channel: impl Channel, clock: Arc<dyn Clock>, keys: &Keys) -> Result<Self> {
        let blobs = ObjectBlobStore::new(Box::new(channel), clock);
        Ok(Self { sealed: Sealed::open(blobs, "credentials", keys).await? })
    }

    /// Adds `keys` to the keys that the store reads with, and writes under the first of them from
    /// now on.
    ///
    /// # Errors
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) when the keys do not open the index: then nothing
    /// changes; those of the channel.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adopts `keys` and puts every record under the first of them, as the store of files does.
    /// Returns the number of records that were put under it.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt), and for a record that is damaged or under an unknown key: the
    /// others are under the new key then. It may be called again.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::impl_credential_store!(DurableObjectCredentialStore);

#[cfg(test)]
mod tests;
