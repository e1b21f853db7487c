//! The reasons to refuse a webhook delivery, each with its HTTP status.

use crate::webhook::payload::Malformed;

/// The reason why a webhook delivery is refused. If the signature is not verified, the message
/// contains nothing from the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A required header is missing, repeated or malformed. The value is the header's name.
    #[error("the header {0} is missing, repeated or malformed")]
    Header(&'static str),
    /// The signature is malformed, was computed with a secret that is not configured, or does not
    /// match the body.
    #[error(
        "the signature is not valid: check that the GitHub App's settings page has the same \
         webhook secret as the service"
    )]
    Signature,
    /// The content type or the content encoding is not supported. The value is the error message.
    #[error("{0}")]
    MediaType(&'static str),
    /// The signature is valid, but the payload differs from GitHub's documentation. The value
    /// describes the difference.
    #[error("malformed payload: {0}")]
    Malformed(String),
    /// The body has more than [`MAX_BODY`](crate::webhook::MAX_BODY) bytes.
    #[error("the body of the delivery is larger than 25 MiB")]
    TooLarge,
    /// No webhook secret is configured yet.
    #[error(
        "no webhook secret is configured yet: configure the GitHub App, and send the delivery again"
    )]
    NotConfigured,
}

impl Rejection {
    /// Returns the HTTP status with which the delivery must be answered (spec: W4a).
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
