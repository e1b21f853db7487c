//! Accounts, limits, and what GitHub says of itself.

use serde_json::json;

use super::super::answer::{Answer, Failure, ok};
use super::super::auth::Caller;
use super::super::limits::Window;
use super::super::render;
use super::super::routes::Ask;

pub(in super::super) async fn user(ask: Ask) -> Answer {
    if matches!(ask.caller, Caller::App(_)) {
        return Err(Failure::unauthorized("A JSON web token is for the App's own routes"));
    }
    let state = ask.inner.state();
    let user = state.user(ask.param("username")).ok_or_else(Failure::not_found)?;
    ok(&render::public_user(&ask.inner, &state, user))
}

pub(in super::super) async fn rate_limit(ask: Ask) -> Answer {
    let state = ask.inner.state();
    let (budget, limit) = ask.caller.budget(&state, ask.inner.rate_limit);
    let now = ask.inner.clock.now();
    let window = state.windows.get(&budget).copied().unwrap_or_else(|| Window::new(limit, now));
    let core = window.json();
    ok(&json!({ "resources": { "core": core, "search": core }, "rate": core }))
}

pub(in super::super) async fn meta(ask: Ask) -> Answer {
    let _ = ask;
    ok(&json!({
        "verifiable_password_authentication": false,
        "hooks": ["127.0.0.0/8"],
        "web": ["127.0.0.0/8"],
        "api": ["127.0.0.0/8"],
        "git": ["127.0.0.0/8"],
    }))
}
