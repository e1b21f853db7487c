//! The version of the git program.

use super::HostGit;
use crate::{Error, ErrorKind, Result};

/// The oldest supported version of git on the host machine: major and minor number.
pub const MIN_GIT: (u32, u32) = (2, 39);

impl HostGit {
    /// Checks that git is installed in version [`MIN_GIT`] or newer.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if git is missing or too old. The message states what to install.
    pub async fn check(&self) -> Result<()> {
        let output = self.git("version").run().await?;
        let text = String::from_utf8_lossy(&output);
        let mut numbers = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < MIN_GIT {
            let (major, minor) = MIN_GIT;
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the installed git is too old ({}): install git {major}.{minor} or newer",
                    text.trim()
                ),
            ));
        }
        Ok(())
    }
}
