//! Random strings for secrets and codes.

/// Returns 32 random hex digits.
pub(crate) fn random_hex() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
