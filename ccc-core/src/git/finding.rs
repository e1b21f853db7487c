//! A reason to refuse a workspace.

use crate::{Error, ErrorKind, Result};

/// A reason to refuse a workspace, and the affected paths.
#[derive(Debug)]
pub(super) struct Finding {
    /// The reason, in one line.
    pub(super) reason: String,
    /// The affected paths, relative to the workspace.
    pub(super) paths: Vec<Vec<u8>>,
}

impl Finding {
    pub(super) fn new(reason: impl Into<String>, paths: Vec<Vec<u8>>) -> Self {
        Self { reason: reason.into(), paths }
    }

    /// Converts `error`, the error of a call of git that reads a workspace, into a finding if git
    /// reached one of its limits. The contents of the workspace determine the resources that git
    /// needs. Returns all other errors unchanged.
    pub(super) fn of_limit(error: Error) -> Result<Self> {
        match error.kind() {
            ErrorKind::LimitExceeded | ErrorKind::TimedOut => {
                Ok(Self::new(error.to_string(), Vec::new()))
            }
            _ => Err(error),
        }
    }
}
