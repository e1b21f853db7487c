//! The routes `GET /rate_limit` (the caller's rate limits) and `GET /meta`.

use serde_json::json;

use crate::rate_limit::Window;
use crate::request::ApiRequest;
use crate::response::{Answer, ok};

pub(crate) async fn rate_limit(request: ApiRequest) -> Answer {
    let state = request.inner.state();
    let (budget, limit) = request.caller.budget(&state, request.inner.rate_limit);
    let now = request.inner.clock.now();
    let window = state.windows.get(&budget).copied().unwrap_or_else(|| Window::new(limit, now));
    let core = window.json();
    ok(&json!({ "resources": { "core": core, "search": core }, "rate": core }))
}

pub(crate) async fn show(_request: ApiRequest) -> Answer {
    ok(&json!({
        "verifiable_password_authentication": false,
        "hooks": ["127.0.0.0/8"],
        "web": ["127.0.0.0/8"],
        "api": ["127.0.0.0/8"],
        "git": ["127.0.0.0/8"],
    }))
}
