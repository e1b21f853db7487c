//! Webhooks: made, signed, sent and written down.

use std::sync::Arc;

use axum::http::{Request, header};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::Inner;
use super::state::HookDelivery;
use crate::http::Http as _;

/// What is to be delivered.
#[derive(Debug)]
pub(super) struct Hook {
    event: String,
    action: String,
    guid: String,
    body: Vec<u8>,
    redelivery: bool,
}

impl Hook {
    pub(super) fn new(event: &str, payload: &Value) -> Self {
        Self {
            event: event.to_owned(),
            action: payload["action"].as_str().unwrap_or_default().to_owned(),
            guid: uuid::Uuid::new_v4().to_string(),
            body: payload.to_string().into_bytes(),
            redelivery: false,
        }
    }

    /// The same delivery once more: same id, same bytes.
    pub(super) fn again(earlier: &HookDelivery) -> Self {
        Self {
            event: earlier.event.clone(),
            action: earlier.action.clone(),
            guid: earlier.guid.clone(),
            body: earlier.body.clone(),
            redelivery: true,
        }
    }
}

/// Delivers in the background, as GitHub does for whoever uses its API.
pub(super) fn deliver_later(inner: &Arc<Inner>, hook: Hook) {
    let (inner, tasks) = (Arc::clone(inner), inner.tasks.clone());
    tasks.spawn(async move { deliver(&inner, hook).await });
}

/// Sends it and writes down what came of it.
#[allow(clippy::disallowed_methods, reason = "the emulator never runs on wasm")]
pub(super) async fn deliver(inner: &Inner, hook: Hook) {
    let Some(url) = inner.state().webhook_url.clone() else {
        return;
    };
    let delivered_at = inner.now();
    // GitHub waits ten seconds (GitHub docs, "Best practices for using webhooks").
    let patience = std::time::Duration::from_secs(10);
    let answer = match request(inner, &hook, &url) {
        Some(request) => tokio::time::timeout(patience, inner.http.send(request)).await,
        None => return,
    };
    let (status_code, answer) = match answer {
        Ok(Ok(answer)) => {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            (answer.status().as_u16(), body)
        }
        Ok(Err(error)) => (0, error.to_string()),
        Err(_) => (0, "timed out".to_owned()),
    };
    let mut state = inner.state();
    let id = state.next_id();
    state.deliveries.push(HookDelivery {
        id,
        guid: hook.guid,
        delivered_at,
        redelivery: hook.redelivery,
        status_code,
        event: hook.event,
        action: hook.action,
        body: hook.body,
        answer,
    });
}

fn request(inner: &Inner, hook: &Hook, url: &str) -> Option<Request<Bytes>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(inner.webhook_secret.expose()).ok()?;
    mac.update(&hook.body);
    let signature = hex::encode(mac.finalize().into_bytes());
    let request = Request::post(url)
        .header(header::USER_AGENT, "GitHub-Hookshot/ccc-emulator")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "*/*")
        .header("x-github-event", &hook.event)
        .header("x-github-delivery", &hook.guid)
        .header("x-github-hook-id", "1")
        .header("x-github-hook-installation-target-id", inner.app_id)
        .header("x-github-hook-installation-target-type", "integration")
        .header("x-hub-signature-256", format!("sha256={signature}"))
        .body(hook.body.clone().into());
    request.inspect_err(|error| tracing::error!(%error, "the webhook's address is not usable")).ok()
}
