//! Objects as GitHub's API and its webhooks show them: every field that GitHub's OpenAPI description
//! requires, and those beside it that programs look at.

use ccc_core::event::{Actor, ActorKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Inner;
use super::state::{Repo, State};

mod app;
mod issue;
mod repository;

pub(super) use app::{app, delivery, delivery_in_full, installation};
pub(super) use issue::{REACTIONS, comment, issue, label, pull, pull_in_full, reaction};
pub(super) use repository::{branch, commit, content, git_ref, repository};

/// Adds fields to an object.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

pub(super) fn user(inner: &Inner, user: &Actor) -> Value {
    let login = &user.login;
    let (api, web) = (inner.api(&format!("/users/{login}")), inner.web(&format!("/{login}")));
    json!({
        "login": login,
        "id": user.id,
        "node_id": format!("U_{}", user.id),
        "avatar_url": format!("{web}.png"),
        "gravatar_id": "",
        "url": api,
        "html_url": web,
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": match user.kind {
            ActorKind::User => "User",
            ActorKind::Bot => "Bot",
        },
        "site_admin": false,
    })
}

/// As `GET /users/{username}` shows an account.
pub(super) fn public_user(inner: &Inner, state: &State, shown: &Actor) -> Value {
    let mine = |repo: &&Repo| repo.public && repo.owner.eq_ignore_ascii_case(&shown.login);
    let since = inner.started;
    with(
        user(inner, shown),
        json!({
            "name": null, "company": null, "blog": "", "location": null, "email": null,
            "hireable": null, "bio": null,
            "public_repos": state.repos.iter().filter(mine).count(),
            "public_gists": 0, "followers": 0, "following": 0,
            "created_at": since, "updated_at": since,
        }),
    )
}

/// An account that may be gone: then nobody.
pub(super) fn known_user(inner: &Inner, state: &State, login: &str) -> Value {
    state.user(login).map_or(Value::Null, |found| user(inner, found))
}

/// Whole seconds, as everything on GitHub is dated.
pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
