//! Deliveries: signed, sent, written down.

use axum::http::{Request, header};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::render;
use super::state::{HookDelivery, Repository, Shared, State, now};
use crate::http::Http;

/// What all deliveries about a repository have in common. Most real ones name no installation, so
/// these do not either.
pub(super) fn envelope(
    shared: &Shared,
    state: &State,
    repository: &Repository,
    action: &str,
    sender: u64,
) -> Value {
    json!({
        "action": action,
        "repository": render::repository(&shared.base, repository),
        "sender": render::user(&state.user_by_id(sender)),
    })
}

/// Sends a new delivery; whether it arrives is in the record.
pub(super) async fn deliver(shared: &Shared, event: &str, action: &str, payload: &Value) {
    let guid = uuid::Uuid::new_v4().to_string();
    send(shared, &guid, event, Some(action.to_owned()), payload.to_string()).await;
}

/// Makes one attempt at a delivery.
pub(super) async fn send(
    shared: &Shared,
    guid: &str,
    event: &str,
    action: Option<String>,
    body: String,
) {
    let Some(url) = shared.state().webhook_url.clone() else { return };
    let status = match request(shared, &url, guid, event, &body) {
        Some(request) => {
            shared.http.send(request).await.map_or(0, |answer| answer.status().as_u16())
        }
        None => 0,
    };
    let mut state = shared.state();
    let id = state.id();
    state.deliveries.push(HookDelivery {
        id,
        guid: guid.to_owned(),
        event: event.to_owned(),
        action,
        status,
        delivered_at: now(),
        body,
    });
}

/// With GitHub's headers (GitHub docs, "Webhook events and payloads", "Delivery headers").
fn request(
    shared: &Shared,
    url: &str,
    guid: &str,
    event: &str,
    body: &str,
) -> Option<Request<Bytes>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(shared.webhook_secret.expose()).ok()?;
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    Request::post(url)
        .header(header::USER_AGENT, "GitHub-Hookshot/emulated")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-github-delivery", guid)
        .header("x-github-event", event)
        .header("x-github-hook-id", "1")
        .header("x-github-hook-installation-target-id", shared.app_id.to_string())
        .header("x-github-hook-installation-target-type", "integration")
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .ok()
}
