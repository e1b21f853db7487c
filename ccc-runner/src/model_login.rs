use ccc_core::agent::{AgentReport, Task, Verdict};
use ccc_core::container::{Command, EnvValue};
use ccc_core::{Container, CredentialKey, Error, ErrorKind, Result, Secret};

use crate::{ModelAccess, ModelCredential, ModelProxy};

/// Which kind of credential the model proxy puts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// `ANTHROPIC_API_KEY`.
    ApiKey,
    /// `CLAUDE_CODE_OAUTH_TOKEN`, of a subscription.
    OAuthToken,
    /// `ANTHROPIC_AUTH_TOKEN`, of a gateway.
    BearerToken,
}

impl CredentialKind {
    fn of(self, secret: Secret) -> ModelCredential {
        match self {
            Self::ApiKey => ModelCredential::ApiKey(secret),
            Self::OAuthToken => ModelCredential::OAuthToken(secret),
            Self::BearerToken => ModelCredential::BearerToken(secret),
        }
    }

    /// The variable in which programs look for it, and which decides how they talk to the API.
    fn variable(self) -> &'static str {
        match self {
            Self::ApiKey => "ANTHROPIC_API_KEY",
            Self::OAuthToken => "CLAUDE_CODE_OAUTH_TOKEN",
            Self::BearerToken => "ANTHROPIC_AUTH_TOKEN",
        }
    }
}

/// How an agent comes to its model: through which proxy, and with which credential of the credential
/// store. The agent's programs get the proxy's address and a secret of their run, and never the
/// credential.
#[derive(Clone, Debug)]
pub struct ModelLogin {
    proxy: ModelProxy,
    kind: CredentialKind,
    credential: CredentialKey,
}

impl ModelLogin {
    /// `credential` is the name in the credential store.
    #[must_use]
    pub fn new(proxy: ModelProxy, kind: CredentialKind, credential: CredentialKey) -> Self {
        Self { proxy, kind, credential }
    }

    /// The name in the credential store.
    #[must_use]
    pub fn credential(&self) -> &CredentialKey {
        &self.credential
    }

    /// The proxy.
    #[must_use]
    pub fn proxy(&self) -> &ModelProxy {
        &self.proxy
    }

    /// Lets the task's run in, with the money that it may spend.
    pub(crate) fn open(&self, task: &Task) -> Result<ModelAccess> {
        let held = task.credentials.iter().find(|(key, _)| *key == self.credential);
        let (_, secret) = held.ok_or_else(|| {
            let line = format!("the model's credential `{}` was not handed over", self.credential);
            Error::new(ErrorKind::Unauthenticated, line)
        })?;
        self.proxy.open(self.kind.of(secret.clone()), task.limits.micro_usd)
    }

    /// The command, with what its program needs to find the proxy and to be let in.
    pub(crate) fn shown_to(
        &self,
        command: Command,
        container: &dyn Container,
        access: &ModelAccess,
    ) -> Result<Command> {
        let proxy = container.model_proxy().ok_or_else(|| {
            let line = "the container has no way to a model proxy: build its runner with one";
            Error::new(ErrorKind::Unsupported, line)
        })?;
        Ok(command
            .with_env("ANTHROPIC_BASE_URL", EnvValue::Plain(proxy.to_owned()))
            .with_env(self.kind.variable(), EnvValue::Secret(access.secret().clone())))
    }
}

/// What the proxy knows better than the agent: what was spent, and what stood in the way.
pub(crate) fn correct(report: &mut AgentReport, access: &ModelAccess, limit: Option<u64>) {
    if let Verdict::Failed { reason, .. } = &report.verdict
        && let Some(trouble) = access.trouble()
    {
        let reason = format!("{}: {reason}", trouble.text);
        report.verdict = Verdict::Failed { kind: trouble.kind, reason };
    }
    if access.is_exhausted() && report.verdict != Verdict::Completed {
        let limit = dollars(limit.unwrap_or(0));
        report.verdict = Verdict::Limited { reason: format!("its money, ${limit}, is used up") };
    }
    let (micro_usd, usage) = access.spent();
    if !usage.is_empty() {
        (report.micro_usd, report.usage) = (Some(micro_usd), usage);
    }
}

pub(crate) fn dollars(micro_usd: u64) -> String {
    format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000)
}
