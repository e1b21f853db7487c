//! A repository's own settings, from a file on its default branch.

use serde::{Deserialize, Serialize};

use super::halt::Halt;
use crate::git::HostGit;
use crate::policy::TrustPolicy;
use crate::setters::setters;
use crate::untrusted_text::one_line;
use crate::{ErrorKind, ObjectId, Result, RunId, Stage};

/// Maximum size of the settings file, in bytes.
const MAX_SETTINGS: u64 = 64 << 10;
/// Maximum number of setup commands.
const MAX_LINES: usize = 100;

/// A repository's settings for its runs. Only accounts with write permission on the repository can
/// change these settings, because the settings file is on the default branch. The author of an
/// issue cannot change the settings without this permission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RepositorySettings {
    /// The image of the container in which the agent works. The operator's policy must permit the
    /// image.
    pub image: Option<String>,
    /// Command lines that the container's shell executes one after the other before the agent
    /// starts, for example to install the tests' dependencies. These commands, but not the agent,
    /// may reach the hosts in [`TrustPolicy::setup_hosts`].
    pub setup: Vec<String>,
}

setters!(RepositorySettings {
    /// Sets the image of the container in which the agent works.
    with_image: image: impl Into<Option<String>>,
    /// Sets the command lines that the container's shell executes before the agent starts.
    with_setup: setup: impl Into<Vec<String>>,
});

/// The path of the file that contains a repository's settings, and the parser of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingsFile {
    pub(super) path: &'static str,
    pub(super) read: fn(&str) -> Result<RepositorySettings>,
}

impl SettingsFile {
    /// Reads the repository's settings from the commit `base`, and checks the settings against the
    /// operator's policy. Returns the default settings if the file does not exist.
    pub(super) async fn load(
        self,
        git: &HostGit,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
    ) -> Result<RepositorySettings, Halt> {
        let Self { path, read } = self;
        // The file is read from the checked-out commit, even if the branch has a newer commit now.
        let file = git.file(run, base, path, MAX_SETTINGS).await;
        let file = file.map_err(|error| match error.kind() {
            ErrorKind::LimitExceeded => refused(error.to_string(), path),
            _ => Halt::Error(error),
        })?;
        let Some(file) = file else { return Ok(RepositorySettings::default()) };
        let settings = read(&String::from_utf8_lossy(&file)).map_err(|error| {
            refused(format!("the settings file {path} cannot be used: {error}"), path)
        })?;
        if settings.setup.len() > MAX_LINES {
            let reason = format!(
                "the settings file {path} has more than {MAX_LINES} setup commands: move the \
                 commands into a script, and execute the script in one setup command"
            );
            return Err(refused(reason, path));
        }
        match &settings.image {
            Some(image) if !policy.permits_image(image) => Err(refused(
                format!(
                    "the settings file {path} chooses the image {image}, which the operator does \
                     not permit: choose a permitted image, or ask the operator to permit this image"
                ),
                path,
            )),
            _ => Ok(settings),
        }
    }
}

fn refused(reason: String, path: &str) -> Halt {
    Halt::refused(Stage::Provision, one_line(&reason, 300), vec![path.to_owned()])
}
