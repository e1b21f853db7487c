//! The start page, and the records of calls, tokens and deliveries.

use std::fmt::Write as _;

use axum::response::Response;
use maud::{Markup, html};

use crate::model::Repo;
use crate::pages::layout::page;
use crate::state::Inner;

/// Maximum number of rows on a page that lists calls or tokens. The page shows the newest rows.
const MAX_ROWS: usize = 500;

/// Returns the start page, which lists repositories, GitHub Apps and accounts.
pub(crate) fn index(inner: &Inner) -> Response {
    let body = {
        let state = inner.state();
        html! {
            h1 { "Repositories" }
            table {
                @for repo in &state.repos {
                    @let name = repo.full_name();
                    @let pulls = repo.issues.values().filter(|issue| issue.pull.is_some()).count();
                    tr {
                        td { a href={ "/" (name) } { (name) } }
                        td { a href={ "/" (name) "/issues" } { (repo.issues.len() - pulls) " issues" } }
                        td { a href={ "/" (name) "/pulls" } { (pulls) " pull requests" } }
                        td { code { "git clone " (inner.base_url) "/" (name) ".git" } }
                    }
                }
            }
            @if state.repos.is_empty() { p { "There are no repositories yet." } }
            h2 { "Apps" }
            table {
                @for app in &state.apps {
                    tr {
                        td { a href={ "/apps/" (app.slug) } { (app.name) } }
                        td { "App " (app.id) }
                        td { (app.webhook_url.as_deref().unwrap_or("no webhook")) }
                    }
                }
            }
            p { a href="/settings/apps/new" { "Create another App from a manifest" } }
            h2 { "Accounts" }
            p {
                @for user in &state.users { a href={ "/" (user.login) } { (user.login) } " " }
            }
        }
    };
    page("Repositories", &body)
}

/// Returns the content of the start page as plain text, for `curl`.
pub(crate) fn index_as_text(inner: &Inner) -> String {
    let state = inner.state();
    let base = &inner.base_url;
    let mut text = "A GitHub emulator, with pages for browsers.\n\nRepositories:\n".to_owned();
    for repo in &state.repos {
        let _ = writeln!(text, "  git clone {base}/{}.git", repo.full_name());
        for issue in repo.issues.values() {
            let kind = if issue.pull.is_some() { "pull request" } else { "issue" };
            let _ = writeln!(text, "    {kind} #{}: {}", issue.number, issue.title);
        }
    }
    let users: Vec<_> = state.users.iter().map(|user| user.login.as_str()).collect();
    let _ = writeln!(text, "\nUsers: {}\n", users.join(", "));
    let _ = writeln!(
        text,
        "Open an issue:\n  curl -H 'X-Emulator-User: LOGIN' -d '{{\"title\":\"…\",\"body\":\"…\"}}' {base}/repos/OWNER/NAME/issues"
    );
    text
}

/// Returns the page that lists the tokens if `parts` is `tokens`, or the deliveries if `parts` is
/// `deliveries`. For any other value, returns the page that lists the calls.
pub(crate) fn record(inner: &Inner, parts: &[&str]) -> Response {
    match parts {
        ["tokens"] => page("Tokens", &tokens(inner)),
        ["deliveries"] => page("Deliveries", &deliveries(inner)),
        _ => page("Calls", &calls(inner)),
    }
}

fn status(code: Option<u16>) -> Markup {
    let class = if code.is_some_and(|code| (200..400).contains(&code)) { "ok" } else { "bad" };
    html! { span class=(class) { @match code { Some(code) => (code), None => "none" } } }
}

fn calls(inner: &Inner) -> Markup {
    let state = inner.state();
    html! {
        h1 { "Calls, newest first" }
        table {
            @for call in state.calls.iter().rev().take(MAX_ROWS) {
                tr {
                    td { (status(call.status)) }
                    td { code { (call.method) " " (call.path) } @if !call.query.is_empty() { code { "?" (call.query) } } }
                    td { small { (call.caller) } }
                    td { small { (call.at) } }
                }
            }
        }
    }
}

fn tokens(inner: &Inner) -> Markup {
    let state = inner.state();
    html! {
        h1 { "Installation tokens, newest first" }
        table {
            tr { th { "#" } th { "App" } th { "Repositories" } th { "Permissions" } th { "Expires" } th { } }
            @for token in state.tokens.iter().rev().take(MAX_ROWS) {
                @let info = &token.info;
                tr {
                    td { (info.number) }
                    td { (info.app) }
                    td {
                        @match &info.repositories {
                            None => "all",
                            Some(ids) => {
                                @for id in ids {
                                    (state.repo(*id).map_or_else(|| id.to_string(), Repo::full_name)) " "
                                }
                            }
                        }
                    }
                    td { @for (name, level) in &info.permissions { (name) ": " (level) " " } }
                    td { small { (info.expires_at) } }
                    td { @if info.revoked { "revoked" } }
                }
            }
        }
    }
}

fn deliveries(inner: &Inner) -> Markup {
    let state = inner.state();
    html! {
        h1 { "Webhook deliveries, newest first" }
        @for delivery in state.deliveries.iter().rev().take(100) {
            details {
                summary {
                    (status(Some(delivery.status_code).filter(|code| *code > 0))) " "
                    strong { (delivery.event) @if let Some(action) = &delivery.action { "." (action) } }
                    " " small { (delivery.delivered_at) " → " (delivery.url) @if delivery.redelivery { " (redelivery)" } }
                }
                pre { @for (name, value) in &delivery.headers { (name) ": " (value) "\n" } }
                pre { (String::from_utf8_lossy(&delivery.body)) }
                p { "Response:" }
                pre { (delivery.answer) }
            }
        }
        @if state.deliveries.is_empty() { p { "There are no deliveries yet." } }
    }
}
