//! The adapters that a configuration names.

use std::sync::Arc;

use ccc_core::{Agent, ContainerRunner, CredentialStore, Error, ErrorKind, Result};
use ccc_runner::{
    ClaudeCode, CommandAgent, DockerRunner, ModelLogin, ModelProxy, Permissions, ScriptedAgent,
    SubprocessRunner,
};
use ccc_store::MemoryCredentialStore;

mod github;

pub(crate) use github::github;

use crate::config::Config;
use crate::model_credential::ModelCredential;

/// The adapters of a pipeline, beside its host.
#[derive(Debug)]
pub(crate) struct Adapters {
    pub(crate) runner: Arc<dyn ContainerRunner>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
}

impl Adapters {
    /// Builds the agent of that kind, and everything that it needs. `credential` is the model's, if
    /// there is one.
    pub(crate) async fn from_config(
        config: &Config,
        kind: &str,
        credential: Option<ModelCredential>,
    ) -> Result<Self> {
        // A script uses no model, even if one is configured.
        let Some(credential) = credential.filter(|_| !kind.starts_with("scripted:")) else {
            return Self::with_agent(config, agent(config, kind, None)?);
        };
        let ModelCredential { kind: login, name, store } = credential;
        let login = ModelLogin::new(config.model.proxy().await?, login, name);
        let runner = runner(config, Some(login.proxy()))?;
        let isolated = runner.capabilities().isolated;
        let agent = agent(config, kind, Some(AgentModel { login, isolated }))?;
        Ok(Self { runner, agent, credentials: store })
    }

    /// Builds the adapters around an agent that needs neither credential nor network.
    pub(crate) fn with_agent(config: &Config, agent: Arc<dyn Agent>) -> Result<Self> {
        let credentials = Arc::new(MemoryCredentialStore::default());
        Ok(Self { runner: runner(config, None)?, agent, credentials })
    }
}

/// Builds the runner of the configuration, with its own directory under the data directory.
pub(crate) fn runner(
    config: &Config,
    proxy: Option<&ModelProxy>,
) -> Result<Arc<dyn ContainerRunner>> {
    match config.runner.kind.as_str() {
        "subprocess" => {
            let mut runner = SubprocessRunner::new(config.data_dir()?.join("subprocess"))?;
            if let Some(proxy) = proxy {
                runner = runner.with_model_proxy(proxy.url());
            }
            if config.runner.dangerously_as_root {
                runner = runner.dangerously_as_root();
            }
            Ok(Arc::new(runner))
        }
        "docker" => Ok(Arc::new(docker_runner(config, proxy)?)),
        kind => Err(unknown("runner", kind, "subprocess and docker")),
    }
}

/// Builds the runner of the `docker` kind.
pub(crate) fn docker_runner(config: &Config, proxy: Option<&ModelProxy>) -> Result<DockerRunner> {
    let settings = &config.runner;
    let mut builder = DockerRunner::builder(config.data_dir()?.join("docker"));
    if settings.dangerously_unencrypted {
        builder = builder.dangerously_unencrypted();
    }
    builder
        .host(set(&settings.host).map(str::to_owned))
        .image(set(&settings.image).map(str::to_owned))
        .runtime(set(&settings.runtime).map(str::to_owned))
        .workspaces(settings.workspaces()?)
        .model_proxy(proxy.map(ModelProxy::address))
        .build()
}

/// The access of an agent to its model.
struct AgentModel {
    login: ModelLogin,
    /// Whether the runner isolates the agent.
    isolated: bool,
}

/// Builds the agent of that kind.
fn agent(config: &Config, kind: &str, model: Option<AgentModel>) -> Result<Arc<dyn Agent>> {
    if let Some(file) = kind.strip_prefix("scripted:") {
        return Ok(Arc::new(ScriptedAgent::from_file(file)?));
    }
    if let Some(line) = kind.strip_prefix("command:") {
        let argv = shlex::split(line).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{line}` has an open quote"))
        })?;
        let agent = CommandAgent::new(argv)?;
        return Ok(Arc::new(match model {
            Some(model) => agent.with_model(model.login),
            None => agent,
        }));
    }
    if kind != "claude" {
        return Err(unknown("agent", kind, "claude, scripted:FILE and command:ARGV…"));
    }
    let model = model.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "Claude Code needs a model: set ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or \
             ANTHROPIC_AUTH_TOKEN, name a file with it in model.api_key_file, or keep it with `ccc config set \
             --model-api-key-file FILE`",
        )
    })?;
    let permissions = match model.isolated {
        true => Permissions::All,
        false => Permissions::EditsAnd(config.agent.allowed_tools.clone()),
    };
    let model_name = set(&config.agent.model).map(str::to_owned);
    if let Some(name) = model_name.as_ref().filter(|name| name.starts_with('-')) {
        let line = format!("agent.model is {name}, which is no model");
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    let mut agent =
        ClaudeCode::new(model.login).with_permissions(permissions).with_model(model_name);
    if let Some(program) = set(&config.agent.program) {
        if program.contains('/') && !program.starts_with('/') {
            let line = format!(
                "agent.program is {program}: that would be a file of the repository; \
                                give its whole path, or a name in the PATH"
            );
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        agent = agent.with_program(program);
    }
    Ok(Arc::new(agent))
}

/// Returns a setting unless it is empty.
fn set(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Returns the error for an unknown kind.
fn unknown(what: &str, kind: &str, known: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("there is no {what} `{kind}` in this build: it has {known}"),
    )
}
