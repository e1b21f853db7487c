//! The stages that decide and prepare: Authorize, Checkout, Provision.

use std::ops::ControlFlow;
use std::time::Duration;

use super::context::{Context, Ended, guarded};
use super::{Parts, Pipeline};
use crate::agent::Task;
use crate::container::ContainerSpec;
use crate::event::Trigger;
use crate::git::Workspace;
use crate::prompt;
use crate::run::SkipReason;
use crate::vcs::{Grant, Permission, ReactionTarget, Repository};
use crate::{Container, Error, ErrorKind, Outcome, Result, Stage};

/// How often a container is asked for when the answer is "not now".
const SPAWN_ATTEMPTS: u32 = 3;
/// How long the greeting may take.
const GREET_WITHIN: Duration = Duration::from_secs(60);
/// How long a token for reading or discussing must last when it is handed out.
const SHORT: Duration = Duration::from_secs(5 * 60);

impl Pipeline {
    /// The stages in their order; the rest of the crate is what they are made of.
    pub(super) async fn stages(&self, run: &Context) -> Result<Outcome, Ended> {
        let limits = &self.parts.limits;
        if let Some(pull_request) = run.checkpoint().pull_request {
            return Ok(Outcome::PullRequest { pull_request });
        }
        if run.checkpoint().stage < Stage::Collect {
            let stage = limits.stage;
            let repository = run.in_stage(Stage::Authorize, stage, self.authorize(run)).await?;
            // Beside the work: a host that wants its writes apart makes nobody wait for files, and one
            // that is slow to greet holds the work up for a minute at most.
            let greet = guarded(&*self.parts.clock, GREET_WITHIN, self.greet(run));
            let checkout = run.in_stage(Stage::Checkout, stage, self.checkout(run, &repository));
            let (greeted, workspace) = tokio::join!(greet, checkout);
            if let Err(error) = greeted {
                run.note(format!("could not say on the issue that the run began: {error}"));
            }
            let workspace = workspace?;
            let (container, task) =
                run.in_stage(Stage::Provision, stage, self.provision(run, &workspace)).await?;
            run.in_stage(Stage::Work, limits.run, self.work(run, &*container, &task)).await?;
            run.in_stage(Stage::Collect, stage, self.collect(run)).await?;
        }
        if run.checkpoint().tree.is_none() {
            return Ok(Self::answer(run));
        }
        run.in_stage(Stage::Commit, limits.stage, self.commit(run)).await?;
        run.in_stage(Stage::Publish, limits.stage, self.publish(run)).await
    }

