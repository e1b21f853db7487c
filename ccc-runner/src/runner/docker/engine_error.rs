//! What the engine's refusals mean.

use bollard::errors::Error as Refusal;
use ccc_core::{Error, ErrorKind, Result};

/// The engine's answer, when it is one: its status and what it says.
pub(crate) fn answer(error: &Refusal) -> Option<(u16, &str)> {
    match error {
        Refusal::DockerResponseServerError { status_code, message } => {
            Some((*status_code, message))
        }
        _ => None,
    }
}

/// Whether the engine says that there is no such thing.
pub(crate) fn is_missing(error: &Refusal) -> bool {
    answer(error).is_some_and(|(status, _)| status == 404)
}

/// The error that a refusal is.
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
        _ if message.contains("no space left") => ErrorKind::LimitExceeded,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{what}: {}", ccc_core::untrusted_text::one_line(message, 400)))
}

/// Turns the engine's answers into ours.
pub(crate) trait Attempt<T> {
    /// What stands in the error's place: what was attempted, and failed.
    fn attempt(self, what: &str) -> Result<T>;
}

impl<T> Attempt<T> for std::result::Result<T, Refusal> {
    fn attempt(self, what: &str) -> Result<T> {
        self.map_err(|refusal| error(what, refusal))
    }
}
