//! The text of the run's comment on the issue. The service renders this text, and the model does
//! not (spec: P5, X13).

use crate::agent::AgentReport;
use crate::progress::Progress;
use crate::untrusted_text::{markdown_escape, markdown_fence, markdown_quote, one_line, truncate};
use crate::vcs::Permission;
use crate::{BranchName, ErrorKind, Outcome, RunId, Stage};

/// Maximum size of the agent's text in one comment or pull request, in bytes before escaping.
pub(super) const MAX_AGENT_TEXT: usize = 16_000;
/// Maximum size of the text of a comment or pull request, in bytes, without the signature and other
/// additions. GitHub accepts 65 536 characters in total.
pub(super) const MAX_BODY: usize = 60_000;

/// The details that a comment or a pull request shows in addition to the outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct CommentData {
    /// The agent's report, without secrets.
    pub(super) report: Option<AgentReport>,
    /// The hosts that an egress proxy denied to the run's programs.
    pub(super) denied_hosts: Vec<String>,
    /// The name of the run's branch; `None` until the run has chosen the name. The name does not
    /// show whether the run has pushed the branch.
    pub(super) branch: Option<BranchName>,
    /// The exceptions from the usual rules for runs, one line each.
    pub(super) exceptions: Vec<String>,
    /// The agent's changes as a patch, if the run could not publish them.
    pub(super) patch: Option<String>,
}

impl From<&Progress> for CommentData {
    fn from(progress: &Progress) -> Self {
        let (report, denied_hosts, branch) = match progress.clone() {
            Progress::Accepted(run) => (run.report, run.denied_hosts, None),
            Progress::Collected(run) => (Some(run.report), run.denied_hosts, None),
            Progress::Committed(run) => (Some(run.report), run.denied_hosts, Some(run.branch)),
            Progress::Published(run) => {
                (Some(run.report), run.denied_hosts, Some(run.pull_request.head))
            }
        };
        // An accepted run starts again with Authorize, which finds its exceptions again.
        let exceptions = match progress {
            Progress::Accepted(_) => Vec::new(),
            later => later.policy().map(|policy| policy.exceptions.clone()).unwrap_or_default(),
        };
        Self { report, denied_hosts, branch, exceptions, patch: None }
    }
}

/// Returns the text of the comment for a run that has started.
pub(super) fn started(run: RunId, agent: &str) -> String {
    format!("Working on this issue.\n\n{}", signature(run, agent))
}

/// Returns a line that names the run and the agent. Every comment and every pull request ends with
/// this line.
pub(super) fn signature(run: RunId, agent: &str) -> String {
    format!("<sub>Run `{run}` with the agent {}.</sub>", markdown_escape(&one_line(agent, 60)))
}

/// Returns the text of the comment for a run that has ended.
pub(super) fn ended(run: RunId, agent: &str, outcome: &Outcome, data: &CommentData) -> String {
    let mut body = match outcome {
        Outcome::PullRequest { pull_request } => match pull_request.number {
            Some(number) => format!("Opened #{number}: the pull request is ready for review."),
            None => format!(
                "The change is on the branch `{}`, because this VCS host has no pull requests.",
                pull_request.head
            ),
        },
        Outcome::Answered { answer } => format!(
            "The agent made no change. This is the agent's final message:\n\n{}",
            markdown_quote(answer, MAX_AGENT_TEXT)
        ),
        Outcome::Refused { reason, paths, .. } => {
            let mut text = format!("The run was refused: {}.", markdown_escape(reason));
            for path in paths {
                text.push_str(&format!("\n- {}", markdown_escape(path)));
            }
            text
        }
        Outcome::Failed { stage, kind, message } => format!(
            "The run failed in the stage *{stage}* ({kind}): {}.\n\n{}",
            markdown_escape(&one_line(message, 1_500)),
            next_step(*stage, *kind)
        ),
        Outcome::Cancelled { stage } => {
            let branch = match &data.branch {
                Some(branch) => {
                    format!(" It is possible that the run has pushed its branch `{branch}`.")
                }
                None => String::new(),
            };
            format!("The run was cancelled in the stage *{stage}*.{branch}")
        }
        Outcome::Skipped { .. } => String::new(),
    };
    if let Some(patch) = &data.patch {
        body.push_str(
            "\n\n<details><summary>The agent's unpublished changes, as a patch</summary>\n\n",
        );
        body.push_str(&markdown_fence("diff", patch));
        body.push_str("\n</details>");
    }
    if let Some(report) = &data.report {
        body.push_str(&cost_and_denials(report));
    }
    body.push_str(&denied_hosts(&data.denied_hosts));
    body.push_str(&exceptions(&data.exceptions));
    format!("{}\n\n{}", truncate(&body, MAX_BODY), signature(run, agent))
}

