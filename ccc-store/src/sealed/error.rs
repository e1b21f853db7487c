//! The errors of a sealed store.

use ccc_core::{CredentialKey, Error, ErrorKind};

use crate::sealed::envelope::Fault;

/// The name of the index in error messages.
pub(super) const INDEX: &str = "the index of the credentials";

/// Returns the error for a credential that cannot be opened.
pub(super) fn corrupt_record(key: &CredentialKey, fault: &Fault) -> Error {
    corrupt(&format!("the credential `{key}`"), fault)
}

/// Returns the error for a record that cannot be opened. It reveals no more than requirement S8 of
/// `docs/spec.md` permits.
pub(super) fn corrupt(what: &str, fault: &Fault) -> Error {
    let kind = match fault {
        Fault::Random => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, format!("cannot read {what}, which is left unchanged: {fault}"))
}

/// Returns the error for an operation that other writers overtook too often.
pub(super) fn too_many_conflicts() -> Error {
    let line = "other processes write to this store all the time, or its storage accepts no write: check the storage";
    Error::new(ErrorKind::Unavailable, line)
}
