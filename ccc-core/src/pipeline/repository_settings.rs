//! A repository's own settings, from a file of its default branch.

use serde::{Deserialize, Serialize};

use super::halt::Halt;
use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::setters::setters;
use crate::untrusted_text::one_line;
use crate::{ErrorKind, ObjectId, Result, RunId, Stage};

/// Maximum size of the settings file, in bytes.
const MAX_SETTINGS: u64 = 64 << 10;
/// Maximum number of setup lines.
const MAX_LINES: usize = 100;

/// A repository's settings for its runs. Only accounts with write permission on the repository can
/// change them, because the file is on the default branch. The author of an issue cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RepositorySettings {
    /// The image that the agent runs in. The operator must permit it.
    pub image: Option<String>,
    /// Command lines that the container's shell executes one after the other before the agent
    /// starts, for example to install the tests' dependencies. They may reach the operator's
    /// `setup_hosts`; the agent may not.
    pub setup: Vec<String>,
}

setters!(RepositorySettings {
    /// Sets the image that the agent runs in.
    with_image: image: impl Into<Option<String>>,
    /// Sets the command lines that the container's shell executes before the agent starts.
    with_setup: setup: impl Into<Vec<String>>,
});

/// The path of the file with a repository's settings, and its parser.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingsFile {
    pub(super) path: &'static str,
    pub(super) read: fn(&str) -> Result<RepositorySettings>,
}

impl SettingsFile {
    /// Reads the repository's settings at the commit `base`, and checks them against the operator's
    /// policy.
    pub(super) async fn load(
        self,
        git: &HostGit,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
    ) -> Result<RepositorySettings, Halt> {
        let Self { path, read } = self;
        // The file of the checked-out commit, even if the branch has a newer one now.
        let file = git.file(run, base, path, MAX_SETTINGS).await;
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::LimitExceeded => refused(error.to_string(), path),
            _ => Halt::Error(error),
        })?;
        let Some(file) = file else { return Ok(RepositorySettings::default()) };
        let settings = read(&String::from_utf8_lossy(&file))
            .map_err(|error| refused(format!("{path} cannot be used: {error}"), path))?;
        if settings.setup.len() > MAX_LINES {
            let reason =
                format!("{path} has more than {MAX_LINES} lines of setup: put them into a script");
            return Err(refused(reason, path));
        }
        match &settings.image {
            Some(image) if !policy.permits_image(image) => Err(refused(
                format!("{path} names an image that the operator does not permit: {image}"),
                path,
            )),
            _ => Ok(settings),
        }
    }
}

fn refused(reason: String, path: &str) -> Halt {
    Halt::refused(Stage::Provision, one_line(&reason, 300), vec![path.to_owned()])
}
