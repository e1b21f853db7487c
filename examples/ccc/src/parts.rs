//! Adapters by the names that people write.

use std::sync::Arc;

use ccc_core::{Agent, ContainerRunner, CredentialStore, Error, ErrorKind, Result};
use ccc_runner::{
    ClaudeCode, CommandAgent, DockerRunner, ModelLogin, ModelProxy, Permissions, ScriptedAgent,
    SubprocessRunner,
};
use ccc_store::MemoryCredentialStore;

use crate::Config;
use crate::model::Credential;

/// Who edits, what it runs in, and the credentials that it may have asked for.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) runner: Arc<dyn ContainerRunner>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
}

impl Parts {
    /// The agent of that kind, with everything that it needs around it; the model's credential, if there is one.
    pub(crate) async fn new(
        config: &Config,
        kind: &str,
        credential: Option<Credential>,
    ) -> Result<Self> {
        // A script asks no model, whatever is set for others.
        let Some(credential) = credential.filter(|_| !kind.starts_with("scripted:")) else {
            return Self::with(config, agent(config, kind, None)?);
        };
        let Credential { kind: login, name, store } = credential;
        let login = ModelLogin::new(config.model.proxy().await?, login, name);
        let runner = runner(config, Some(login.proxy()))?;
        let agent = agent(config, kind, Some((login, runner.capabilities().isolated)))?;
        Ok(Self { runner, agent, credentials: store })
    }

    /// An agent that needs neither credential nor network.
    pub(crate) fn with(config: &Config, agent: Arc<dyn Agent>) -> Result<Self> {
        let credentials = Arc::new(MemoryCredentialStore::default());
        Ok(Self { runner: runner(config, None)?, agent, credentials })
    }
}

/// The runner of the configuration, with its own directory under the data directory.
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
        "docker" => Ok(Arc::new(docker(config, proxy)?)),
        kind => Err(unknown("runner", kind, "subprocess and docker")),
    }
}

/// Containers, as the configuration wants them.
pub(crate) fn docker(config: &Config, proxy: Option<&ModelProxy>) -> Result<DockerRunner> {
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

/// The agent of that kind; with a way to its model, and whether its walls are the runner's, where a
/// model is configured.
fn agent(config: &Config, kind: &str, model: Option<(ModelLogin, bool)>) -> Result<Arc<dyn Agent>> {
    if let Some(file) = kind.strip_prefix("scripted:") {
        return Ok(Arc::new(ScriptedAgent::from_file(file)?));
    }
    if let Some(line) = kind.strip_prefix("command:") {
        let argv = shlex::split(line).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{line}` has an open quote"))
        })?;
        let agent = CommandAgent::new(argv)?;
        return Ok(Arc::new(match model {
            Some((login, _)) => agent.with_model(login),
            None => agent,
        }));
    }
    if kind != "claude" {
        return Err(unknown("agent", kind, "claude, scripted:FILE and command:ARGV…"));
    }
    let (login, isolated) = model.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "Claude Code needs a model: set ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or \
             ANTHROPIC_AUTH_TOKEN, name a file with it in model.api_key_file, or keep it with `ccc config set \
             --model-api-key-file FILE`",
        )
    })?;
    let permissions = match isolated {
        true => Permissions::All,
        false => Permissions::EditsAnd(config.agent.allowed_tools.clone()),
    };
    let model_name = set(&config.agent.model).map(str::to_owned);
    if let Some(name) = model_name.as_ref().filter(|name| name.starts_with('-')) {
        let line = format!("agent.model is {name}, which is no model");
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    let mut agent = ClaudeCode::new(login).with_permissions(permissions).with_model(model_name);
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

/// A setting, unless it is set to nothing.
fn set(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn unknown(what: &str, kind: &str, known: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("there is no {what} `{kind}` in this build: it has {known}"),
    )
}
