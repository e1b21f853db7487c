//! Actions on comments.

use serde_json::json;

use crate::activity::events::comment_event;
use crate::caller::Sender;
use crate::model::{Comment, IssueKey};
use crate::state::{Inner, State};
use crate::webhooks::PendingDelivery;

/// Adds a comment to the issue or pull request `key`. Returns the comment's ID and the webhook
/// deliveries to send, or `None` if the issue or pull request does not exist.
pub(crate) fn add_comment(
    inner: &Inner,
    state: &mut State,
    key: IssueKey,
    sender: &Sender,
    body: &str,
) -> Option<(u64, Vec<PendingDelivery>)> {
    let now = inner.now();
    let id = state.next_id();
    let issue = state.issue_mut(key)?;
    issue.updated_at = now;
    issue.comments.push(Comment {
        id,
        author: sender.actor.clone(),
        via: sender.via,
        body: body.to_owned(),
        created_at: now,
        updated_at: now,
        reactions: Vec::new(),
    });
    Some((id, comment_event(inner, state, key, id, "created", sender, json!({}))))
}
