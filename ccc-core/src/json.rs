//! Deserialization rules for persisted JSON.

use serde::{Deserialize, Deserializer};

/// Deserializes a field that can be `null` but must not be missing. By default, serde would read a
/// missing `Option` field as `None`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}
