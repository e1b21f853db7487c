//! Configuration: `ccc.toml`, and each of its keys as `CCC_<SECTION>__<KEY>`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

mod agent;
mod github;
mod keys;
mod model;
mod runner;
mod store;

pub use agent::AgentConfig;
use ccc_core::policy::TrustPolicy;
use ccc_core::{Error, ErrorKind, Result, Secret};
pub use github::GitHubConfig;
use keys::{AS_ELSEWHERE, ENV_ONLY, KEYS};
pub use model::ModelConfig;
pub use runner::RunnerConfig;
use serde::Deserialize;
pub(crate) use store::KeyPlace;
pub use store::StoreConfig;
use toml::{Table, Value};

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
    /// [`ErrorKind::InvalidInput`] names the key, and for one that does not exist the nearest that
    /// does.
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
        // What was set for another program counts as a whole or not at all: a key of ours must not go to
        // an address of theirs.
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
        config.model.set(|key| take(&secrets, "model", key));
        Ok(config)
    }

    /// Where data is: as configured, or where programs of this user keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when there is neither a setting nor a home directory.
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

/// Whether a credential of the model is among these settings.
fn names_credential(table: &Table) -> bool {
    let names = ["api_key", "oauth_token", "bearer_token"];
    let model = table.get("model").and_then(Value::as_table);
    model.is_some_and(|model| {
        names
            .iter()
            .any(|name| model.contains_key(*name) || model.contains_key(&format!("{name}_file")))
    })
}

fn take(secrets: &Table, section: &str, key: &str) -> Option<Secret> {
    secrets.get(section)?.get(key)?.as_str().map(Secret::from)
}

/// A secret as it is set, or from the file that is named.
fn secret(section: &str, key: &str, value: &Option<Secret>, file: Option<&Path>) -> Result<Secret> {
    if let Some(value) = value {
        return Ok(value.clone());
    }
    let Some(file) = file else {
        let variable = format!("CCC_{}__{}_FILE", section.to_uppercase(), key.to_uppercase());
        return Err(invalid(format!("set {section}.{key}_file, or {variable}")));
    };
    let bytes = std::fs::read(file).map_err(|e| {
        let shown = file.display();
        invalid(format!("cannot read {shown}, which {section}.{key}_file names")).with_source(e)
    })?;
    Ok(Secret::new(bytes))
}

fn read_file(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        invalid(format!("cannot read the configuration {}", path.display())).with_source(e)
    })?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        invalid(format!("{} line {line}: {}", path.display(), e.message()))
    })?;
    for (name, value) in &table {
        let keys: Vec<String> = match value {
            Value::Table(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        };
        for key in keys {
            check_known(&key, &path.display().to_string())?;
            if ENV_ONLY.contains(&key.as_str()) {
                let instead = match key.as_str() {
                    "github.proxy" => "set CCC_GITHUB__PROXY".to_owned(),
                    key => format!("put it into a file of its own and name that in `{key}_file`"),
                };
                return Err(invalid(format!(
                    "{}: `{key}` is a secret and does not belong here: {instead}",
                    path.display()
                )));
            }
        }
    }
    Ok(table)
}

/// This process's environment.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when one of our own variables is no UTF-8; others may be what they
/// are.
pub fn environment() -> Result<Vec<(String, String)>> {
    let ours = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("CCC_") || AS_ELSEWHERE.iter().any(|(known, _)| *known == name)
    };
    std::env::vars_os()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| {
            let shown = name.to_string_lossy().into_owned();
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                _ => Err(invalid(format!("the variable {shown} is no UTF-8"))),
            }
        })
        .collect()
}

/// `CCC_GITHUB__APP_ID` is `github.app_id`; other variables are none of ours.
fn key_of_variable(name: &str) -> Option<String> {
    match name {
        "CCC_LISTEN" => Some("listen".to_owned()),
        "CCC_DATA_DIR" => Some("data_dir".to_owned()),
        _ => {
            let (section, key) = name.strip_prefix("CCC_")?.split_once("__")?;
            Some(format!("{}.{}", section.to_lowercase(), key.to_lowercase()))
        }
    }
}

/// A variable's text in the type that its key has.
fn value_of(key: &str, text: String) -> Value {
    let typed = matches!(
        key.rsplit('.').next(),
        Some(
            "app_id"
                | "concurrency"
                | "wall_seconds"
                | "idle_seconds"
                | "allowed_actors"
                | "on_opened"
                | "protected_names"
                | "max_files"
                | "max_bytes"
                | "write_spacing_ms"
                | "allowed_tools"
                | "max_turns"
                | "images"
                | "setup_hosts"
                | "agent_hosts"
                | "dangerously_unisolated"
                | "dangerously_as_root"
                | "dangerously_unencrypted"
                | "memory_mib"
                | "cpus"
                | "processes"
                | "workspace_mib"
                | "workspace_files"
                | "max_usd"
                | "allowed"
                | "price"
                | "dangerously_without"
        )
    );
    if typed
        && let Ok(table) = format!("value = {text}").parse::<Table>()
        && let Some(value) = table.get("value")
    {
        return value.clone();
    }
    Value::String(text)
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
}

fn check_known(key: &str, place: &str) -> Result<()> {
    if KEYS.contains(&key) {
        return Ok(());
    }
    let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
    let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    Err(invalid(format!("{place}: there is no setting `{key}`{hint}")))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests;
