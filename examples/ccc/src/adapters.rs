//! Construction of the adapters that the configuration names.

use std::sync::Arc;

use ccc_core::{Agent, ContainerRunner, CredentialStore, Error, ErrorKind, Result};
use ccc_runner::{
    ClaudeCode, CommandAgent, ModelLogin, ModelProxy, Permissions, ScriptedAgent, SubprocessRunner,
};
use ccc_store::MemoryCredentialStore;

mod agent_command;
#[cfg(feature = "docker")]
mod docker;
mod github;
mod setting;

#[cfg(feature = "docker")]
pub(crate) use docker::docker_runner;
pub(crate) use github::github;

use crate::adapters::setting::non_empty;
use crate::config::Config;
use crate::model_credential::ModelCredential;

/// The kinds of runners that this build supports, for error messages.
#[cfg(feature = "docker")]
const RUNNERS: &str = "subprocess and docker";
#[cfg(not(feature = "docker"))]
const RUNNERS: &str = "subprocess (docker needs the feature `docker`)";

/// The adapters of a pipeline, except the VCS host.
#[derive(Debug)]
pub(crate) struct Adapters {
    pub(crate) runner: Arc<dyn ContainerRunner>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
}

impl Adapters {
    /// Builds the agent of the kind `kind`, and the runner and the credential store for this agent.
    /// `credential` is the credential for the model's API, if there is one. `own_runner` replaces
    /// the configured runner.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `own_runner` is given and the agent uses a model. Such an
    /// agent needs a runner that forwards connections to the model proxy that this function builds,
    /// and `own_runner` does not know this proxy.
    pub(crate) async fn from_config(
        config: &Config,
        kind: &str,
        credential: Option<ModelCredential>,
        own_runner: Option<Arc<dyn ContainerRunner>>,
    ) -> Result<Self> {
        // A scripted agent uses no model, even if a model is configured.
        let Some(credential) = credential.filter(|_| !kind.starts_with("scripted:")) else {
            let starts_here = own_runner.is_none() && config.runner.kind == "subprocess";
            let agent = agent(config, kind, None, starts_here)?;
            let runner = own_runner.map_or_else(|| runner(config, None), Ok)?;
            return Ok(Self {
                runner,
                agent,
                credentials: Arc::<MemoryCredentialStore>::default(),
            });
        };
        if own_runner.is_some() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the configured agent uses a model and therefore needs the configured runner, but \
                 `ServiceBuilder::runner` replaced this runner: remove the call of `ServiceBuilder::runner`, or \
                 set your own agent with `ServiceBuilder::agent`",
            ));
        }
        let ModelCredential { kind: login, name, store } = credential;
        let login = ModelLogin::new(config.model.proxy().await?, login, name);
        let runner = runner(config, Some(login.proxy()))?;
        let isolated = runner.capabilities().isolated;
        let starts_here = config.runner.kind == "subprocess";
        let model = AgentModel { login, isolated };
        let agent = agent(config, kind, Some(model), starts_here)?;
        Ok(Self { runner, agent, credentials: store })
    }
}

/// Builds the configured runner, which gets a dedicated directory in the data directory. If `proxy`
/// is given, containers can connect to this model proxy.
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
        #[cfg(feature = "docker")]
        "docker" => Ok(Arc::new(docker_runner(config, proxy)?)),
        _ => Err(unknown("runner", RUNNERS)),
    }
}

/// The access of an agent to its model.
struct AgentModel {
    login: ModelLogin,
    /// Whether the runner isolates the agent.
    isolated: bool,
}

/// Builds the agent of the given kind. `starts_here` states whether the agent's programs are
/// started on this machine, and not in a container.
fn agent(
    config: &Config,
    kind: &str,
    model: Option<AgentModel>,
    starts_here: bool,
) -> Result<Arc<dyn Agent>> {
    if let Some(file) = kind.strip_prefix("scripted:") {
        return Ok(Arc::new(ScriptedAgent::from_file(file)?));
    }
    if let Some(line) = kind.strip_prefix("command:") {
        let agent = CommandAgent::new(agent_command::parse(line, starts_here)?)?;
        return Ok(Arc::new(match model {
            Some(model) => agent.with_model(model.login),
            None => agent,
        }));
    }
    if kind != "claude" {
        return Err(unknown("agent", "claude, scripted:FILE and command:ARGV…"));
    }
    let model = model.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "Claude Code needs a credential for the model's API: set ANTHROPIC_API_KEY, \
             CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_AUTH_TOKEN, set model.api_key_file to a file that contains \
             the key, or store the key with `ccc config set --model-api-key-file FILE`",
        )
    })?;
    let permissions = match model.isolated {
        true => Permissions::All,
        false => Permissions::EditsAnd(config.agent.allowed_tools.clone()),
    };
    let model_name = non_empty(&config.agent.model).map(str::to_owned);
    if model_name.as_ref().is_some_and(|name| name.starts_with('-')) {
        let line =
            "agent.model cannot begin with `-`: set the name of a model, such as claude-opus-4-5";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    let mut agent =
        ClaudeCode::new(model.login).with_permissions(permissions).with_model(model_name);
    if let Some(program) = non_empty(&config.agent.program) {
        if program.contains('/') && !program.starts_with('/') {
            let line = "agent.program is a relative path, which would be a file of the repository: \
                        set an absolute path, or the name of a program in PATH";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        agent = agent.with_program(program);
    }
    Ok(Arc::new(agent))
}

/// Returns the error for an unknown kind of a runner or an agent. The value is not shown, because it
/// may be a secret that was put into the wrong setting (spec: S10c).
fn unknown(what: &str, known: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("{what}.kind has an unknown value: this build supports {known}"),
    )
}
