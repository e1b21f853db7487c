//! The error type of API calls, with methods that classify an error, for example as temporary.

use std::time::Duration;

use ccc_core::{Error, ErrorKind};
use http::StatusCode;

/// An error of a call to GitHub's REST API.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// GitHub returned an error status, or a redirect that the client did not follow.
    #[error("GitHub answered {status} to {call}: {message}{request_id}")]
    Status {
        /// The status of the response.
        status: StatusCode,
        /// The method and the path of the call, without the query.
        call: String,
        /// GitHub's error message, shortened to one line.
        message: String,
        /// The text ` (request ID)`, in which `ID` is the request id from the response. GitHub's
        /// support can find the call by this id. Empty if the response has no valid request id.
        request_id: String,
        /// The wait after which a repeated call can succeed. `None` if GitHub neither reported a
        /// rate limit nor specified a wait.
        retry_after: Option<Duration>,
        /// Whether a header of the response specifies a wait. If `false`, a wait in `retry_after`
        /// is the default of one minute.
        is_wait_specified: bool,
        /// The field and the error code of each validation error in the response.
        validation_errors: Vec<(String, String)>,
    },
    /// The body of the response is not the JSON that GitHub documents.
    #[error(
        "GitHub's response to {call} differs from the documented format at line {line}, column \
         {column} of the response body: check that the API URL belongs to a GitHub server"
    )]
    Body {
        /// The method and the path of the call, without the query.
        call: String,
        /// The line of the first parse error in the body. This error omits the content of the line,
        /// because the content can be a token.
        line: usize,
        /// The column of the first parse error in the body.
        column: usize,
    },
    /// The call was not sent, or its response could not be read. The value is the reason.
    #[error("{0}")]
    Http(Error),
}

impl ApiError {
    /// Returns the HTTP status of the response, or `None` if this error is not
    /// [`Status`](Self::Status).
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns whether the response had the HTTP status `status`.
    pub(crate) fn has_status(&self, status: StatusCode) -> bool {
        self.status() == Some(status)
    }

    /// Returns whether GitHub's message contains `text`. ASCII case is ignored.
    pub(crate) fn message_contains(&self, text: &str) -> bool {
        let message = match self {
            Self::Status { message, .. } => message.to_ascii_lowercase(),
            _ => return false,
        };
        message.contains(&text.to_ascii_lowercase())
    }

    /// Returns whether GitHub reported the validation error `code` for the field `field`.
    pub(crate) fn has_problem(&self, field: &str, code: &str) -> bool {
        match self {
            Self::Status { validation_errors, .. } => {
                validation_errors.iter().any(|(name, why)| name == field && why == code)
            }
            _ => false,
        }
    }

    /// Returns whether the response was a redirect that was not followed.
    pub(crate) fn is_redirect(&self) -> bool {
        self.status().is_some_and(|status| status.is_redirection())
    }

    /// Returns whether GitHub has possibly executed the failed call. This is true, for example, if
    /// only the response was lost.
    pub(crate) fn is_outcome_unclear(&self) -> bool {
        match self {
            Self::Status { status, .. } => status.is_server_error(),
            Self::Body { .. } => true,
            Self::Http(error) => {
                // The other error kinds mean that the call was not sent, for example because there
                // is no token.
                matches!(
                    error.kind(),
                    ErrorKind::TimedOut
                        | ErrorKind::Unavailable
                        | ErrorKind::LimitExceeded
                        | ErrorKind::Unexpected
                )
            }
        }
    }

    /// Returns whether the error is temporary, so that a repeated call can succeed a moment later
    /// (spec: G6b).
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status.as_u16(), 500 | 502..=504),
            Self::Body { .. } => false,
            Self::Http(error) => {
                matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unavailable)
            }
        }
    }

    /// Returns whether the call got no response within the time limit.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Http(error) if error.kind() == ErrorKind::TimedOut)
    }

    /// Returns the wait that GitHub's rate limits require before the next attempt, or `None` if the
    /// call was not rate limited.
    pub(crate) fn rate_limit_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { status, retry_after, .. } if !status.is_server_error() => *retry_after,
            _ => None,
        }
    }

    /// Returns whether the error response from GitHub specifies no wait. A wait that
    /// [`rate_limit_wait`](Self::rate_limit_wait) returns for such a response is only a default.
    pub(crate) fn is_wait_assumed(&self) -> bool {
        matches!(self, Self::Status { is_wait_specified: false, .. })
    }

    /// Returns whether this client's rate limiter prevented the call, because the wait that GitHub
    /// requires before the next call was too long.
    pub(crate) fn was_not_sent(&self) -> bool {
        matches!(self, Self::Http(error) if error.kind() == ErrorKind::RateLimited)
    }

    /// Returns the wait that GitHub requires before the next attempt, for example because of a rate
    /// limit or a server error. Returns `None` if GitHub requires no wait.
    pub(crate) fn required_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Http(error)
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let line = error.to_string();
        match error {
            ApiError::Http(error) => error,
            ApiError::Body { .. } => Self::new(ErrorKind::Unexpected, line),
            ApiError::Status { retry_after: Some(wait), status, .. }
                if !status.is_server_error() =>
            {
                Self::new(ErrorKind::RateLimited, line).with_retry_after(wait)
            }
            ApiError::Status { status, retry_after, .. } => {
                let error = Self::new(kind(status), line);
                match retry_after {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                }
            }
        }
    }
}

fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        400 | 422 => ErrorKind::InvalidInput,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}
