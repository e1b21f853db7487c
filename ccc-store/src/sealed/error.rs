//! The errors of a sealed store.

use ccc_core::{CredentialKey, Error, ErrorKind};

use crate::sealed::envelope::Fault;

/// The name of the index in errors.
pub(super) const INDEX: &str = "the index of the credentials";

/// Returns the error for a credential that does not open.
pub(super) fn corrupt_record(key: &CredentialKey, fault: &Fault) -> Error {
    corrupt(&format!("the credential `{key}`"), fault)
}

/// Returns the error for a record that does not open. It reveals no more than `docs/envelope.md`
/// permits.
pub(super) fn corrupt(what: &str, fault: &Fault) -> Error {
    let kind = match fault {
        Fault::Random => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, format!("{what} cannot be read, and is left as it is: {fault}"))
}

/// Returns the error for an operation that lost against other writers too often.
pub(super) fn overtaken() -> Error {
    let line = "others write to this store all the time, or nothing can be written to it: look at what it is on";
    Error::new(ErrorKind::Unavailable, line)
}
