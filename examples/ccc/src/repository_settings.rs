//! The settings file in a repository.

use ccc_core::pipeline::RepositorySettings;
use ccc_core::{Error, ErrorKind, Result};

/// The path of the settings file in the repository's default branch.
pub(crate) const PATH: &str = ".github/ccc.toml";

/// Parses `text`, the contents of a settings file.
pub(crate) fn parse(text: &str) -> Result<RepositorySettings> {
    toml::from_str(text).map_err(|e| Error::new(ErrorKind::InvalidInput, e.message()))
}
