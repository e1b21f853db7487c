//! Webhook deliveries: signing, sending and recording.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::App;
use crate::records::HookDelivery;
use crate::render::merge;
use crate::state::{Inner, State};
use crate::webhook_client::ANSWER_DEADLINE;

/// A webhook delivery that has not been sent yet. Its receiver is one GitHub App.
#[derive(Clone, Debug)]
pub(crate) struct PendingDelivery {
    app: u64,
    installation: Option<u64>,
    repository: Option<u64>,
    event: String,
    action: Option<String>,
    guid: String,
    body: Vec<u8>,
    redelivery: bool,
}

impl PendingDelivery {
    /// Creates a delivery of `event` with `payload` to the GitHub App with the ID `app`. Does not
    /// check whether the App is subscribed to the event, because Apps receive `ping` and
    /// `installation` without a subscription.
    pub(crate) fn to_app(
        app: u64,
        installation: Option<u64>,
        repository: Option<u64>,
        event: &str,
        payload: &Value,
    ) -> Self {
        Self {
            app,
            installation,
            repository,
            event: event.to_owned(),
            action: payload["action"].as_str().map(str::to_owned),
            guid: uuid::Uuid::new_v4().to_string(),
            body: payload.to_string().into_bytes(),
            redelivery: false,
        }
    }

    /// Creates a redelivery of `earlier`, with the same delivery ID and the same payload.
    pub(crate) fn again(earlier: &HookDelivery) -> Self {
        Self {
            app: earlier.app,
            installation: earlier.installation,
            repository: earlier.repository,
            event: earlier.event.clone(),
            action: earlier.action.clone(),
            guid: earlier.guid.clone(),
            body: earlier.body.clone(),
            redelivery: true,
        }
    }
}

/// Returns a delivery of `event` for each GitHub App that is subscribed to the event. The App must
/// also have an installation that includes the repository `repo` and is not suspended.
pub(crate) fn to_apps(
    state: &State,
    repo: u64,
    event: &str,
    payload: &Value,
) -> Vec<PendingDelivery> {
    let Some(found) = state.repo(repo) else { return Vec::new() };
    let subscribed = |app: &&App| app.events.iter().any(|name| name == event);
    state
        .apps
        .iter()
        .filter(subscribed)
        .filter_map(|app| {
            let installation = state.installed_at(app.id, found)?;
            if installation.suspended_at.is_some() {
                return None;
            }
            let id = installation.id;
            let shown = json!({ "id": id, "node_id": format!("MDIzOkludGVncmF0aW9u{id}") });
            let payload = merge(payload.clone(), json!({ "installation": shown }));
            Some(PendingDelivery::to_app(app.id, Some(id), Some(repo), event, &payload))
        })
        .collect()
}

/// Sends webhook deliveries in background tasks, as GitHub does after an API call.
pub(crate) fn deliver_later(inner: &Arc<Inner>, hooks: Vec<PendingDelivery>) {
    for hook in hooks {
        let (inner, tasks) = (Arc::clone(inner), inner.tasks.clone());
        tasks.spawn(async move { deliver(&inner, hook).await });
    }
}

/// Sends webhook deliveries one after the other. Returns after the last attempt.
pub(crate) async fn deliver_all(inner: &Inner, hooks: Vec<PendingDelivery>) {
    for hook in hooks {
        deliver(inner, hook).await;
    }
}

/// Sends a webhook delivery. Records the response, or the reason why there is no response. Does
/// nothing if the App has no webhook URL.
async fn deliver(inner: &Inner, hook: PendingDelivery) {
    let Some((url, headers)) = signed(inner, &hook) else {
        return;
    };
    let delivered_at = inner.now();
    let sent = inner.webhook_client.post(&url, as_headers(&headers), hook.body.clone());
    let answer = tokio::select! {
        answer = sent => answer,
        () = inner.clock.sleep(ANSWER_DEADLINE) => Err("no response within 10 seconds".to_owned()),
    };
    let (status_code, answer) = answer.unwrap_or_else(|why| (0, why));
    let mut state = inner.state();
    let id = state.next_id();
    state.record_delivery(HookDelivery {
        id,
        app: hook.app,
        installation: hook.installation,
        repository: hook.repository,
        guid: hook.guid,
        delivered_at,
        redelivery: hook.redelivery,
        status_code,
        event: hook.event,
        action: hook.action,
        url,
        headers,
        body: hook.body,
        answer,
    });
}

fn as_headers(headers: &BTreeMap<String, String>) -> HeaderMap {
    let parsed = headers.iter().filter_map(|(name, value)| {
        Some((name.parse::<header::HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    parsed.collect()
}

/// Returns the URL and the headers of a delivery, with the signatures of its body (GitHub docs,
/// "Webhook events and payloads": delivery headers). The SHA-1 signature is included because GitHub
/// still sends it. Returns `None` if the App has no webhook URL.
fn signed(inner: &Inner, hook: &PendingDelivery) -> Option<(String, BTreeMap<String, String>)> {
    let state = inner.state();
    let app = state.app(hook.app)?;
    let url = app.webhook_url.clone()?;
    let secret = app.webhook_secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(&hook.body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret).ok()?;
    mac.update(&hook.body);
    let old = format!("sha1={}", hex::encode(mac.finalize().into_bytes()));
    let headers = [
        ("accept", "*/*".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("user-agent", "GitHub-Hookshot/emulator".to_owned()),
        ("x-github-delivery", hook.guid.clone()),
        ("x-github-event", hook.event.clone()),
        ("x-github-hook-id", app.id.to_string()),
        ("x-github-hook-installation-target-id", app.id.to_string()),
        ("x-github-hook-installation-target-type", "integration".to_owned()),
        ("x-hub-signature", old),
        ("x-hub-signature-256", signature),
    ];
    Some((url, headers.map(|(name, value)| (name.to_owned(), value)).into()))
}
