//! JSON of GitHub Apps, installations and deliveries, in the format of GitHub's API.

use serde_json::{Value, json};

use crate::app::App;
use crate::model::Installation;
use crate::records::HookDelivery;
use crate::render::account::{known_user, user};
use crate::render::json::merge;
use crate::state::{Inner, State};

/// Renders a GitHub App as JSON in the format of the response to `GET /app`.
pub(crate) fn app(inner: &Inner, state: &State, app: &App) -> Value {
    let installed = state.installations.iter().filter(|found| found.app == app.id).count();
    json!({
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "node_id": format!("A_{}", app.id),
        "owner": known_user(inner, state, &app.owner),
        "name": app.name,
        "description": app.description,
        "external_url": app.external_url.clone().unwrap_or_else(|| inner.web("")),
        "html_url": inner.web(&format!("/apps/{}", app.slug)),
        "created_at": app.created_at,
        "updated_at": app.created_at,
        "permissions": app.permissions,
        "events": app.events,
        "installations_count": installed,
    })
}

/// Renders an installation of a GitHub App as JSON in the format of the response to
/// `GET /app/installations/{installation_id}`.
pub(crate) fn installation(inner: &Inner, state: &State, found: &Installation) -> Value {
    let id = found.id;
    let account = state.user(&found.account);
    let app = state.app(found.app);
    // The JSON is valid for a user and for an enterprise, because GitHub's OpenAPI description of
    // the list requires the fields of both.
    let shown = account.map(|account| {
        merge(
            user(inner, account),
            json!({
                "name": account.login, "slug": account.login,
                "created_at": inner.started, "updated_at": inner.started,
            }),
        )
    });
    json!({
        "id": id,
        "client_id": app.map(|app| app.client_id.as_str()),
        "account": shown,
        "repository_selection": if found.excluded_repositories.is_empty() { "all" } else { "selected" },
        "access_tokens_url": inner.api(&format!("/app/installations/{id}/access_tokens")),
        "repositories_url": inner.api("/installation/repositories"),
        "html_url": inner.web(&format!("/settings/installations/{id}")),
        "app_id": found.app,
        "app_slug": app.map(|app| app.slug.as_str()),
        "target_id": account.map(|account| account.id),
        "target_type": "User",
        "permissions": app.map(|app| &app.permissions),
        "events": app.map(|app| &app.events),
        "created_at": found.created_at,
        "updated_at": found.created_at,
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": found.suspended_at.and(shown_owner(inner, state, app)),
        "suspended_at": found.suspended_at,
    })
}

fn shown_owner(inner: &Inner, state: &State, app: Option<&App>) -> Option<Value> {
    app.map(|app| known_user(inner, state, &app.owner))
}

/// Renders an attempt to deliver a webhook as JSON in the format of a list item of
/// `GET /app/hook/deliveries`.
pub(crate) fn delivery(delivery: &HookDelivery) -> Value {
    let ok = (200..300).contains(&delivery.status_code);
    json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.delivered_at,
        "redelivery": delivery.redelivery,
        "duration": 0.01,
        "status": if ok { "OK" } else { "Failed" },
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": null,
    })
}

/// Renders an attempt to deliver a webhook as JSON, with the request to the receiver and the
/// receiver's response.
pub(crate) fn delivery_in_full(found: &HookDelivery) -> Value {
    let payload: Value = serde_json::from_slice(&found.body).unwrap_or(Value::Null);
    merge(
        delivery(found),
        json!({
            "url": found.url,
            "request": { "headers": found.headers, "payload": payload },
            "response": { "headers": {}, "payload": found.answer },
        }),
    )
}
