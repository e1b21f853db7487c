//! A repository's own settings, in a file of its default branch.

use serde::{Deserialize, Serialize};

use super::halt::Halt;
use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::setters::setters;
use crate::untrusted_text::one_line;
use crate::{ErrorKind, ObjectId, Result, RunId, Stage};

/// The longest file of settings, bytes.
const MAX_SETTINGS: u64 = 64 << 10;
/// The most lines of setup.
const MAX_LINES: usize = 100;

/// A repository's settings for its runs. People with write permission write them, never the authors of
/// issues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RepositorySettings {
    /// The image that the agent runs in, one of those that the operator permits.
    pub image: Option<String>,
    /// Lines for the container's shell, run one after the other before the agent starts: to install what the
    /// tests need. They may reach the operator's `setup_hosts`, which the agent may not.
    pub setup: Vec<String>,
}

setters!(RepositorySettings {
    /// Sets the image that the agent runs in.
    with_image: image: impl Into<Option<String>>,
    /// Sets the lines that the container's shell runs before the agent starts.
    with_setup: setup: impl Into<Vec<String>>,
});

/// The file that has a repository's settings, and its parser.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingsFile {
    pub(super) path: &'static str,
    pub(super) read: fn(&str) -> Result<RepositorySettings>,
}

impl SettingsFile {
    /// Reads the repository's settings as of `base`, and checks them against the operator's policy.
    pub(super) async fn load(
        self,
        git: &HostGit,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
    ) -> Result<RepositorySettings, Halt> {
        let Self { path, read } = self;
        // As checked out, and no newer one.
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
