//! The one error type at the ports.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::Remedy;

/// What went wrong, for a program to branch on. A person reads the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thing that was asked for does not exist, or may not be seen.
    NotFound,
    /// Something else already has that name.
    AlreadyExists,
    /// The record changed since the version that the caller named, or a stale fence was used.
    Conflict,
    /// The caller's input can never work; asking again will not help.
    InvalidInput,
    /// Nobody we know: a missing, expired or revoked credential.
    Unauthenticated,
    /// Known, and not allowed.
    PermissionDenied,
    /// Refused by our own policy: nothing broke.
    Refused,
    /// Asked to wait; see [`Error::retry_after`].
    RateLimited,
    /// Not reachable or not ready now; the same call may work later.
    Unavailable,
    /// A deadline of ours passed.
    TimedOut,
    /// A limit on space, processes, output or money was reached.
    LimitExceeded,
    /// Somebody withdrew the request.
    Cancelled,
    /// Data that we hold does not read back; it is kept as it is.
    Corrupt,
    /// This adapter cannot do that.
    Unsupported,
    /// A defect: ours, or one of a part that we call.
    Unexpected,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid input",
            Self::Unauthenticated => "unauthenticated",
            Self::PermissionDenied => "permission denied",
            Self::Refused => "refused",
            Self::RateLimited => "rate limited",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed out",
            Self::LimitExceeded => "limit exceeded",
            Self::Cancelled => "cancelled",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
        })
    }
}

/// The error of every port: a kind to branch on and one line that says what to do next.
///
/// Adapters keep their own private error enums and map them here. One pointer wide, so that
/// `Result<(), Error>` stays cheap. Neither the message nor the source may hold a secret, or a URL
/// with user information in it: both are printed.
///
/// ```
/// use ccc_core::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Unavailable, "no answer from api.example.com; is it up?")
///     .with_operation("vcs_host.issue");
/// assert!(error.is_retryable());
/// assert_eq!(
///     error.to_string(),
///     "vcs_host.issue: no answer from api.example.com; is it up?"
/// );
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Option<&'static str>,
    message: String,
    retry_after: Option<Duration>,
    remedy: Option<Remedy>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// `Result` with the error of the ports.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `message` is one line, starts in lower case, says what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            message: message.into(),
            retry_after: None,
            remedy: None,
            source: None,
        }))
    }

    /// Names the port operation, such as `"credential_store.get"`. The innermost name wins.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Keeps the cause; it is printed after the message.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// How long the other side asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Attaches the step that resolves the error.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.0.remedy = Some(remedy);
        self
    }

    /// What to branch on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The port operation that failed, if it was named.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The line for a person, without operation and cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How long the other side asked us to wait, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the step that resolves the error, when the library knows one: its own, or else the one
    /// of the nearest cause that is an [`Error`] too. The program words it; [`Display`](fmt::Display)
    /// leaves it out.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        self.0.remedy.or_else(|| self.0.source.as_deref()?.downcast_ref::<Self>()?.remedy())
    }

    /// Whether the same call, unchanged, may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::RateLimited | ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        let mut cause: Option<&dyn StdError> = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            // One of ours has told its own causes.
            cause = if error.is::<Self>() { None } else { error.source() };
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("message", &self.0.message)
            .field("retry_after", &self.0.retry_after)
            .field("remedy", &self.0.remedy)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_with_its_causes() {
        let io = std::io::Error::other("disk full");
        let inner = Error::new(ErrorKind::Unavailable, "cannot write the index").with_source(io);
        let outer = Error::new(ErrorKind::Unexpected, "put failed")
            .with_operation("credential_store.put")
            .with_source(inner);
        assert_eq!(
            outer.to_string(),
            "credential_store.put: put failed: cannot write the index: disk full"
        );
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn a_remedy_is_found_through_the_causes_and_is_not_displayed() {
        let inner = Error::new(ErrorKind::InvalidInput, "no key").with_remedy(Remedy::GenerateKey);
        let outer = Error::new(ErrorKind::Unavailable, "cannot open the store").with_source(inner);
        assert_eq!(outer.remedy(), Some(Remedy::GenerateKey));
        assert_eq!(outer.to_string(), "cannot open the store: no key");
        let own = outer.with_remedy(Remedy::RotateKey);
        assert_eq!(own.remedy(), Some(Remedy::RotateKey));
        assert_eq!(Error::new(ErrorKind::NotFound, "gone").remedy(), None);
    }

    #[test]
    fn the_innermost_operation_wins() {
        let error = Error::new(ErrorKind::NotFound, "no such repository")
            .with_operation("vcs_host.repository")
            .with_operation("pipeline");
        assert_eq!(error.operation(), Some("vcs_host.repository"));
    }
}
