//! The kinds of errors.

use std::fmt;

/// The kind of an [`Error`](crate::Error). Programs can branch on the kind; the message of the error is only for
/// people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The requested item does not exist, or the caller has no permission to see it.
    NotFound,
    /// An item with the requested name already exists.
    AlreadyExists,
    /// The stored state differs from the state that the caller expected. For example, the run was
    /// claimed again, so that the caller's [`Fence`](crate::run_store::Fence) is outdated.
    Conflict,
    /// The caller's input is invalid. The same call cannot succeed later.
    InvalidInput,
    /// The credential for the called service is missing, expired or revoked.
    Unauthenticated,
    /// The credential for the called service is valid, but its permissions are not sufficient.
    PermissionDenied,
    /// A policy of this software forbids the action. The action was not tried.
    Refused,
    /// The called service asks the caller to wait; see [`Error::retry_after`](crate::Error::retry_after).
    RateLimited,
    /// The called service is not reachable or not ready. The same call can succeed later.
    Unavailable,
    /// The operation did not end within a time limit of this software.
    TimedOut,
    /// A limit on space, processes, output or money was reached.
    LimitExceeded,
    /// A disk of the service is full, or the operator's quota on it is used up. The repository and the
    /// change are not the cause.
    DiskFull,
    /// The request was cancelled.
    Cancelled,
    /// Stored data cannot be read. The data is neither changed nor deleted.
    Corrupt,
    /// The adapter does not support the operation.
    Unsupported,
    /// A defect in this software, or in software that it calls.
    Unexpected,
}

impl ErrorKind {
    /// Returns the kind of a failed file operation. A limit of the file system, such as the length
    /// of a path, is [`LimitExceeded`](Self::LimitExceeded), because the same operation fails again. A
    /// full disk is [`DiskFull`](Self::DiskFull). Any other failure is
    /// [`Unavailable`](Self::Unavailable).
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::ErrorKind;
    ///
    /// let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    /// assert_eq!(ErrorKind::from_io(&full), ErrorKind::DiskFull);
    /// ```
    #[must_use]
    pub fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        /// The error number of Linux for too many symbolic links in a path, which has no stable
        /// kind.
        const ELOOP: i32 = 40;
        match error.kind() {
            Io::StorageFull | Io::QuotaExceeded => Self::DiskFull,
            Io::FileTooLarge | Io::InvalidFilename | Io::TooManyLinks | Io::ArgumentListTooLong => {
                Self::LimitExceeded
            }
            _ if error.raw_os_error() == Some(ELOOP) => Self::LimitExceeded,
            _ => Self::Unavailable,
        }
    }
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
            Self::DiskFull => "disk full",
            Self::Cancelled => "cancelled",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Unexpected => "unexpected",
        })
    }
}
