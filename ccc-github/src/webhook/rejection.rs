//! The reasons to refuse a delivery, each with its HTTP status.

use crate::webhook::payload::Malformed;

/// The reason why a delivery is refused. It contains nothing from a body whose signature is not
/// verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A header is missing, repeated or unreadable.
    #[error("missing, repeated or unreadable header {0}")]
    Header(&'static str),
    /// The signature is malformed, or was computed with another secret or from other bytes.
    #[error(
        "bad signature: check that the webhook secret is the one on the GitHub App's settings page"
    )]
    Signature,
    /// The content type or the content encoding is not supported.
    #[error("{0}")]
    MediaType(&'static str),
    /// The signature is valid, but the payload differs from GitHub's documentation.
    #[error("malformed payload: {0}")]
    Malformed(String),
    /// The body has more than [`MAX_BODY`](crate::webhook::MAX_BODY) bytes.
    #[error("the body is larger than 25 MiB")]
    TooLarge,
    /// No webhook secret is configured yet.
    #[error("no GitHub App is configured yet: send the delivery again later")]
    NotConfigured,
}

impl Rejection {
    /// Returns the HTTP status of the response (spec: W4a).
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Header(_) | Self::Malformed(_) => http::StatusCode::BAD_REQUEST,
            Self::Signature => http::StatusCode::UNAUTHORIZED,
            Self::MediaType(_) => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotConfigured => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}
