//! Updates of pull requests whose branches have new commits.

use std::sync::Arc;

use serde_json::json;

use crate::activity::events::issue_event;
use crate::caller::Sender;
use crate::model::IssueKey;
use crate::state::Inner;
use crate::webhooks::deliver_later;

/// Sets the head commit of each open pull request in the repository `repo` to the newest commit of
/// the pull request's branch. For each changed pull request, delivers the webhook event
/// `pull_request` with the action `synchronize`.
pub(crate) async fn update_pull_requests(inner: &Arc<Inner>, repo: u64) {
    let git = inner.git(repo);
    let refs = git.refs("refs/heads/").await;
    let at = |branch: &str| {
        let name = format!("refs/heads/{branch}");
        refs.iter().find(|(found, _)| *found == name).map(|(_, sha)| sha.clone())
    };
    let moved: Vec<_> = {
        let state = inner.state();
        let Some(found) = state.repo(repo) else { return };
        let open = found.issues.values().filter(|issue| issue.open);
        let pulls = open.filter_map(|issue| Some((issue, issue.pull.as_ref()?)));
        let moved = pulls.filter_map(|(issue, pull)| {
            let sha = at(&pull.head).filter(|sha| *sha != pull.head_sha)?;
            Some((issue.number, issue.author.clone(), pull.base_sha.clone(), sha))
        });
        moved.collect()
    };
    let mut hooks = Vec::new();
    for (number, actor, base, after) in moved {
        let key = IssueKey { repo, number };
        let stat = git.stat(&base, &after).await;
        let mut state = inner.state();
        let pull = state.issue_mut(key).and_then(|issue| issue.pull.as_mut());
        let Some(pull) = pull else { continue };
        pull.stat = stat;
        let before = std::mem::replace(&mut pull.head_sha, after.clone());
        let more = json!({ "before": before, "after": after });
        let sender = Sender { actor, via: None };
        hooks.extend(issue_event(inner, &state, key, "synchronize", &sender, more));
    }
    deliver_later(inner, hooks);
}