/// Returns the answer to the account `login`, which may not start runs. `least` is the permission
/// that the account would need.
pub(super) fn not_permitted(login: &str, least: Permission) -> String {
    format!(
        "The request of {} started no run: a run requires {least} permission on this repository. \
         A user with {least} permission can request the run.\n\n\
         <sub>This answer is automatic. Further requests of this account on this issue start no \
         run either, and get no answer for a day.</sub>",
        markdown_escape(&one_line(login, 60))
    )
}

/// Returns the step that the reader of the comment can take after a failure.
fn next_step(stage: Stage, kind: ErrorKind) -> &'static str {
    match (stage, kind) {
        (Stage::Work, ErrorKind::Unauthenticated | ErrorKind::PermissionDenied) => {
            "The operator should check the model's credential, and the permissions of the account \
             that the credential belongs to."
        }
        (_, ErrorKind::Unauthenticated) => {
            "The operator should check whether a credential of this service is missing, expired or \
             revoked."
        }
        (Stage::Publish, ErrorKind::PermissionDenied) => {
            "If the error message above names no other reason, check the branch rules of the \
             repository, and the App's permissions."
        }
        (Stage::Checkout | Stage::Publish, ErrorKind::AlreadyExists) => {
            "Rename or delete the branch that the error message above names. Then request a new run."
        }
        (Stage::Publish, ErrorKind::Conflict) => {
            "Open the run's branch on the VCS host. The error message above names its state."
        }
        (_, ErrorKind::PermissionDenied) => "Check the App's permissions on this repository.",
        (Stage::Work | Stage::Collect, ErrorKind::LimitExceeded)
        | (Stage::Work, ErrorKind::TimedOut) => {
            "Request a smaller change, or ask the operator to raise the limits of a run."
        }
        (_, ErrorKind::DiskFull) => {
            "A disk of the service is full. The operator should free space on it. The repository is \
             not the cause, and a new run fails in the same way until then."
        }
        (_, ErrorKind::LimitExceeded) => {
            "The repository or its setup exceeds the limit that the error message above names. A new \
             run fails in the same way, until the repository changes. The operator can raise the \
             limits of a workspace and of a container."
        }
        (Stage::Provision, ErrorKind::TimedOut) => {
            "The setup of the repository takes too long. Shorten the setup, and then request a new run."
        }
        (_, ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::TimedOut) => {
            "This kind of failure can be temporary: request a new run later."
        }
        (Stage::Checkout, ErrorKind::NotFound) => {
            "Check that the repository exists and has a commit on its default branch. Then \
             request a new run."
        }
        (Stage::Publish, ErrorKind::NotFound) => {
            "Take the step that the error message above names. Then request a new run."
        }
        (_, ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::Corrupt) => {
            "The operator should correct the cause that the error message above names. A new run \
             fails in the same way until then."
        }
        _ => "The operator can find details in the service's log.",
    }
}

/// Returns one paragraph about the cost and one paragraph about the denied tools. Omits a paragraph
/// if `report` has no data for it.
pub(super) fn cost_and_denials(report: &AgentReport) -> String {
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
        let tools = tools.join(", ");
        text.push_str(&format!("\n\nTools that the agent was not allowed to use: {tools}."));
    }
    text
}

/// Returns a paragraph that lists the denied hosts, or an empty text if there are none.
pub(super) fn denied_hosts(places: &[String]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let shown: Vec<String> =
        places.iter().take(20).map(|place| markdown_escape(&one_line(place, 100))).collect();
    format!(
        "\n\nAn egress proxy denied the run's programs access to these hosts: {}.",
        shown.join(", ")
    )
}

/// Returns a list of the exceptions from the usual rules for runs, or an empty text if there are none
/// (spec: X17c).
pub(super) fn exceptions(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = "\n\nExceptions from the usual rules in this run:\n".to_owned();
    for line in lines.iter().take(20) {
        text.push_str(&format!("\n- {}", markdown_escape(&one_line(line, 1_000))));
    }
    text
}

#[cfg(test)]
mod tests;
