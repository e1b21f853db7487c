//! Work: executes the agent until the agent ends or reaches a limit, and then stops the container.

use std::time::Duration;

use tokio::sync::watch;

use super::provision::Provisioned;
use crate::agent::{AgentEvent, AgentReport, Verdict};
use crate::pipeline::bounded::guarded;
use crate::pipeline::event_pump::{Backlog, event_pump};
use crate::pipeline::halt::Halt;
use crate::pipeline::line_buffer::LineBuffer;
use crate::pipeline::run_context::RunContext;
use crate::pipeline::salvage;
use crate::pipeline::secret_variables::WatchedContainer;
use crate::progress::Base;
use crate::{Clock, Error, ErrorKind, Outcome, Result, Stage};

/// Executes the agent, and then stops the container. Returns the agent's report if the agent
/// completed its work. Otherwise saves the agent's changes as a patch and fails the run.
pub(in crate::pipeline) async fn work(
    run: &RunContext,
    provisioned: &Provisioned,
    base: &Base,
) -> Result<AgentReport, Halt> {
    let container = &*provisioned.container;
    let ended = match run_agent(run, provisioned).await {
        Ok(report) => run.redacted(move |redactor| redactor.clean_report(report)).await,
        Err(error) => Err(error),
    };
    run.record_denied_hosts(container);
    if let Ok(report) = &ended {
        run.update_comment_data(|comment| comment.report = Some(report.clone()));
    }
    // However the agent ended, no process may change the workspace while it is read.
    let (clock, limits) = (&*run.parts.clock, &run.parts.limits);
    guarded(clock, limits.stop_grace + limits.cleanup, container.stop(limits.stop_grace))
        .await
        .map_err(|error| error.with_operation("container.stop"))?;
    let (kind, reason) = match ended {
        Ok(report) => match report.verdict {
            Verdict::Completed => return Ok(report),
            Verdict::Limited { reason } => (ErrorKind::LimitExceeded, reason),
            Verdict::Failed { kind, reason } => (kind, reason),
        },
        Err(error) => (error.kind(), error.to_string()),
    };
    salvage::save_unfinished(run, &base.commit).await;
    Err(Halt::Outcome(Outcome::Failed {
        stage: Stage::Work,
        kind,
        message: format!("the agent did not finish: {reason}"),
    }))
}

async fn run_agent(run: &RunContext, provisioned: &Provisioned) -> Result<AgentReport> {
    let Provisioned { container, task } = provisioned;
    let (clock, limits) = (&*run.parts.clock, &run.parts.limits.agent);
    let (active, activity) = watch::channel(());
    let backlog = Backlog::default();
    let (events, pump) = event_pump();
    let container = WatchedContainer { container: &**container, redactor: &run.redactor };
    let timed_out = |what: &str, limit: Duration| {
        Error::new(ErrorKind::TimedOut, format!("{what} {} s", limit.as_secs()))
    };
    let work = async {
        let (mut lines, events) = (LineBuffer::default(), events);
        let mut sink = |agent: AgentEvent| {
            active.send_replace(());
            if let Some(agent) = lines.next(agent).filter(|agent| *agent != AgentEvent::Alive) {
                events.send(agent, &backlog);
            }
        };
        let ended = tokio::select! {
            biased;
            // The limits are polled first: an agent whose output never pauses could otherwise
            // prevent their polling.
            () = clock.sleep(limits.wall) => {
                Err(timed_out("the agent exceeded the time limit of", limits.wall))
            }
            () = silence(clock, activity, limits.idle) => {
                Err(timed_out("the agent emitted no event for", limits.idle))
            }
            report = backlog.limit(run.parts.agent.run(task, &container, &mut sink)) => report,
        };
        lines.rest().for_each(|event| events.send(event, &backlog));
        // The drop of the sender ends the pump.
        ended
    };
    pump.run(run, &backlog, work).await?
}

/// Waits until the agent has emitted no event for `idle`.
async fn silence(clock: &dyn Clock, mut activity: watch::Receiver<()>, idle: Duration) {
    loop {
        tokio::select! {
            biased;
            changed = activity.changed() => {
                if changed.is_err() {
                    // The agent's future has been dropped, and the caller drops this future too.
                    std::future::pending::<()>().await;
                }
            }
            () = clock.sleep(idle) => return,
        }
    }
}
