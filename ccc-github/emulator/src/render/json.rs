//! Merging of JSON objects.

use serde_json::Value;

/// Adds the fields of `more` to `object`. A field of `more` replaces the field of `object` with the
/// same name.
pub(crate) fn merge(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
