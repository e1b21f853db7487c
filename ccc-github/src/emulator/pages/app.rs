//! Apps: made from a manifest, installed, suspended, taken off (GitHub docs, "Registering a GitHub
//! App from a manifest").

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use url::Url;

use super::super::apps::{Manifest, random};
use super::super::hooks::deliver_later;
use super::super::{Inner, seeding, work};
use super::{Page, layout, shown, to, who};

/// What the form starts with.
const EXAMPLE: &str = r#"{"name": "my-app", "url": "https://example.org",
 "hook_attributes": {"url": "http://127.0.0.1:8080/webhook/github"},
 "default_permissions": {"contents": "write", "issues": "write", "pull_requests": "write"},
 "default_events": ["issues", "issue_comment"]}"#;

pub(super) fn explain(inner: &Inner) -> Response {
    let body = html! {
        h1 { "A new GitHub App" }
        form method="post" {
            p { textarea name="manifest" rows="9" required { (EXAMPLE) } }
            (who(inner)) " " button { "Go on" }
        }
    };
    shown("A new App", &body)
}

fn wrong(why: &str) -> Response {
    let body = html! { h1 { "This manifest does not do" } p { (why) } };
    (StatusCode::UNPROCESSABLE_ENTITY, layout("Manifest", &body)).into_response()
}

/// Asks the person first; when they have said yes on our own page, makes the App, and sends them back
/// with a code.
pub(super) async fn create(
    inner: &Inner,
    query: &HashMap<String, String>,
    form: &HashMap<String, String>,
    here: bool,
) -> Response {
    let text = form.get("manifest").map_or("", String::as_str);
    let manifest: Manifest = match serde_json::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return wrong(&error.to_string()),
    };
    let state = query.get("state").or_else(|| form.get("state")).cloned().unwrap_or_default();
    let Some(owner) = form.get("user").filter(|_| here && form.contains_key("confirmed")) else {
        return shown("A new App", &question(inner, &manifest, text, &state));
    };
    let redirect = manifest.redirect_url.clone();
    let id = match seeding::add_app(inner, manifest, owner).await {
        Ok(id) => id,
        Err(error) => return wrong(&error.to_string()),
    };
    let code = random();
    let mut all = inner.state();
    all.codes.insert(code.clone(), id);
    let slug = all.app(id).map(|app| app.slug.clone()).unwrap_or_default();
    drop(all);
    let Some(mut back) = redirect.and_then(|url| Url::parse(&url).ok()) else {
        return to(&format!("/apps/{slug}"));
    };
    back.query_pairs_mut().append_pair("code", &code);
    if !state.is_empty() {
        back.query_pairs_mut().append_pair("state", &state);
    }
    to(back.as_str())
}

fn question(inner: &Inner, manifest: &Manifest, text: &str, state: &str) -> Markup {
    html! {
        h1 { "Create the GitHub App " strong { (manifest.name.as_deref().unwrap_or("without a name")) } "?" }
        p { "It asks for:" }
        ul { @for (name, level) in &manifest.default_permissions { li { (name) ": " (level) } } }
        form method="post" action="/settings/apps/new" {
            input type="hidden" name="manifest" value=(text);
            input type="hidden" name="state" value=(state);
            input type="hidden" name="confirmed" value="yes";
            (who(inner)) " " button { "Create GitHub App" }
        }
    }
}

pub(super) fn show(inner: &Inner, slug: &str) -> Page {
    let state = inner.state();
    let app = state.apps.iter().find(|app| app.slug == slug)?;
    let places: Vec<_> = state.installations.iter().filter(|found| found.app == app.id).collect();
    let body = html! {
        h1 { (app.name) }
        p { "App " (app.id) " of " (app.owner) ", account " code { (app.slug) "[bot]" } }
        ul { @for (name, level) in &app.permissions { li { (name) ": " (level) } } }
        p { "Events: " (app.events.join(", ")) }
        p { "Webhook: " (app.webhook_url.as_deref().unwrap_or("none")) }
        h2 { "Installed on" }
        ul {
            @for found in places {
                li { a href={ "/settings/installations/" (found.id) } { (found.account) } }
            }
        }
        p { a href={ "/apps/" (slug) "/installations/new" } { "Install" } }
    };
    Some(shown(&app.name, &body))
}

pub(super) fn install(inner: &Inner, slug: &str) -> Page {
    let name = inner.state().apps.iter().find(|app| app.slug == slug)?.name.clone();
    let body = html! {
        h1 { "Install " (name) }
        form method="post" { (who(inner)) " " button { "Install" } }
    };
    Some(shown("Install", &body))
}

pub(super) fn install_on(inner: &Arc<Inner>, slug: &str, form: &HashMap<String, String>) -> Page {
    let now = inner.now();
    let mut state = inner.state();
    let app = state.apps.iter().find(|app| app.slug == slug)?.id;
    let account = state.user(form.get("user")?)?.login.clone();
    let id = state.install(app, &account, now);
    let hooks = work::about_installation(inner, &state, id, "created");
    drop(state);
    deliver_later(inner, hooks);
    Some(to(&format!("/settings/installations/{id}")))
}

pub(super) fn installation(inner: &Inner, id: u64) -> Page {
    let state = inner.state();
    let found = state.installation(id)?;
    let app = state.app(found.app)?;
    let (verb, what) = if found.suspended_at.is_some() {
        ("Unsuspend", "unsuspend")
    } else {
        ("Suspend", "suspend")
    };
    let address = format!("/settings/installations/{id}");
    let body = html! {
        h1 { a href={ "/apps/" (app.slug) } { (app.name) } " on " (found.account) }
        p { "Installation " (id) @if found.suspended_at.is_some() { ", suspended" } }
        form.inline method="post" action={ (address) "/" (what) } { button { (verb) } } " "
        form.inline method="post" action={ (address) "/uninstall" } { button { "Uninstall" } }
    };
    Some(shown("Installation", &body))
}

pub(super) fn change_installation(inner: &Arc<Inner>, id: u64, what: &str) -> Page {
    let now = inner.now();
    let mut state = inner.state();
    let slug = state.app(state.installation(id)?.app)?.slug.clone();
    let (action, target) = match what {
        "suspend" | "unsuspend" => {
            state.installation_mut(id)?.suspended_at = (what == "suspend").then_some(now);
            (what, format!("/settings/installations/{id}"))
        }
        "uninstall" => ("deleted", format!("/apps/{slug}")),
        _ => return None,
    };
    let hooks = work::about_installation(inner, &state, id, action);
    if what == "uninstall" {
        state.uninstall(id);
    }
    drop(state);
    deliver_later(inner, hooks);
    Some(to(&target))
}
