//! A value that must not be seen.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

use crate::{Error, ErrorKind, Result};

/// Secret bytes: wiped from memory when dropped, and printed as `[REDACTED]`.
///
/// There is no `Serialize`, no `Display`, no `PartialEq`: whoever needs the bytes says
/// [`expose`](Self::expose), and a reader of the code can search for it.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(SecretSlice::from(bytes.into()))
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when they are not UTF-8; the error does not show them.
    pub fn expose_str(&self) -> Result<&str> {
        std::str::from_utf8(self.expose()).map_err(|_| {
            Error::new(ErrorKind::Corrupt, "a credential that must be text is not UTF-8")
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
