//! A credential store on untrusted storage: encryption, versions and the index.

mod blob_store;
#[cfg(any(feature = "file", feature = "durable-object"))]
mod delegation;
mod envelope;
mod error;
mod index;
mod rotation;
mod store;

pub(crate) use blob_store::{BlobStore, Change, RecordId, SealedIndex};
#[cfg(any(feature = "file", feature = "durable-object"))]
pub(crate) use delegation::impl_credential_store;
pub(crate) use store::Sealed;

#[cfg(test)]
mod tests;
