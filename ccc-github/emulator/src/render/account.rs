//! JSON of accounts, in the format of GitHub's API.

use serde_json::{Value, json};

use crate::account::{Actor, ActorKind};
use crate::model::Repo;
use crate::render::json::merge;
use crate::state::{Inner, State};

/// Renders the account `user` as JSON for a field of another object, such as the author of an
/// issue.
pub(crate) fn user(inner: &Inner, user: &Actor) -> Value {
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

/// Renders the account `shown` as JSON in the format of the response to `GET /users/{username}`.
pub(crate) fn public_user(inner: &Inner, state: &State, shown: &Actor) -> Value {
    let mine = |repo: &&Repo| repo.public && repo.owner.eq_ignore_ascii_case(&shown.login);
    let since = inner.started;
    merge(
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

/// Renders the account `login` as JSON for a field of another object. Returns null if the account
/// does not exist.
pub(crate) fn known_user(inner: &Inner, state: &State, login: &str) -> Value {
    state.user(login).map_or(Value::Null, |found| user(inner, found))
}
