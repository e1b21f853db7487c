//! Credentials for the model's API.

use std::fmt;

use axum::http::{HeaderName, HeaderValue, header};
use ccc_core::{Error, ErrorKind, Result, Secret};

/// A credential for the model's API. The model proxy sends the value only to the API. Agents and
/// their containers never receive the value.
#[derive(Clone)]
pub enum ModelCredential {
    /// An API key (`ANTHROPIC_API_KEY`), which is sent in the header `x-api-key`.
    ApiKey(Secret),
    /// An OAuth token of a Claude subscription (`CLAUDE_CODE_OAUTH_TOKEN`), which is sent in the
    /// header `Authorization: Bearer`.
    OAuthToken(Secret),
    /// A bearer token of a gateway (`ANTHROPIC_AUTH_TOKEN`), which is sent in the header
    /// `Authorization: Bearer`.
    BearerToken(Secret),
}

impl fmt::Debug for ModelCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey(…)",
            Self::OAuthToken(_) => "OAuthToken(…)",
            Self::BearerToken(_) => "BearerToken(…)",
        })
    }
}

impl ModelCredential {
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::ApiKey(secret) | Self::OAuthToken(secret) | Self::BearerToken(secret) => secret,
        }
    }

    /// Returns the name and the value of the request header that carries the credential.
    pub(crate) fn header(&self) -> Result<(HeaderName, HeaderValue)> {
        let text = self.secret().expose_str()?.trim();
        let (name, value) = match self {
            Self::ApiKey(_) => (HeaderName::from_static("x-api-key"), text.to_owned()),
            _ => (header::AUTHORIZATION, format!("Bearer {text}")),
        };
        let unfit = |_| {
            Error::new(
                ErrorKind::InvalidInput,
                "the model's credential contains a character that is not permitted in an HTTP header: \
                 set it to the credential alone, on one line",
            )
        };
        let mut value = HeaderValue::try_from(value).map_err(unfit)?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// Returns whether `bytes` contain the credential. White space before and after the stored
    /// value does not count. A credential of fewer than 8 bytes is ignored, because it could occur
    /// in `bytes` by chance. Such a value is not a secret, but a placeholder for a gateway without
    /// authentication.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let sent = self.secret().expose().trim_ascii();
        sent.len() >= 8 && memchr::memmem::find(bytes, sent).is_some()
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.secret().expose_str()?.trim().is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the model's credential is empty: check the file or environment variable that \
                 contains it",
            ));
        }
        if !self.secret().expose().trim_ascii().iter().all(u8::is_ascii_graphic) {
            let line = "the model's credential contains characters that no credential has, such as white \
                        space: check the file or environment variable that contains it";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        self.header().map(drop)
    }
}
