//! Adapters by the names that people write.

use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{Agent, ContainerRunner, CredentialKey, CredentialStore, Error, ErrorKind, Result};
use ccc_runner::{
    ClaudeCode, CommandAgent, CredentialKind, ModelProxy, Permissions, ScriptedAgent,
    SubprocessRunner,
};
use ccc_store::MemoryCredentialStore;

use crate::Config;

/// Who edits, what it runs in, and the credentials that it may have asked for.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) runner: Arc<dyn ContainerRunner>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) credentials: Arc<dyn CredentialStore>,
}

impl Parts {
    /// The agent of that kind, with everything that it needs around it.
    pub(crate) async fn new(config: &Config, kind: &str) -> Result<Self> {
        match kind {
            "claude" => Self::claude(config).await,
            kind => Self::with(config, agent(kind)?),
        }
    }

    /// An agent that needs neither credential nor network.
    pub(crate) fn with(config: &Config, agent: Arc<dyn Agent>) -> Result<Self> {
        let credentials = Arc::new(MemoryCredentialStore::default());
        Ok(Self { runner: runner(config, None)?, agent, credentials })
    }

    async fn claude(config: &Config) -> Result<Self> {
        let credentials = MemoryCredentialStore::default();
        let (kind, secret) = config.model.credential()?.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "Claude Code needs a model: set ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or \
                 ANTHROPIC_AUTH_TOKEN, or name a file with it in model.api_key_file",
            )
        })?;
        let key = CredentialKey::new(match kind {
            CredentialKind::ApiKey => "model/api-key",
            CredentialKind::OAuthToken => "model/oauth-token",
            CredentialKind::BearerToken => "model/bearer-token",
        })?;
        credentials.put(&key, &secret, Precondition::None).await?;
        let proxy = config.model.proxy().await?;
        let runner = runner(config, Some(&proxy))?;
        let permissions = if runner.capabilities().isolated {
            Permissions::All
        } else {
            Permissions::EditsAnd(config.agent.allowed_tools.clone())
        };
        let mut agent = ClaudeCode::new(proxy, kind, key)
            .with_permissions(permissions)
            .with_model(config.agent.model.clone());
        if let Some(program) = &config.agent.program {
            agent = agent.with_program(program);
        }
        Ok(Self { runner, agent: Arc::new(agent), credentials: Arc::new(credentials) })
    }
}

/// The runner of the configuration, with its own directory under the data directory.
fn runner(config: &Config, proxy: Option<&ModelProxy>) -> Result<Arc<dyn ContainerRunner>> {
    match config.runner.kind.as_str() {
        "subprocess" => {
            let mut runner = SubprocessRunner::new(config.data_dir()?.join("subprocess"))?;
            if let Some(proxy) = proxy {
                runner = runner.with_model_proxy(proxy.url());
            }
            Ok(Arc::new(runner))
        }
        kind => Err(unknown("runner", kind, "subprocess")),
    }
}

fn agent(kind: &str) -> Result<Arc<dyn Agent>> {
    if let Some(file) = kind.strip_prefix("scripted:") {
        return Ok(Arc::new(ScriptedAgent::from_file(file)?));
    }
    if let Some(line) = kind.strip_prefix("command:") {
        let argv = shlex::split(line).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{line}` has an open quote"))
        })?;
        return Ok(Arc::new(CommandAgent::new(argv)?));
    }
    Err(unknown("agent", kind, "claude, scripted:FILE and command:ARGV…"))
}

fn unknown(what: &str, kind: &str, known: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("there is no {what} `{kind}` in this build: it has {known}"),
    )
}
