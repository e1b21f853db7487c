//! Conversion of the engine's errors.

use bollard::errors::Error as Refusal;
use ccc_core::{Error, ErrorKind, Result};

/// Returns the HTTP status and the message of an error response of the engine. Returns `None` if
/// the call failed without a response.
pub(crate) fn answer(error: &Refusal) -> Option<(u16, &str)> {
    match error {
        Refusal::DockerResponseServerError { status_code, message } => {
            Some((*status_code, message))
        }
        _ => None,
    }
}

/// Returns whether the engine reports that the container, image or file of the request does not
/// exist.
pub(crate) fn is_missing(error: &Refusal) -> bool {
    answer(error).is_some_and(|(status, _)| status == 404)
}

/// Converts an error of a call to the engine. `what` states which action failed, and becomes the
/// start of the error message.
pub(crate) fn error(what: &str, refusal: Refusal) -> Error {
    let Some((status, message)) = answer(&refusal) else {
        let kind = match &refusal {
            Refusal::RequestTimeoutError => ErrorKind::TimedOut,
            Refusal::SocketNotFoundError(_)
            | Refusal::HyperResponseError { .. }
            | Refusal::HyperLegacyError { .. }
            | Refusal::IOError { .. }
            | Refusal::HttpClientError { .. } => ErrorKind::Unavailable,
            Refusal::UnsupportedURISchemeError { .. } => ErrorKind::InvalidInput,
            _ => ErrorKind::Unexpected,
        };
        return Error::new(kind, what).with_source(refusal);
    };
    let kind = match status {
        400 => ErrorKind::InvalidInput,
        401 | 403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        _ if message.contains("no space left") => ErrorKind::DiskFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what}: {}", ccc_core::untrusted_text::one_line(message, 400)))
}

/// Conversion of the results of calls to the engine.
pub(crate) trait Attempt<T> {
    /// Converts an error of a call to the engine to an [`Error`]. `what` states which action
    /// failed, and becomes the start of the error message.
    fn attempt(self, what: &str) -> Result<T>;
}

impl<T> Attempt<T> for std::result::Result<T, Refusal> {
    fn attempt(self, what: &str) -> Result<T> {
        self.map_err(|refusal| error(what, refusal))
    }
}
