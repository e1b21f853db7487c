//! The webhook events of actions on issues, comments and installations.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::Sender;
use crate::model::{IssueKey, Repo};
use crate::render::{self, merge};
use crate::state::{Inner, State};
use crate::webhooks::{PendingDelivery, to_apps};

/// Returns the webhook deliveries for the action `action`, such as `labeled`, on the issue or pull
/// request `key`. The event is `issues` for an issue, and `pull_request` for a pull request. The
/// payload also contains the fields of `more`.
pub(crate) fn issue_event(
    inner: &Inner,
    state: &State,
    key: IssueKey,
    action: &str,
    sender: &Sender,
    more: Value,
) -> Vec<PendingDelivery> {
    let (Some(repo), Some(issue)) = (state.repo(key.repo), state.issue(key)) else {
        return Vec::new();
    };
    let whole = json!({
        "action": action,
        "repository": render::repository(inner, state, repo),
        "sender": render::user(inner, &sender.actor),
    });
    let whole = merge(whole, more);
    match &issue.pull {
        Some(pull) => {
            let shown = render::pull_in_full(inner, state, repo, issue, pull, &pull.stat);
            let about = json!({ "number": key.number, "pull_request": shown });
            to_apps(state, key.repo, "pull_request", &merge(whole, about))
        }
        None => {
            let about = json!({ "issue": render::issue(inner, state, repo, issue) });
            to_apps(state, key.repo, "issues", &merge(whole, about))
        }
    }
}

/// Returns the deliveries of the webhook event `issue_comment` for the action `action`, such as
/// `edited`, on the comment `id`. The payload also contains the fields of `more`.
pub(crate) fn comment_event(
    inner: &Inner,
    state: &State,
    key: IssueKey,
    id: u64,
    action: &str,
    sender: &Sender,
    more: Value,
) -> Vec<PendingDelivery> {
    let (Some(repo), Some(issue)) = (state.repo(key.repo), state.issue(key)) else {
        return Vec::new();
    };
    let Some(comment) = issue.comments.iter().find(|comment| comment.id == id) else {
        return Vec::new();
    };
    let whole = json!({
        "action": action,
        "issue": render::issue(inner, state, repo, issue),
        "comment": render::comment(inner, state, repo, issue, comment),
        "repository": render::repository(inner, state, repo),
        "sender": render::user(inner, &sender.actor),
    });
    to_apps(state, key.repo, "issue_comment", &merge(whole, more))
}

/// Returns the delivery of the webhook event `installation` for the action `action`, such as
/// `deleted`, on the installation with the ID `installation`. Returns no delivery if the
/// installation does not exist.
pub(crate) fn installation_event(
    inner: &Inner,
    state: &State,
    installation: u64,
    action: &str,
) -> Vec<PendingDelivery> {
    let Some(found) = state.installation(installation) else { return Vec::new() };
    let mine = |repo: &&Repo| {
        repo.owner.eq_ignore_ascii_case(&found.account)
            && !found.excluded_repositories.contains(&repo.id)
    };
    let repositories: Vec<_> = state
        .repos
        .iter()
        .filter(mine)
        .map(|repo| json!({ "id": repo.id, "node_id": format!("R_{}", repo.id), "name": repo.name, "full_name": repo.full_name(), "private": !repo.public }))
        .collect();
    let payload = json!({
        "action": action,
        "installation": render::installation(inner, state, found),
        "repositories": repositories,
        "sender": render::known_user(inner, state, &found.account),
    });
    vec![PendingDelivery::to_app(found.app, Some(installation), None, "installation", &payload)]
}

/// Returns the delivery of the event `ping`, which GitHub sends first to a new webhook URL (GitHub
/// docs, "Webhook events and payloads": ping).
pub(crate) fn ping_event(app: &App) -> PendingDelivery {
    let payload = json!({
        "zen": "Keep it logically awesome.",
        "hook_id": app.id,
        "hook": {
            "type": "App", "id": app.id, "app_id": app.id, "name": "web", "active": true,
            "events": app.events, "created_at": app.created_at, "updated_at": app.created_at,
            "config": { "content_type": "json", "insecure_ssl": "0", "url": app.webhook_url },
        },
    });
    PendingDelivery::to_app(app.id, None, None, "ping", &payload)
}
