//! Provision: prepares the agent's task, creates a container with the workspace, and executes the
//! repository's setup commands in the container.

use std::sync::Arc;
use std::time::Duration;

use super::checkout::CheckedOut;
use super::setup::set_up;
use crate::agent::{SecretSink, Task};
use crate::container::ContainerSpec;
use crate::pipeline::halt::Halt;
use crate::pipeline::parts::Parts;
use crate::pipeline::repository_settings::RepositorySettings;
use crate::pipeline::run_context::RunContext;
use crate::pipeline::secret_variables;
use crate::prompt;
use crate::vcs::Grant;
use crate::{Container, CredentialKey, Error, ErrorKind, Result};

/// Maximum number of attempts to create the container. Only a retryable error of the runner leads
/// to another attempt.
const SPAWN_ATTEMPTS: u32 = 3;

/// A container that is ready for the agent, and the agent's task.
#[derive(Debug)]
pub(in crate::pipeline) struct Provisioned {
    pub(in crate::pipeline) container: Box<dyn Container>,
    pub(in crate::pipeline) task: Task,
}

/// Prepares the agent's task, revokes the read token, creates the container, and executes the
/// repository's setup commands in the container.
pub(in crate::pipeline) async fn provision(
    run: &RunContext,
    checked_out: &CheckedOut,
) -> Result<Provisioned, Halt> {
    let Parts { agent, git, limits, policy, settings, .. } = &*run.parts;
    let settings = match settings {
        Some(file) => file.load(git, run.id, &checked_out.base.commit, policy).await?,
        None => RepositorySettings::default(),
    };
    let needs = agent.needs();
    secret_variables::register(&needs.env, &run.redactor);
    let task = task(run, &needs.credentials).await?;
    // The later stages need no read token.
    if let Err(error) = run.release(Some(Grant::Read)).await {
        run.emit_note(format!(
            "cannot revoke the run's read token, which can stay valid until it expires: {error}"
        ));
    }
    let spec = ContainerSpec::new(&checked_out.workspace)
        .with_image(settings.image.clone().or(needs.image))
        .with_env(needs.env)
        .with_network(needs.network)
        .with_egress(policy.agent_hosts.clone())
        .with_resources(limits.resources);
    let container = spawn(run, &spec).await?;
    let result = set_up(run, &*container, &settings).await;
    run.record_denied_hosts(&*container);
    result?;
    Ok(Provisioned { container, task })
}

async fn spawn(run: &RunContext, spec: &ContainerSpec) -> Result<Box<dyn Container>> {
    let mut attempt = 1;
    loop {
        match run.parts.runner.spawn(run.id, spec).await {
            Err(error) if error.is_retryable() && attempt < SPAWN_ATTEMPTS => {
                let attempts = format!("(attempt {attempt} of {SPAWN_ATTEMPTS})");
                run.emit_note(format!(
                    "cannot create the run's container {attempts}, will try again: {error}"
                ));
                let backoff = Duration::from_secs(2 << attempt);
                run.parts.clock.sleep(error.retry_after().unwrap_or(backoff)).await;
                attempt += 1;
            }
            spawned => return spawned.map_err(|e| e.with_operation("container_runner.spawn")),
        }
    }
}

/// Renders the prompt, and reads the credentials that the agent's adapter needs.
async fn task(run: &RunContext, credentials: &[CredentialKey]) -> Result<Task> {
    let (event, parts) = (&run.event, &run.parts);
    let written_before = event.issue.updated_at.min(run.accepted_at);
    let comments = parts.host.comments(run.repo(), event.issue.number, written_before).await?;
    // The text can be large, so it is read on a thread that polls no futures.
    let (id, event) = (run.id, event.clone());
    let rendered = tokio::task::spawn_blocking(move || prompt::render(id, &event, &comments));
    let rendered = rendered.await.map_err(|e| {
        let line = "the task that renders the prompt ended without a result";
        Error::new(ErrorKind::Unexpected, line).with_source(e)
    })?;
    let mut task = Task::new(run.id, rendered);
    task.limits = parts.limits.agent;
    task.secrets = Some(Arc::clone(&run.redactor) as Arc<dyn SecretSink>);
    for key in credentials {
        let stored = parts.credentials.get(key).await?.ok_or_else(|| {
            let agent = parts.agent.name();
            Error::new(
                ErrorKind::Unauthenticated,
                format!(
                    "the agent `{agent}` needs the credential `{key}`, which is not in the \
                     credential store: add the credential to the store"
                ),
            )
        })?;
        run.redactor.add(&stored.secret);
        task.credentials.push((key.clone(), stored.secret));
    }
    Ok(task)
}
