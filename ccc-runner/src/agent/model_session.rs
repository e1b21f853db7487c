//! Access of an agent's program to the model, through the model proxy.

use ccc_core::agent::{AgentEvent, AgentReport, Task, Verdict};
use ccc_core::container::{Command, EnvValue};
use ccc_core::{Container, Error, ErrorKind, Result};

use crate::model::login::ModelLogin;
use crate::model::price::dollars;
use crate::model::proxy::{ModelAccess, ModelNotice};

/// Opens access to the model for the run of `task`, with the task's credential and spending limit.
///
/// # Errors
/// [`ErrorKind::Unauthenticated`] if `task` has no credential under the key that `login` names; the
/// errors of `ModelProxy::open`.
pub(crate) fn open(login: &ModelLogin, task: &Task) -> Result<ModelAccess> {
    let held = task.credentials.iter().find(|(key, _)| key == login.credential());
    let (_, secret) = held.ok_or_else(|| {
        let line = format!(
            "the run has no credential for the model: store one under the key `{}`",
            login.credential()
        );
        Error::new(ErrorKind::Unauthenticated, line)
    })?;
    let access = login.proxy().open(login.kind().of(secret.clone()), task.limits.micro_usd)?;
    // No program has the secret yet (spec: S6b).
    task.register_secret(access.secret());
    Ok(access)
}

/// Adds two environment variables to `command`: the address of the model proxy in
/// `ANTHROPIC_BASE_URL`, and the run's secret in `variable`.
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
        let line = "the container cannot reach a model proxy: configure the address of a model \
                    proxy for the runner that creates the container";
        Error::new(ErrorKind::Unsupported, line)
    })?;
    Ok(command
        .with_env("ANTHROPIC_BASE_URL", EnvValue::Plain(proxy.to_owned()))
        .with_env(variable, EnvValue::Secret(access.secret().clone())))
}

/// An event that the model proxy reports during the execution of the agent's program.
pub(crate) enum ProxyEvent {
    Notice(ModelNotice),
    /// The proxy forwarded a part of a response from the model.
    Alive,
}

/// Waits for `work`, and passes the events of the model proxy to `report` meanwhile. Returns `None`
/// as soon as the run reaches its spending limit or the model's API rejects the credential, because
/// `work` can then no longer succeed.
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

/// Returns the agent event for a request that the model proxy refused. `line` is the reason.
pub(crate) fn proxy_refusal_event(line: &str) -> AgentEvent {
    let text = format!("the model proxy refused a request: {line}\n");
    AgentEvent::Printed { error_stream: true, text }
}

/// Corrects `report` with the measurements of the model proxy. Replaces the cost and the usage that
/// the agent reported. If the verdict is [`Verdict::Failed`], puts the last error of the model's
/// API (if any) in front of the reason of the verdict. If the run reached its spending limit, a
/// verdict other than [`Verdict::Completed`] becomes [`Verdict::Limited`]. So does the verdict
/// [`Verdict::Failed`] if the last request did not fit within the rest of the limit. `limit` is the
/// spending limit, in millionths of a US dollar.
pub(crate) fn apply_account(report: &mut AgentReport, access: &ModelAccess, limit: Option<u64>) {
    let unaffordable = access.unaffordable();
    if matches!(report.verdict, Verdict::Failed { .. })
        && let Some(shortfall) = unaffordable
    {
        let limit = dollars(shortfall.limit);
        let reason = format!("the run reached its spending limit of ${limit}: {shortfall}");
        report.verdict = Verdict::Limited { reason };
    }
    if let Verdict::Failed { reason, .. } = &report.verdict
        && let Some(failure) = access.last_failure()
    {
        let reason = format!("{}: {reason}", failure.text);
        report.verdict = Verdict::Failed { kind: failure.kind, reason };
    }
    if access.is_exhausted() && report.verdict != Verdict::Completed {
        let limit = dollars(limit.unwrap_or(0));
        let reason = format!("the run reached its spending limit of ${limit}");
        report.verdict = Verdict::Limited { reason };
    }
    // Use only the proxy's numbers: a process that the agent started can forge the agent's numbers.
    let (micro_usd, usage) = access.spent();
    (report.micro_usd, report.usage) = (Some(micro_usd), usage);
}
