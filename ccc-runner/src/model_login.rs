//! How an agent comes to its model, and what the proxy knows of it.

use ccc_core::agent::{AgentEvent, AgentReport, Task, Verdict};
use ccc_core::container::{Command, EnvValue};
use ccc_core::{Container, CredentialKey, Error, ErrorKind, Result, Secret};

use crate::{ModelAccess, ModelCredential, ModelNotice, ModelProxy};

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
    /// Whether that can be one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is empty or no header can carry it.
    pub fn check(self, secret: &Secret) -> Result<()> {
        self.of(secret.clone()).check()
    }

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

    /// The variable in which a program looks for such a credential.
    pub(crate) fn variable(&self) -> &'static str {
        self.kind.variable()
    }

    /// The command, with what its program needs to find the proxy and to be let in, the latter in
    /// `variable`.
    pub(crate) fn shown_to(
        &self,
        command: Command,
        container: &dyn Container,
        (variable, access): (&str, &ModelAccess),
    ) -> Result<Command> {
        let proxy = container.model_proxy().ok_or_else(|| {
            let line = "the container has no way to a model proxy: build its runner with one";
            Error::new(ErrorKind::Unsupported, line)
        })?;
        Ok(command
            .with_env("ANTHROPIC_BASE_URL", EnvValue::Plain(proxy.to_owned()))
            .with_env(variable, EnvValue::Secret(access.secret().clone())))
    }
}

/// What the proxy saw of a program that is at work.
pub(crate) enum Told {
    Notice(ModelNotice),
    /// A piece of an answer went by.
    Alive,
}

/// Waits for the work, and tells what the proxy sees meanwhile. `None` when the work has no use any
/// more: the money is used up, or the API does not know our credential, and a program would go on
/// asking for minutes.
pub(crate) async fn watched<T>(
    access: &mut ModelAccess,
    work: impl Future<Output = T>,
    mut tell: impl FnMut(Told),
) -> Option<T> {
    let (spent, refused, mut alive) = (access.exhausted(), access.refused(), access.alive());
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = spent.cancelled() => return None,
            () = refused.cancelled() => return None,
            notice = access.notice() => tell(Told::Notice(notice)),
            Ok(()) = alive.changed() => tell(Told::Alive),
        }
    }
}

/// A refusal of ours, as an agent's watcher sees it.
pub(crate) fn refused_by_us(line: &str) -> AgentEvent {
    let text = format!("the model proxy refused a request: {line}\n");
    AgentEvent::Printed { error_stream: true, text }
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
    // The agent's own count is a claim, which a program of it can forge.
    let (micro_usd, usage) = access.spent();
    (report.micro_usd, report.usage) = (Some(micro_usd), usage);
}

pub(crate) fn dollars(micro_usd: u64) -> String {
    format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000)
}
