//! Actions of users and Apps, and the webhook events that these actions cause.

mod branches;
mod comments;
mod events;
mod issues;

pub(crate) use branches::update_pull_requests;
pub(crate) use comments::add_comment;
pub(crate) use events::{comment_event, installation_event, issue_event, ping_event};
pub(crate) use issues::{NewIssue, add_label, open_issue, remove_label, set_assigned, set_open};
