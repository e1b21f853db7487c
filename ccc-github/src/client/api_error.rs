//! Errors of API calls, and their classification.

use std::time::Duration;

use ccc_core::{Error, ErrorKind};
use http::StatusCode;

/// The error of an API call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// GitHub returned an error status, or a redirect that is not followed.
    #[error("GitHub answered {status} to {call}: {message}{request_id}")]
    Status {
        /// The status of the response.
        status: StatusCode,
        /// The method and the path of the call, without the query.
        call: String,
        /// GitHub's message in one line.
        message: String,
        /// ` (request ID)` for GitHub's support, or an empty string.
        request_id: String,
        /// The time after which the call can succeed, if GitHub limited the call or specified a
        /// time.
        retry_after: Option<Duration>,
        /// Whether a header of the response specifies `retry_after`. Otherwise `retry_after` is a
        /// default.
        named: bool,
        /// The field and the error code of each validation error in the response.
        problems: Vec<(String, String)>,
    },
    /// The body of the response is not the JSON that GitHub documents.
    #[error(
        "GitHub's response to {call} does not match GitHub's documentation (line {line}, column \
         {column}): check that the API URL belongs to a GitHub server"
    )]
    Body {
        /// The method and the path of the call, without the query.
        call: String,
        /// The line of the first parse error in the body. The content of the line is omitted,
        /// because it can be a token.
        line: usize,
        /// The column of the first parse error in the body.
        column: usize,
    },
    /// The call got no response, for the reason in the error.
    #[error("{0}")]
    Http(Error),
}

impl ApiError {
    /// Returns the HTTP status of the response, or `None` if the error is not about a status.
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
            Self::Status { problems, .. } => {
                problems.iter().any(|(name, why)| name == field && why == code)
            }
            _ => false,
        }
    }

    /// Returns whether the response was a redirect that was not followed.
    pub(crate) fn is_redirect(&self) -> bool {
        self.status().is_some_and(|status| status.is_redirection())
    }

    /// Returns whether a write can have succeeded in spite of this error.
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

    /// Returns whether the same call can succeed a moment later (spec: G6b).
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status.as_u16(), 500 | 502..=504),
            Self::Body { .. } => false,
            Self::Http(error) => {
                matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unavailable)
            }
        }
    }

    /// Returns whether there was no response within the time limit.
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

    /// Returns whether the required wait is a default, because the response specifies no wait.
    pub(crate) fn is_wait_assumed(&self) -> bool {
        matches!(self, Self::Status { named: false, .. })
    }

    /// Returns whether the call was not sent, because it would have had to wait too long for a rate
    /// limit.
    pub(crate) fn was_not_sent(&self) -> bool {
        matches!(self, Self::Http(error) if error.kind() == ErrorKind::RateLimited)
    }

    /// Returns the wait that GitHub requires before the next attempt, for a rate limit or another
    /// reason, or `None` if GitHub requires no wait.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
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
