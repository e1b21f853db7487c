//! The error type of the ports.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::Remedy;

mod kind;

pub use kind::ErrorKind;

/// The error type of every port: a kind on which programs can branch, and a message of one line
/// that says what to do next.
///
/// Adapters convert their private error types to this type. An `Error` has the size of one pointer,
/// so that `Result<(), Error>` is small. The message and the source are printed, so they must not
/// contain a secret or a URL with a user name or password.
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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use ccc_core::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::RateLimited, "the host limits requests")
///     .with_retry_after(Duration::from_secs(60));
/// assert!(error.is_retryable());
/// assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
/// assert_eq!(error.to_string(), "the host limits requests");
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

/// A `Result` with [`Error`] as its default error type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error of `kind`. `message` is one line that begins in lower case and says what to
    /// do next.
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

    /// Sets the name of the failed operation, such as `"credential_store.get"`. If the error
    /// already names an operation, this method changes nothing. Therefore the error names the
    /// innermost operation.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Sets the error that caused this error. `Display` prints the cause after the message.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the time for which the called service asked the caller to wait.
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

    /// Returns the error with `clean` applied to its message. If `clean` also changes the text of
    /// the cause, the cause is removed, and the message contains the cleaned text of the cause.
    #[cfg(feature = "git")]
    pub(crate) fn cleaned(mut self, clean: impl Fn(&str) -> String) -> Self {
        let causes = format!("{:?}", self.0.source);
        if clean(&causes) != causes {
            let operation = self.0.operation.take();
            self.0.message = self.to_string();
            self.0.operation = operation;
            self.0.source = None;
        }
        self.0.message = clean(&self.0.message);
        self
    }

    /// Returns the kind of the error, on which programs can branch.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the name of the operation that failed, if [`with_operation`](Self::with_operation)
    /// set one.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// Returns the message, without the name of the operation and without the cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the time for which the called service asked the caller to wait; `None` if the
    /// service did not ask.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the step that resolves the error, if the library knows one. If this error has no
    /// remedy and its source is also an [`Error`], this method returns the remedy of the source.
    /// [`Display`](fmt::Display) does not print the remedy: the program that prints the error
    /// describes the step in its own terms.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        self.0.remedy.or_else(|| self.0.source.as_deref()?.downcast_ref::<Self>()?.remedy())
    }

    /// Returns whether the same call can succeed later: whether the kind of the error is
    /// [`RateLimited`](ErrorKind::RateLimited) or [`Unavailable`](ErrorKind::Unavailable).
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
            // An `Error` has already printed its own causes.
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

    #[cfg(feature = "git")]
    #[test]
    fn a_cleaned_error_shows_no_secret_of_its_cause() {
        let clean = |text: &str| text.replace("hunter2", "x");
        let cause = std::io::Error::other("refused: hunter2");
        let error = Error::new(ErrorKind::RateLimited, "hunter2 failed")
            .with_operation("push")
            .with_retry_after(Duration::from_secs(1))
            .with_source(cause)
            .cleaned(clean);
        assert_eq!(error.to_string(), "push: x failed: refused: x");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        let other = Error::new(ErrorKind::NotFound, "gone").with_source(std::io::Error::other("y"));
        assert_eq!(other.cleaned(clean).to_string(), "gone: y");
    }

    #[test]
    fn a_limit_of_the_file_system_is_not_temporary() {
        // spec: X20c
        let numbers = [
            (28, ErrorKind::DiskFull),      // ENOSPC
            (122, ErrorKind::DiskFull),     // EDQUOT
            (27, ErrorKind::LimitExceeded), // EFBIG
            (36, ErrorKind::LimitExceeded), // ENAMETOOLONG
            (31, ErrorKind::LimitExceeded), // EMLINK
            (40, ErrorKind::LimitExceeded), // ELOOP
            (7, ErrorKind::LimitExceeded),  // E2BIG
            (5, ErrorKind::Unavailable),    // EIO
            (16, ErrorKind::Unavailable),   // EBUSY
            (24, ErrorKind::Unavailable),   // EMFILE
        ];
        for (number, expected) in numbers {
            let error = std::io::Error::from_raw_os_error(number);
            assert_eq!(ErrorKind::from_io(&error), expected, "{error}");
        }
    }

    #[test]
    fn the_innermost_operation_wins() {
        let error = Error::new(ErrorKind::NotFound, "no such repository")
            .with_operation("vcs_host.repository")
            .with_operation("pipeline");
        assert_eq!(error.operation(), Some("vcs_host.repository"));
    }
}
