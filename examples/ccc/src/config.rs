//! The configuration of the program, from the file `ccc.toml` and from environment variables
//! `CCC_<SECTION>__<KEY>`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccc_core::Result;
use ccc_core::policy::TrustPolicy;
use ccc_store::Bounds;
use serde::Deserialize;
use toml::{Table, Value};

mod agent;
mod check_values;
mod environment;
mod file;
mod github;
mod invalid;
mod model;
mod runner;
mod secret;
mod server;
mod settings;
mod store;
mod table;

pub use agent::AgentConfig;
pub use environment::environment;
pub use github::{GitHubConfig, MissedDeliveriesKind};
pub use model::ModelConfig;
pub use runner::RunnerConfig;
pub(crate) use secret::shown_path;
pub(crate) use server::first_address;
use server::listen_address;
pub use server::{Network, ServerConfig};
pub(crate) use store::KeySource;
pub use store::StoreConfig;

use check_values::{Places, check_values};
use environment::{key_of_variable, unknown_variable, value_of};
use file::{default_file, read_file};
use invalid::invalid;
use settings::{CLAUDE_CODE_VARIABLES, ENV_ONLY, check_known};
use table::{insert, names_credential, take};

/// The whole configuration.
///
/// [`load`](Self::load) reads the configuration from a file and from environment variables, as the
/// program `ccc` does. To configure a service in code, start from the default and set fields:
///
/// ```
/// use ccc::Config;
///
/// let mut config = Config::default();
/// config.data_dir = Some("/var/lib/my-service".into());
/// config.agent.kind = Some("command:my-agent --fast".to_owned());
/// config.policy.label = "help wanted".to_owned();
/// ```
///
/// The configuration file must not contain secrets. A field such as `github.private_key_file`
/// contains the path of a file with a secret. Secrets that are in memory are passed to
/// [`load`](Self::load), as the variables that are named like the settings without `_file`:
///
/// ```
/// # fn main() -> ccc_core::Result<()> {
/// use ccc::Config;
///
/// let secrets = [("CCC_GITHUB__PRIVATE_KEY", "…"), ("CCC_GITHUB__WEBHOOK_SECRET", "…")];
/// let variables = secrets.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
/// let config = Config::load(None, variables)?;
/// # drop(config); Ok(())
/// # }
/// ```
///
/// `github.api_url` can be an unencrypted `http://` URL only on loopback, for the emulated GitHub.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Config {
    /// The address on which the service listens. The host `localhost` is 127.0.0.1. Default:
    /// 127.0.0.1:8080.
    #[serde(deserialize_with = "listen_address")]
    pub listen: Option<SocketAddr>,
    /// The data directory, which contains mirrors, workspaces and runs. See
    /// [`data_dir`](Self::data_dir()) for the default.
    pub data_dir: Option<PathBuf>,
    /// The settings of the HTTP server.
    pub server: ServerConfig,
    /// The settings of the GitHub App, and of the access to GitHub.
    pub github: GitHubConfig,
    /// The settings of the credential store.
    pub store: StoreConfig,
    /// The settings of the container runner, and the resource limits of a container.
    pub runner: RunnerConfig,
    /// The settings of the agent, and the limits of the agent.
    pub agent: AgentConfig,
    /// The settings of the model's API, for agents that use a model.
    pub model: ModelConfig,
    /// The store of the runs, and the limits for concurrent runs.
    pub runs: RunsConfig,
    /// The rules for the actors that may start runs, and for the changes that may be published.
    pub policy: TrustPolicy,
    /// Warnings about environment variables that look like settings but are not settings.
    #[serde(skip)]
    unknown_variables: Vec<String>,
}

/// The store of the runs, and the limits for concurrent runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RunsConfig {
    /// The kind of run store.
    pub store: RunStoreKind,
    /// Maximum number of runs that the service executes at the same time.
    pub concurrency: Option<usize>,
    /// Maximum number of attempts at a run during which the service stopped, without a further
    /// completed stage.
    pub attempts: Option<u32>,
    /// Number of days after which an ended run is removed from the database. Default: 90.
    pub retention_days: Option<RetentionDays>,
    /// Maximum size of the ended runs in the database, in MiB, and also of their logs. If they are
    /// larger, the oldest are removed. Default: 1024.
    pub retention_mib: Option<NonZeroU32>,
}

impl RunsConfig {
    /// Returns the limits of the run store.
    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::on_disk();
        if let Some(RetentionDays(days)) = self.retention_days {
            bounds.finished_age = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        }
        if let Some(mib) = self.retention_mib {
            let bytes = usize::try_from(mib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 20);
            (bounds.finished_bytes, bounds.log_bytes) = (bytes, bytes);
        }
        bounds
    }
}

/// A number of days after which an ended run is removed: at least 7. GitHub can send a delivery again
/// for three days, and the run shows whether the delivery is older than the state of its issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct RetentionDays(u32);

