//! Webhooks: made, signed, sent and written down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Inner;
use super::records::HookDelivery;
use super::render::with;
use super::state::State;
use crate::http::Http as _;

/// What GitHub waits for an answer (GitHub docs, "Best practices for using webhooks").
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be delivered to one App.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    app: u64,
    installation: Option<u64>,
    repository: Option<u64>,
    event: String,
    action: Option<String>,
    guid: String,
    body: Vec<u8>,
    redelivery: bool,
}

impl Hook {
    /// For an App that need not be subscribed, such as `ping` and `installation`.
    pub(super) fn to_app(
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

    /// The same delivery once more: same id, same bytes.
    pub(super) fn again(earlier: &HookDelivery) -> Self {
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

/// One for each App that is on the repository, stands there, and is subscribed.
pub(super) fn to_apps(state: &State, repo: u64, event: &str, payload: &Value) -> Vec<Hook> {
    let Some(found) = state.repo(repo) else { return Vec::new() };
    let subscribed = |app: &&super::apps::App| app.events.iter().any(|name| name == event);
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
            let payload = with(payload.clone(), json!({ "installation": shown }));
            Some(Hook::to_app(app.id, Some(id), Some(repo), event, &payload))
        })
        .collect()
}

/// Delivers in the background, as GitHub does for whoever uses its API.
pub(super) fn deliver_later(inner: &Arc<Inner>, hooks: Vec<Hook>) {
    for hook in hooks {
        let (inner, tasks) = (Arc::clone(inner), inner.tasks.clone());
        tasks.spawn(async move { deliver(&inner, hook).await });
    }
}

pub(super) async fn deliver_all(inner: &Inner, hooks: Vec<Hook>) {
    for hook in hooks {
        deliver(inner, hook).await;
    }
}

/// Sends it and writes down what came of it.
async fn deliver(inner: &Inner, hook: Hook) {
    let Some((url, headers)) = sealed(inner, &hook) else {
        return;
    };
    let delivered_at = inner.now();
    let mut request = Request::post(&url);
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let answer = match request.body(Bytes::from(hook.body.clone())) {
        Ok(request) => {
            tokio::select! {
                answer = inner.http.send(request) => answer.map_err(|error| error.to_string()),
                () = inner.clock.sleep(PATIENCE) => Err("timed out".to_owned()),
            }
        }
        Err(_) => Err("the webhook's address is no URL".to_owned()),
    };
    let (status_code, answer) = match answer {
        Ok(answer) => {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            (answer.status().as_u16(), body)
        }
        Err(why) => (0, why),
    };
    let mut state = inner.state();
    let id = state.next_id();
    state.deliver(HookDelivery {
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

/// Where it goes, and GitHub's headers (GitHub docs, "Webhook events and payloads": delivery
/// headers). The SHA-1 signature is there because GitHub still sends it.
fn sealed(inner: &Inner, hook: &Hook) -> Option<(String, BTreeMap<String, String>)> {
    let state = inner.state();
    let app = state.app(hook.app)?;
    let url = app.webhook_url.clone()?;
    let secret = app.webhook_secret.expose();
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
