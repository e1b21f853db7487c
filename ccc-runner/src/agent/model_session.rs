//! Model access of an agent's program, through the proxy.

use ccc_core::agent::{AgentEvent, AgentReport, Task, Verdict};
use ccc_core::container::{Command, EnvValue};
use ccc_core::{Container, Error, ErrorKind, Result};

use crate::model::login::ModelLogin;
use crate::model::proxy::{ModelAccess, ModelNotice};

/// Opens the task's access to the model, with its spending limit.
///
/// # Errors
/// [`ErrorKind::Unauthenticated`] if the task lacks the credential.
pub(crate) fn open(login: &ModelLogin, task: &Task) -> Result<ModelAccess> {
    let held = task.credentials.iter().find(|(key, _)| key == login.credential());
    let (_, secret) = held.ok_or_else(|| {
        let line = format!("the run has no credential `{}` for the model", login.credential());
        Error::new(ErrorKind::Unauthenticated, line)
    })?;
    login.proxy().open(login.kind().of(secret.clone()), task.limits.micro_usd)
}

/// Adds the proxy's address and, in `variable`, the run's secret to the command's environment.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the container has no access to a model proxy.
pub(crate) fn configure(
    command: Command,
    container: &dyn Container,
    variable: &str,
    access: &ModelAccess,
) -> Result<Command> {
    let proxy = container.model_proxy().ok_or_else(|| {
        let line = "the container has no access to a model proxy: build its runner with one";
        Error::new(ErrorKind::Unsupported, line)
    })?;
    Ok(command
        .with_env("ANTHROPIC_BASE_URL", EnvValue::Plain(proxy.to_owned()))
        .with_env(variable, EnvValue::Secret(access.secret().clone())))
}

/// An event that the proxy reports while a program runs.
pub(crate) enum ProxyEvent {
    Notice(ModelNotice),
    /// A part of a response was forwarded.
    Alive,
}

/// Waits for the work, and reports the proxy's events meanwhile. Returns `None` if the work can no
/// longer succeed: the spending limit is reached, or the API rejected the credential.
pub(crate) async fn watch<T>(
    access: &mut ModelAccess,
    work: impl Future<Output = T>,
    mut report: impl FnMut(ProxyEvent),
) -> Option<T> {
    let (spent, refused, mut alive) = (access.exhausted(), access.refused(), access.alive());
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = spent.cancelled() => return None,
            () = refused.cancelled() => return None,
            notice = access.notice() => report(ProxyEvent::Notice(notice)),
            Ok(()) = alive.changed() => report(ProxyEvent::Alive),
        }
    }
}

/// Returns the event for a request that the proxy refused.
pub(crate) fn refused_by_us(line: &str) -> AgentEvent {
    let text = format!("the model proxy refused a request: {line}\n");
    AgentEvent::Printed { error_stream: true, text }
}

/// Replaces the usage that the agent reported with the proxy's measurement, and adds the API's
/// failure to a failed verdict.
pub(crate) fn apply_account(report: &mut AgentReport, access: &ModelAccess, limit: Option<u64>) {
    if let Verdict::Failed { reason, .. } = &report.verdict
        && let Some(trouble) = access.trouble()
    {
        let reason = format!("{}: {reason}", trouble.text);
        report.verdict = Verdict::Failed { kind: trouble.kind, reason };
    }
    if access.is_exhausted() && report.verdict != Verdict::Completed {
        let limit = dollars(limit.unwrap_or(0));
        report.verdict =
            Verdict::Limited { reason: format!("it reached its spending limit of ${limit}") };
    }
    // A process of the agent can forge the agent's own count.
    let (micro_usd, usage) = access.spent();
    (report.micro_usd, report.usage) = (Some(micro_usd), usage);
}

/// Formats an amount in US dollars.
pub(crate) fn dollars(micro_usd: u64) -> String {
    format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000)
}
