//! Apps: creation from a manifest, installation, suspension and removal (GitHub docs, "Registering
//! a GitHub App from a manifest").

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use url::Url;

use crate::activity;
use crate::app::Manifest;
use crate::pages::layout::{Page, document, page, redirect, user_field};
use crate::random::random_hex;
use crate::seed;
use crate::state::Inner;
use crate::webhooks::deliver_later;

/// An example manifest, which is the initial text in the HTML form for a new GitHub App.
const EXAMPLE: &str = r#"{"name": "my-app", "url": "https://example.org",
 "hook_attributes": {"url": "http://127.0.0.1:8080/webhook/github"},
 "default_permissions": {"contents": "write", "issues": "write", "pull_requests": "write"},
 "default_events": ["issues", "issue_comment"]}"#;

pub(crate) fn explain(inner: &Inner) -> Response {
    let body = html! {
        h1 { "A new GitHub App" }
        form method="post" {
            p { textarea name="manifest" rows="9" required { (EXAMPLE) } }
            (user_field(inner)) " " button { "Continue" }
        }
    };
    page("A new App", &body)
}

fn wrong(why: &str) -> Response {
    let body = html! { h1 { "This manifest cannot be used" } p { (why) } };
    (StatusCode::UNPROCESSABLE_ENTITY, document("Manifest", &body)).into_response()
}

/// Returns the response to `form`, which contains the manifest of a GitHub App. If `form` is not a
/// confirmation from the emulator's own page, shows the manifest and asks for confirmation. If it
/// is, creates the App and redirects the browser to the manifest's `redirect_url` with a manifest
/// code. If the manifest has no `redirect_url`, the redirect goes to the App's page.
pub(crate) async fn create(
    inner: &Inner,
    query: &HashMap<String, String>,
    form: &HashMap<String, String>,
    same_origin: bool,
) -> Response {
    let text = form.get("manifest").map_or("", String::as_str);
    let manifest: Manifest = match serde_json::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return wrong(&error.to_string()),
    };
    let state = query.get("state").or_else(|| form.get("state")).cloned().unwrap_or_default();
    let Some(owner) = form.get("user").filter(|_| same_origin && form.contains_key("confirmed"))
    else {
        return page("A new App", &question(inner, &manifest, text, &state));
    };
    let redirect_url = manifest.redirect_url.clone();
    let id = match seed::add_app(inner, manifest, owner).await {
        Ok(id) => id,
        Err(error) => return wrong(&error.to_string()),
    };
    let code = random_hex();
    let mut all = inner.state();
    all.codes.insert(code.clone(), id);
    let slug = all.app(id).map(|app| app.slug.clone()).unwrap_or_default();
    drop(all);
    let Some(mut back) = redirect_url.and_then(|url| Url::parse(&url).ok()) else {
        return redirect(&format!("/apps/{slug}"));
    };
    back.query_pairs_mut().append_pair("code", &code);
    if !state.is_empty() {
        back.query_pairs_mut().append_pair("state", &state);
    }
    redirect(back.as_str())
}

fn question(inner: &Inner, manifest: &Manifest, text: &str, state: &str) -> Markup {
    html! {
        h1 { "Create the GitHub App " strong { (manifest.name.as_deref().unwrap_or("without a name")) } "?" }
        p { "Requested permissions:" }
        ul { @for (name, level) in &manifest.default_permissions { li { (name) ": " (level) } } }
        form method="post" action="/settings/apps/new" {
            input type="hidden" name="manifest" value=(text);
            input type="hidden" name="state" value=(state);
            input type="hidden" name="confirmed" value="yes";
            (user_field(inner)) " " button { "Create GitHub App" }
        }
    }
}

pub(crate) fn show(inner: &Inner, slug: &str) -> Page {
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
    Some(page(&app.name, &body))
}

pub(crate) fn install(inner: &Inner, slug: &str) -> Page {
    let name = inner.state().apps.iter().find(|app| app.slug == slug)?.name.clone();
    let body = html! {
        h1 { "Install " (name) }
        form method="post" { (user_field(inner)) " " button { "Install" } }
    };
    Some(page("Install", &body))
}

pub(crate) fn install_on(inner: &Arc<Inner>, slug: &str, form: &HashMap<String, String>) -> Page {
    let now = inner.now();
    let mut state = inner.state();
    let app = state.apps.iter().find(|app| app.slug == slug)?.id;
    let account = state.user(form.get("user")?)?.login.clone();
    let id = state.install(app, &account, now);
    let hooks = activity::installation_event(inner, &state, id, "created");
    drop(state);
    deliver_later(inner, hooks);
    Some(redirect(&format!("/settings/installations/{id}")))
}

pub(crate) fn installation(inner: &Inner, id: u64) -> Page {
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
    Some(page("Installation", &body))
}

pub(crate) fn change_installation(inner: &Arc<Inner>, id: u64, what: &str) -> Page {
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
    let hooks = activity::installation_event(inner, &state, id, action);
    if what == "uninstall" {
        state.uninstall(id);
    }
    drop(state);
    deliver_later(inner, hooks);
    Some(redirect(&target))
}
