//! The storage of an object.

use ccc_core::Result;

/// The rows of an object, by name.
///
/// # Contract
/// The calls for one message are applied atomically. A Cloudflare Durable Object does that if
/// nothing is awaited between the first call and the last.
pub trait Rows {
    /// Returns the row.
    ///
    /// # Errors
    /// An error if the storage fails.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Creates or replaces the row.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn put(&self, name: &str, value: &[u8]) -> Result<()>;

    /// Removes the row, if there is one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn remove(&self, name: &str) -> Result<()>;

    /// Returns the first `most` names that begin with `prefix`, in the order of their bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>>;
}
