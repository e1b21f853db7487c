//! The record of a run as text and as JSON.

use ccc_core::Outcome;
use ccc_core::event::Trigger;
use ccc_core::run::{ActorCheck, RunRecord, RunState};
use ccc_core::untrusted_text::one_line;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Returns `OWNER/NAME#NUMBER` of the issue.
pub(super) fn issue(record: &RunRecord) -> String {
    let (repo, number) = (record.repo(), record.event.issue.number);
    one_line(&format!("{}/{}#{number}", repo.owner, repo.name), 200)
}

/// Returns the state of the run in a few words, such as `running: work`.
pub(super) fn state(record: &RunRecord) -> String {
    let finished = record.progress.stage();
    let text = match &record.state {
        RunState::Waiting => "waiting".to_owned(),
        RunState::Claimed => format!("running: {}", finished.next().unwrap_or(finished)),
        RunState::Finished { outcome } => return format!("ended: {}", outcome.name()),
    };
    if record.cancel_requested { format!("{text}, to be cancelled") } else { text }
}

/// Returns the age of `then` in its largest unit, such as `3 min`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(then).max(SignedDuration::ZERO).as_secs();
    match age {
        0..60 => format!("{age} s"),
        60..3_600 => format!("{} min", age / 60),
        3_600..86_400 => format!("{} h", age / 3_600),
        _ => format!("{} d", age / 86_400),
    }
}

/// Returns the time of `at` without fractions of a second.
pub(super) fn time(at: Timestamp) -> String {
    let seconds = Timestamp::from_second(at.as_second()).unwrap_or(at);
    seconds.to_string()
}

/// Returns the action that started the run, in a few words.
pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Opened => "the issue was opened".to_owned(),
        Trigger::Reopened => "the issue was reopened".to_owned(),
        Trigger::Labeled { label } => format!("the label {} was added", one_line(label, 100)),
        Trigger::Assigned { assignee } => {
            format!("the issue was assigned to {}", one_line(&assignee.login, 100))
        }
        Trigger::Commented { comment, .. } => format!("the comment {comment} was written"),
        _ => "another action".to_owned(),
    }
}

/// Returns the cost of the agent's work in millionths of a US dollar, if the agent has reported it.
fn micro_usd(record: &RunRecord) -> Option<u64> {
    record.progress.report()?.micro_usd
}

/// Returns the cost of the agent's work, such as `$1.2500`, if the agent has reported it.
pub(super) fn cost(record: &RunRecord) -> Option<String> {
    let cost = micro_usd(record)?;
    Some(format!("${}.{:04}", cost / 1_000_000, cost % 1_000_000 / 100))
}

/// Returns the result of the run in one line; `None` if the run has not ended.
pub(super) fn outcome(record: &RunRecord) -> Option<String> {
    let RunState::Finished { outcome } = &record.state else { return None };
    let text = match outcome {
        Outcome::PullRequest { pull_request } => format!("pull request {}", pull_request.url),
        Outcome::Answered { answer } => format!("answered: {answer}"),
        Outcome::Skipped { reason } => match record.served_by {
            Some(run) => format!("skipped: run {run} has served the same request"),
            None => format!("skipped: {}", reason.as_str()),
        },
        Outcome::Refused { stage, reason, paths } => {
            format!("refused in the stage {stage}: {reason} {}", paths.join(", "))
        }
        Outcome::Failed { stage, message, .. } => format!("failed in the stage {stage}: {message}"),
        Outcome::Cancelled { stage } => format!("cancelled in the stage {stage}"),
        other => other.name().to_owned(),
    };
    Some(one_line(&text, 2_000))
}

/// Returns the record as JSON.
pub(super) fn as_json(record: &RunRecord) -> Value {
    let (event, repo) = (&record.event, record.repo());
    let outcome = match &record.state {
        RunState::Finished { outcome } => json!(outcome),
        _ => Value::Null,
    };
    json!({
        "run": record.run,
        "accepted_at": record.accepted_at,
        "host": repo.host,
        "repository": format!("{}/{}", repo.owner, repo.name),
        "issue": event.issue.number,
        "title": event.issue.title,
        "actor": event.actor.login,
        "trigger": trigger(&event.trigger),
        "actor_is_checked": record.actor_check == ActorCheck::Permitted,
        "state": match record.state {
            RunState::Waiting => "waiting",
            RunState::Claimed => "running",
            RunState::Finished { .. } => "ended",
        },
        "completed_stage": record.progress.stage(),
        "cancel_requested": record.cancel_requested,
        "attempts": record.attempts,
        "cost_micro_usd": micro_usd(record),
        "outcome": outcome,
        "served_by": record.served_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_shown_in_its_largest_unit() {
        for (seconds, expected) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (86_399, "23 h"),
            (86_400, "1 d"),
            (864_000, "10 d"),
        ] {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
            assert_eq!(age(Timestamp::UNIX_EPOCH, now), expected);
        }
    }
}
