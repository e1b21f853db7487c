//! The title and the description of a pull request. The service renders both texts, and the model
//! does not (spec: X13).

use super::comment::{
    CommentData, MAX_AGENT_TEXT, MAX_BODY, cost_and_denials, denied_hosts, exceptions, signature,
};
use crate::RunId;
use crate::event::IssueEvent;
use crate::untrusted_text::{
    deactivate_ci_commands, deactivate_references, markdown_quote, one_line, truncate,
};

/// Returns the title of the pull request that solves the issue of `event`.
pub(super) fn title(event: &IssueEvent) -> String {
    let title = one_line(&event.issue.title, 180);
    // The title becomes the subject of a commit if the pull request is merged as one commit.
    let title = deactivate_ci_commands(&deactivate_references(&title));
    match event.issue.number_on_host() {
        Some(number) => format!("Solve #{number}: {title}"),
        None => format!("Solve: {title}"),
    }
}

/// Returns the description of the pull request of `run`: the agent's summary, the cost, the
/// denied tools and hosts, and the exceptions from the usual rules for runs.
pub(super) fn body(run: RunId, event: &IssueEvent, agent: &str, data: &CommentData) -> String {
    let closes = event.issue.number_on_host().map(|number| format!("Closes #{number}.\n\n"));
    let report = data.report.as_ref();
    let words = report.map_or("", |report| report.summary.trim());
    let said = if words.is_empty() {
        "The agent wrote no summary of the change.".to_owned()
    } else {
        format!("The agent's summary:\n\n{}", markdown_quote(words, MAX_AGENT_TEXT))
    };
    let cost_and_denials = report.map(cost_and_denials).unwrap_or_default();
    let denied = denied_hosts(&data.denied_hosts);
    let exceptions = exceptions(&data.exceptions);
    let text = truncate(&(closes.unwrap_or_default() + &said), MAX_BODY);
    format!(
        "{text}{cost_and_denials}{denied}{exceptions}\n\nAn AI agent wrote this change: review it as you \
         review a change by an unknown author.\n\n{}",
        signature(run, agent)
    )
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::title;
    use crate::testing::FakeHost;

    #[test]
    fn the_title_of_a_pull_request_is_inactive() {
        // spec: X13a, X13c
        let event = FakeHost::new("/nowhere").open_issue("[skip ci] fixes #7 for @all", "");
        let expected = format!(
            "Solve #{}: [\u{200b}skip ci] fixes #\u{200b}7 for @\u{200b}all",
            event.issue.number
        );
        assert_eq!(title(&event), expected);
    }
}
