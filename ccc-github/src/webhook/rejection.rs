//! The reasons to refuse a delivery, each with its HTTP status.

use crate::webhook::payload::Malformed;

/// The reason why a delivery is refused. It shows nothing of the body before the signature passed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A header is missing, repeated or unreadable.
    #[error("missing, repeated or unreadable header {0}")]
    Header(&'static str),
    /// The signature is malformed, or made with another secret or over other bytes.
    #[error("bad signature: is the webhook secret the one of the GitHub App's settings page?")]
    Signature,
    /// A body in an encoding that is not supported.
    #[error("{0}")]
    MediaType(&'static str),
    /// A signed payload that differs from GitHub's documentation.
    #[error("malformed payload: {0}")]
    Malformed(String),
    /// A body of more than [`MAX_BODY`](crate::webhook::MAX_BODY) bytes.
    #[error("the body is larger than 25 MiB")]
    TooLarge,
    /// No secret is configured yet to check the signature with.
    #[error("no GitHub App is configured here yet: send it again later")]
    Waiting,
}

impl Rejection {
    /// Returns the HTTP status to answer with (spec: W4a).
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Header(_) | Self::Malformed(_) => http::StatusCode::BAD_REQUEST,
            Self::Signature => http::StatusCode::UNAUTHORIZED,
            Self::MediaType(_) => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Waiting => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}
