//! Rules for JSON that is persisted.

use serde::{Deserialize, Deserializer};

/// Reads a field that may be `null` and may not be missing. Without it, a missing field reads as
/// `None`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}