    /// May this person spend money here, on this issue, now? (spec: W10, G9, X11)
    async fn authorize(&self, run: &Context) -> Result<Repository, Ended> {
        let (host, policy, event) = (&self.parts.host, &self.parts.policy, &run.event);
        let us = host.bot_identity().await?;
        policy.wants(event, &us).map_err(skip)?;
        run.access(Grant::Read, SHORT).await?;
        let permission = host.permission(run.repo(), &event.actor).await?;
        if !policy.permits(event, permission) {
            return Err(Ended::With(not_permitted(run, policy.permission, permission)));
        }
        let runner = &self.parts.runner;
        if !runner.capabilities().isolated && !policy.permits_unisolated(event, permission) {
            return Err(Ended::With(not_here(run, runner.name(), permission)));
        }
        let issue = match host.issue(run.repo(), event.issue.number).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(skip(SkipReason::IssueGone));
            }
            issue => issue?,
        };
        for (stands_in_the_way, reason) in [
            (issue.is_pull_request, SkipReason::PullRequest),
            (!issue.open, SkipReason::IssueClosed),
            (issue.locked, SkipReason::IssueLocked),
        ] {
            if stands_in_the_way {
                return Err(skip(reason));
            }
        }
        if issue.title != event.issue.title || issue.body != event.issue.body {
            run.note("the issue was edited since: the run works from the text that was signed");
        }
        let repository = host.repository(run.repo()).await?;
        if repository.archived {
            return Err(Ended::With(Outcome::Refused {
                stage: Stage::Authorize,
                reason: "the repository is archived: nothing can be pushed to it".to_owned(),
                paths: Vec::new(),
            }));
        }
        Ok(repository)
    }

    /// Shows that the run began. Failing at that is no reason not to run.
    async fn greet(&self, run: &Context) -> Result<()> {
        let target = match &run.event.trigger {
            Trigger::Commented { comment, .. } => ReactionTarget::Comment(*comment),
            _ => ReactionTarget::Issue(run.event.issue.number),
        };
        run.access(Grant::Discuss, SHORT).await?;
        self.parts.host.react(run.repo(), target).await?;
        self.comment_start(run).await
    }

    /// A fresh workspace, with a token that can only read.
    async fn checkout(&self, run: &Context, repository: &Repository) -> Result<Workspace, Ended> {
        let access = run.access(Grant::Read, SHORT).await?;
        let workspace = self.parts.git.checkout(run.id, repository, &access).await?;
        run.note_down(|checkpoint| {
            checkpoint.base_branch = Some(repository.default_branch.clone());
            checkpoint.base = Some(workspace.base.clone());
        });
        Ok(workspace)
    }

    /// A container over the workspace, and the task for the agent in it.
    async fn provision(
        &self,
        run: &Context,
        workspace: &Workspace,
    ) -> Result<(Box<dyn Container>, Task), Ended> {
        let Parts { agent, limits, policy, .. } = &*self.parts;
        let settings = self.settings(run, &workspace.base).await?;
        let needs = agent.needs();
        let task = self.task(run, &needs.credentials).await?;
        // From here on the run needs no reading power.
        if let Err(error) = run.release(Some(Grant::Read)).await {
            run.note(format!("the read token could not be revoked: {error}"));
        }
        let spec = ContainerSpec::new(&workspace.path)
            .with_image(settings.image.clone().or(needs.image))
            .with_env(needs.env)
            .with_network(needs.network)
            .with_egress(policy.agent_hosts.clone())
            .with_resources(limits.resources);
        let mut attempt = 1;
        loop {
            match self.spawn(run, &spec, attempt).await? {
                ControlFlow::Break(container) => {
                    let set_up = self.set_up(run, &*container, &settings).await;
                    run.record_denied_hosts(&*container);
                    set_up?;
                    return Ok((container, task));
                }
                ControlFlow::Continue(wait) => self.parts.clock.sleep(wait).await,
            }
            attempt += 1;
        }
    }

    async fn spawn(
        &self,
        run: &Context,
        spec: &ContainerSpec,
        attempt: u32,
    ) -> Result<ControlFlow<Box<dyn Container>, Duration>> {
        match self.parts.runner.spawn(run.id, spec).await {
            Ok(container) => Ok(ControlFlow::Break(container)),
            Err(error) if error.is_retryable() && attempt < SPAWN_ATTEMPTS => {
                run.note(format!("no container at attempt {attempt}, trying again: {error}"));
                let backoff = Duration::from_secs(2 << attempt);
                Ok(ControlFlow::Continue(error.retry_after().unwrap_or(backoff)))
            }
            Err(error) => Err(error.with_operation("container_runner.spawn")),
        }
    }

    async fn task(&self, run: &Context, credentials: &[crate::CredentialKey]) -> Result<Task> {
        let (event, host) = (&run.event, &self.parts.host);
        let comments = host
            .comments(run.repo(), event.issue.number, event.issue.updated_at.min(run.accepted_at))
            .await?;
        let mut task = Task::new(run.id, prompt::render(run.id, event, &comments));
        task.limits = self.parts.limits.agent;
        for key in credentials {
            let stored = self.parts.credentials.get(key).await?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the agent `{}` needs the credential `{key}`, and the store has none",
                        self.parts.agent.name()
                    ),
                )
            })?;
            run.redactor.add(&stored.secret);
            task.credentials.push((key.clone(), stored.secret));
        }
        Ok(task)
    }
}

fn skip(reason: SkipReason) -> Ended {
    Ended::With(Outcome::Skipped { reason })
}

/// The operator let this person start runs, and has no wall to run them behind.
fn not_here(run: &Context, runner: &str, permission: Permission) -> Outcome {
    if matches!(run.event.trigger, Trigger::Opened | Trigger::Reopened) {
        return Outcome::Skipped { reason: SkipReason::NotPermitted };
    }
    Outcome::Refused {
        stage: Stage::Authorize,
        reason: format!(
            "the {runner} runner isolates nothing, and works for people with write permission alone, not \
             {permission}: the operator can choose another runner, name the account in \
             policy.allowed_actors, or set policy.dangerously_unisolated"
        ),
        paths: Vec::new(),
    }
}

/// Who asked in so many words gets an answer; opening an issue is everybody's right, and no reason
/// to be talked to.
fn not_permitted(run: &Context, least: Permission, permission: Permission) -> Outcome {
    match run.event.trigger {
        Trigger::Opened | Trigger::Reopened => {
            Outcome::Skipped { reason: SkipReason::NotPermitted }
        }
        _ => Outcome::Refused {
            stage: Stage::Authorize,
            reason: format!(
                "starting a run takes {least} permission on this repository, and {} has {permission} \
                 permission",
                run.event.actor.login
            ),
            paths: Vec::new(),
        },
    }
}
