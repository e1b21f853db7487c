//! Random strings for secrets and codes.

/// Returns 32 random hexadecimal digits in lower case.
pub(crate) fn random_hex() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
