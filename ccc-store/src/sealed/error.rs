//! The errors of a sealed store.

use ccc_core::{CredentialKey, Error, ErrorKind};

use crate::sealed::envelope::Fault;

/// The name of the index in error messages.
pub(super) const INDEX: &str = "the index of the credentials";

/// Returns the error for the credential `key`, whose record cannot be opened because of `fault`.
pub(super) fn corrupt_record(key: &CredentialKey, fault: &Fault) -> Error {
    corrupt(&format!("the credential `{key}`"), fault)
}

/// Returns the error for `what`, a record or the index, which cannot be opened because of `fault`.
/// The message reveals no more than requirement S8 of `docs/spec.md` permits.
pub(super) fn corrupt(what: &str, fault: &Fault) -> Error {
    let kind = match fault {
        Fault::Random => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, format!("cannot read {what}, which is left unchanged: {fault}"))
}

/// Returns the error for an operation that was abandoned because other writers changed the index
/// during each attempt.
pub(super) fn too_many_conflicts() -> Error {
    let line = "every attempt to use the credential store collided with a write: check whether another process writes \
                continuously, and whether the storage works";
    Error::new(ErrorKind::Unavailable, line)
}
