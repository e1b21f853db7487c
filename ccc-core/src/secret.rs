//! Secret values, which must not be shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

use crate::{Error, ErrorKind, Result};

/// Secret bytes. `Debug` prints them as `[REDACTED]`. They are wiped from memory when the value is
/// dropped.
///
/// The type has no `Serialize`, `Display` or `PartialEq`. Code that needs the bytes calls
/// [`expose`](Self::expose), so that a reviewer can search for every use.
///
/// # Examples
///
/// ```
/// use ccc_core::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert!(!format!("{secret:?}").contains("hunter2"));
/// assert_eq!(secret.expose(), b"hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Creates a secret from its bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(SecretSlice::from(bytes.into()))
    }

    /// Returns the secret bytes. The caller must not print or log them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Returns the secret bytes as text. The caller must not print or log the text.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the bytes are not UTF-8. The error does not contain the bytes.
    pub fn expose_str(&self) -> Result<&str> {
        std::str::from_utf8(self.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "a secret is not UTF-8 text: provide this secret again as UTF-8 text",
            )
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        // spec: S6a
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).matches("hunter2").count(), 0);
        assert_eq!(secret.expose_str().unwrap(), "hunter2");
        assert!(Secret::new([0xff, 0xfe]).expose_str().is_err());
    }
}
