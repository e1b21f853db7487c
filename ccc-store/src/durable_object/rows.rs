//! The storage of a Durable Object.

use ccc_core::Result;

/// The named rows in the storage of a Durable Object.
///
/// # Contract
/// All calls for one message must take effect together or not at all. The storage of a Cloudflare
/// Durable Object works in this way if nothing is awaited between the first call and the last.
pub trait Rows {
    /// Returns the value of the row `name`, or `None` if there is no such row.
    ///
    /// # Errors
    /// An error if the storage fails.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Sets the row `name` to `value`. Creates the row if it does not exist.
    ///
    /// # Errors
    /// An error if the storage fails.
    fn put(&self, name: &str, value: &[u8]) -> Result<()>;

    /// Removes the row `name`, if it exists.
    ///
    /// # Errors
    /// An error if the storage fails.
    fn remove(&self, name: &str) -> Result<()>;

    /// Returns the row names that begin with `prefix`, sorted by their bytes. If there are more
    /// than `most` such names, returns only the first `most`.
    ///
    /// # Errors
    /// An error if the storage fails.
    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>>;
}
