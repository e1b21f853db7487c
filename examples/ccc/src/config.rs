//! Configuration: `ccc.toml`, and each of its keys as `CCC_<SECTION>__<KEY>`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ccc_core::Result;
use ccc_core::policy::TrustPolicy;
use serde::Deserialize;
use toml::{Table, Value};

mod agent;
mod environment;
mod file;
mod github;
mod invalid;
mod model;
mod runner;
mod secret;
mod setting_names;
mod store;
mod table;

pub use agent::AgentConfig;
pub use environment::environment;
pub use github::GitHubConfig;
pub use model::ModelConfig;
pub use runner::RunnerConfig;
pub(crate) use store::KeySource;
pub use store::StoreConfig;

use environment::{key_of_variable, value_of};
use file::{default_file, read_file};
use invalid::invalid;
use setting_names::{AS_ELSEWHERE, ENV_ONLY, check_known};
use table::{insert, names_credential, take};

/// The whole configuration, checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where the service listens.
    pub listen: Option<SocketAddr>,
    /// Where mirrors, workspaces and runs are.
    pub data_dir: Option<PathBuf>,
    /// The GitHub App.
    pub github: GitHubConfig,
    /// Where credentials rest.
    pub store: StoreConfig,
    /// What runs the agent.
    pub runner: RunnerConfig,
    /// Who edits.
    pub agent: AgentConfig,
    /// The model's API, for agents that use one.
    pub model: ModelConfig,
    /// How much runs at once.
    pub runs: RunsConfig,
    /// Who may start runs, and what may leave them.
    pub policy: TrustPolicy,
}

/// How much runs at once.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RunsConfig {
    /// Runs at once.
    pub concurrency: Option<usize>,
}

impl Config {
    /// Reads the file, if any, and then the environment, which wins.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) names the key, and for one that does not
    /// exist the most similar one.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut table = match file {
            Some(path) => read_file(path)?,
            None => Table::new(),
        };
        let mut secrets = Table::new();
        let environment: Vec<(String, String)> = environment.into_iter().collect();
        for (name, value) in &environment {
            if let Some(key) = key_of_variable(name) {
                check_known(&key, &format!("the variable {name}"))?;
                let target =
                    if ENV_ONLY.contains(&key.as_str()) { &mut secrets } else { &mut table };
                insert(target, &key, value_of(&key, value.clone()));
            }
        }
        // Claude Code's variables count as a whole or not at all: the program's own key must not go
        // to an address that was set for Claude Code.
        if !names_credential(&table) && !names_credential(&secrets) {
            for (name, key) in AS_ELSEWHERE {
                let set =
                    environment.iter().find(|(set, value)| set == name && !value.trim().is_empty());
                let Some((_, value)) = set else { continue };
                let secret = ENV_ONLY.contains(key);
                if secret || table.get("model").is_none_or(|model| model.get("url").is_none()) {
                    let target = if secret { &mut secrets } else { &mut table };
                    insert(target, key, Value::String(value.clone()));
                }
            }
        }
        let mut config: Self = Value::Table(table).try_into().map_err(|e: toml::de::Error| {
            invalid(format!("the configuration has a mistake: {}", e.message()))
        })?;
        config.github.private_key = take(&secrets, "github", "private_key");
        config.github.webhook_secret = take(&secrets, "github", "webhook_secret");
        config.github.proxy = take(&secrets, "github", "proxy");
        config.store.key = take(&secrets, "store", "key");
        config.store.passphrase = take(&secrets, "store", "passphrase");
        config.store.secret = take(&secrets, "store", "secret");
        config.model.set_secrets(|key| take(&secrets, "model", key));
        Ok(config)
    }

    /// Loads the file that is named, or else `ccc.toml` if there is one, and the environment of
    /// this process.
    pub(crate) fn load_for_command(file: Option<&Path>) -> Result<Self> {
        Self::load(default_file(file), environment()?)
    }

    /// Returns the data directory: as configured, or the user's directory for application data.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) when there is neither a setting nor a
    /// home directory.
    pub fn data_dir(&self) -> Result<PathBuf> {
        if let Some(path) = &self.data_dir {
            return Ok(path.clone());
        }
        let home = std::env::var_os("HOME").map(PathBuf::from);
        std::env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".local/share")))
            .map(|base| base.join("ccc"))
            .ok_or_else(|| invalid("set CCC_DATA_DIR: there is no home directory".to_owned()))
    }
}

#[cfg(test)]
mod tests;
