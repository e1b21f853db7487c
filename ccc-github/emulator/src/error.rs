//! The error type of the emulator's methods.

use std::error::Error as StdError;

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The account, repository, issue or branch does not exist.
    NotFound,
    /// The emulator already has a repository with this name.
    AlreadyExists,
    /// A parameter is invalid, such as a private key that does not parse.
    InvalidInput,
    /// The listen address is already used, the data directory cannot be used, or git failed.
    Unavailable,
    /// A bug in the emulator.
    Unexpected,
}

/// The error of a failed call to the emulator. Callers can distinguish errors by
/// [`kind`](Self::kind). The message is one line and includes the causes.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", causes(.source.as_deref()))]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A [`Result`](std::result::Result) whose error is the emulator's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn causes(source: Option<&(dyn StdError + Send + Sync + 'static)>) -> String {
    let mut line = String::new();
    let mut cause = source.map(|source| source as &dyn StdError);
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the error for a repository, an issue or a branch that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::new(
            ErrorKind::NotFound,
            "the repository, issue or branch does not exist in the emulator",
        )
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