impl TryFrom<u32> for RetentionDays {
    type Error = &'static str;

    fn try_from(days: u32) -> Result<Self, Self::Error> {
        if days < 7 { Err("it is less than 7") } else { Ok(Self(days)) }
    }
}

/// A kind of run store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStoreKind {
    /// The database `runs.sqlite` in the data directory. After a restart, the service continues its
    /// unfinished runs.
    #[default]
    Sqlite,
    /// The memory of the process. All runs are lost when the process ends.
    Memory,
}

impl Config {
    /// Reads the settings from `environment` and from `file`. If both set the same setting, the
    /// value in `environment` is used. If `file` is `None`, only `environment` is read.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a file that cannot be read, an
    /// unknown setting, or an invalid value. For an unknown setting, the message suggests the most
    /// similar name of a setting.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut places = Places::new();
        let mut table = match file {
            Some(path) => read_file(path, &mut places)?,
            None => Table::new(),
        };
        let mut secrets = Table::new();
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        let names = environment.iter().map(|(name, _)| name.as_str());
        let unknown_variables = names.filter_map(unknown_variable).collect();
        for (name, value) in &environment {
            if let Some(key) = key_of_variable(name) {
                let place = format!("the environment variable {name}");
                check_known(&key, &place)?;
                places.insert(key.clone(), place);
                let target =
                    if ENV_ONLY.contains(&key.as_str()) { &mut secrets } else { &mut table };
                insert(target, &key, value_of(&key, value.clone()));
            }
        }
        // Claude Code's environment variables apply all together or not at all: a credential that
        // was set for this program must not be sent to a URL that was set for Claude Code.
        if !names_credential(&table) && !names_credential(&secrets) {
            for (name, key) in CLAUDE_CODE_VARIABLES {
                let set =
                    environment.iter().find(|(set, value)| set == name && !value.trim().is_empty());
                let Some((_, value)) = set else { continue };
                let secret = ENV_ONLY.contains(key);
                if secret || table.get("model").is_none_or(|model| model.get("url").is_none()) {
                    places.insert((*key).to_owned(), format!("the environment variable {name}"));
                    let target = if secret { &mut secrets } else { &mut table };
                    insert(target, key, Value::String(value.clone()));
                }
            }
        }
        check_values::<Self>(&table, &places)?;
        // The message of this error can contain values. `check_values` has found every invalid value.
        let mut config: Self = Value::Table(table).try_into().map_err(|_: toml::de::Error| {
            invalid("the configuration is invalid: its settings contradict each other".to_owned())
        })?;
        if !config.policy.mention.starts_with('@') {
            let line = "policy.mention does not begin with @, so that every comment with this word would start a \
                        run: write a mention such as @claude";
            return Err(invalid(line.to_owned()));
        }
        config.unknown_variables = unknown_variables;
        config.github.private_key = take(&secrets, "github", "private_key");
        config.github.webhook_secret = take(&secrets, "github", "webhook_secret");
        config.github.proxy = take(&secrets, "github", "proxy");
        config.store.key = take(&secrets, "store", "key");
        config.store.passphrase = take(&secrets, "store", "passphrase");
        config.store.secret = take(&secrets, "store", "secret");
        config.model.set_secrets(|key| take(&secrets, "model", key));
        Ok(config)
    }

    /// Loads the settings from `file` and from the environment variables of this process. If `file`
    /// is `None` and the current directory contains `ccc.toml`, loads that file.
    pub(crate) fn load_for_command(file: Option<&Path>) -> Result<Self> {
        Self::load(default_file(file), environment()?)
    }

    /// Returns the warnings about environment variables that look like settings but are not
    /// settings, each in one line.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.unknown_variables.clone()
    }

    /// Returns the configured data directory. The default is the directory `ccc` in the user's
    /// directory for application data (`XDG_DATA_HOME` or `~/.local/share`).
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if no data directory is configured, and
    /// neither `XDG_DATA_HOME` nor `HOME` is an absolute path.
    pub fn data_dir(&self) -> Result<PathBuf> {
        if let Some(path) = &self.data_dir {
            return Ok(path.clone());
        }
        default_data_dir(|name| std::env::var_os(name)).ok_or_else(|| {
            invalid(
                "the data directory has no default, because neither XDG_DATA_HOME nor HOME is an absolute \
                 path: set data_dir or CCC_DATA_DIR"
                    .to_owned(),
            )
        })
    }

    /// Returns the path of the database with the runs.
    pub(crate) fn run_store_path(&self) -> Result<PathBuf> {
        Ok(self.data_dir()?.join("runs.sqlite"))
    }
}

/// Returns the data directory for the environment variables `variable`. An empty or relative path
/// counts as not set, as the XDG Base Directory Specification requires.
fn default_data_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let directory = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = directory("XDG_DATA_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".local/share")))?;
    Some(base.join("ccc"))
}

#[cfg(test)]
mod tests;
