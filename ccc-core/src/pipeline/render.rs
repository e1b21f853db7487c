//! What people read: rendered here, never by the model (spec: P5, X13).

use super::Pipeline;
use super::context::Context;
use crate::agent::AgentReport;
use crate::event::IssueEvent;
use crate::run::Checkpoint;
use crate::text::{markdown_escape, markdown_fence, markdown_quote, one_line, quiet, truncate};
use crate::vcs::Grant;
use crate::{ErrorKind, Outcome, Result, RunId, Stage};

/// The most bytes of the agent's words in one place.
const MAX_WORDS: usize = 16_000;
/// GitHub takes 65 536 characters in a body; escapes and markers need room.
const MAX_BODY: usize = 60_000;
const TOKEN_TTL: std::time::Duration = std::time::Duration::from_secs(60);

impl Pipeline {
    pub(super) async fn comment_start(&self, run: &Context) -> Result<()> {
        let body = format!("Working on it.\n\n{}", signature(run.id, self.parts.agent.name()));
        self.comment(run, &body).await
    }

    pub(super) async fn comment_outcome(&self, run: &Context, outcome: &Outcome) -> Result<()> {
        if matches!(outcome, Outcome::Skipped { .. }) {
            return Ok(());
        }
        run.access(Grant::Discuss, TOKEN_TTL).await?;
        let agent = self.parts.agent.name();
        let body =
            outcome_comment(run.id, agent, outcome, &run.checkpoint(), run.salvage().as_deref());
        self.comment(run, &run.redactor.clean(&body)).await
    }

    async fn comment(&self, run: &Context, body: &str) -> Result<()> {
        let marker = format!("run-{}", run.id);
        self.parts
            .host
            .upsert_comment(run.repo(), run.event.issue.number, &marker, body)
            .await
            .map_err(|error| error.with_operation("upsert_comment"))
    }
}

fn signature(run: RunId, agent: &str) -> String {
    format!("<sub>Run `{run}` with the agent {}.</sub>", markdown_escape(&one_line(agent, 60)))
}

/// The one comment of a run, for every way it can end.
fn outcome_comment(
    run: RunId,
    agent: &str,
    outcome: &Outcome,
    checkpoint: &Checkpoint,
    patch: Option<&str>,
) -> String {
    let mut body = match outcome {
        Outcome::PullRequest { pull_request } => match pull_request.number {
            Some(number) => format!("Opened #{number}, ready for review."),
            None => format!("The work is on the branch `{}`.", pull_request.head),
        },
        Outcome::Answered { answer } => format!(
            "No change was needed, or none could be made. The agent says:\n\n{}",
            markdown_quote(answer, MAX_WORDS)
        ),
        Outcome::Refused { reason, paths, .. } => {
            let mut text = format!("This cannot go ahead: {}.", markdown_escape(reason));
            for path in paths {
                text.push_str(&format!("\n- {}", markdown_escape(path)));
            }
            text
        }
        Outcome::Failed { stage, kind, message } => format!(
            "The run failed at *{stage}* ({kind}): {}.\n\n{}",
            markdown_escape(&one_line(message, 600)),
            next_step(*stage, *kind)
        ),
        Outcome::Cancelled { stage } => {
            let branch = match &checkpoint.branch {
                Some(branch) => format!(" The branch `{branch}` may be there already."),
                None => String::new(),
            };
            format!("The run was cancelled at *{stage}*.{branch}")
        }
        Outcome::Skipped { .. } => String::new(),
    };
    if let Some(patch) = patch {
        body.push_str("\n\n<details><summary>The work so far, as a patch</summary>\n\n");
        body.push_str(&markdown_fence("diff", patch));
        body.push_str("\n</details>");
    }
    if let Some(report) = &checkpoint.report {
        body.push_str(&spent(report));
    }
    body.push_str(&denied_hosts(&checkpoint.denied_hosts));
    format!("{}\n\n{}", truncate(&body, MAX_BODY), signature(run, agent))
}

fn next_step(stage: Stage, kind: ErrorKind) -> &'static str {
    match (stage, kind) {
        (Stage::Work, ErrorKind::Unauthenticated | ErrorKind::PermissionDenied) => {
            "The operator should check the model's credential, and what its account may use."
        }
        (_, ErrorKind::Unauthenticated) => {
            "The operator should check the credentials of this installation."
        }
        (Stage::Publish, ErrorKind::PermissionDenied) => {
            "The repository does not take the push: check its branch rules and the App's permissions."
        }
        (Stage::Publish, ErrorKind::AlreadyExists) => "Delete that branch, and ask again.",
        (_, ErrorKind::PermissionDenied) => "Check the App's permissions on this repository.",
        (_, ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::TimedOut) => {
            "That may be passing: ask again later."
        }
        (Stage::Checkout, ErrorKind::NotFound) => "Push a first commit, and ask again.",
        (Stage::Work, ErrorKind::LimitExceeded) => "A smaller issue may fit into the limits.",
        _ => "The operator finds more in the log of the service.",
    }
}

fn spent(report: &AgentReport) -> String {
    let mut text = String::new();
    if let Some(micro_usd) = report.micro_usd {
        text.push_str(&format!(
            "\n\nCost: ${}.{:02}",
            micro_usd / 1_000_000,
            micro_usd / 10_000 % 100
        ));
    }
    if !report.denials.is_empty() {
        let tools: Vec<String> = report
            .denials
            .iter()
            .take(20)
            .map(|tool| markdown_escape(&one_line(tool, 100)))
            .collect();
        text.push_str(&format!("\n\nTools that it was not allowed to use: {}.", tools.join(", ")));
    }
    text
}

fn denied_hosts(places: &[String]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let shown: Vec<String> =
        places.iter().take(20).map(|place| markdown_escape(&one_line(place, 100))).collect();
    format!("\n\nIts programs were kept from reaching: {}.", shown.join(", "))
}

/// The title of a pull request.
pub(super) fn pull_request_title(event: &IssueEvent) -> String {
    let title = one_line(&event.issue.title, 180);
    format!("Solve #{}: {}", event.issue.number, quiet(&title))
}

/// The text of a pull request.
pub(super) fn pull_request_body(
    run: RunId,
    event: &IssueEvent,
    agent: &str,
    checkpoint: &Checkpoint,
) -> String {
    let number = event.issue.number;
    let report = checkpoint.report.as_ref();
    let words = report.map_or("", |report| report.summary.trim());
    let said = if words.is_empty() {
        "The agent gave no summary.".to_owned()
    } else {
        format!("The agent says:\n\n{}", markdown_quote(words, MAX_WORDS))
    };
    let spent = report.map(spent).unwrap_or_default();
    let kept = denied_hosts(&checkpoint.denied_hosts);
    let body = truncate(&format!("Closes #{number}.\n\n{said}"), MAX_BODY);
    format!(
        "{body}{spent}{kept}\n\nWritten by an AI agent: review it as you would a stranger's work.\n\n{}",
        signature(run, agent)
    )
}

#[cfg(test)]
mod tests;
