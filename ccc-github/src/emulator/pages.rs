//! Pages for people: just enough to see what came of it, and to take part.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::answer::insert;
use super::{Inner, control};

mod app;
mod issue;
mod record;
mod repository;

pub(super) use record::record;

const STYLE: &str = include_str!("pages/style.css");
/// The largest form, in bytes.
const MAX_FORM: usize = 1024 * 1024;

/// A page, or where to go instead; `None` when there is none.
type Page = Option<Response>;

pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

pub(super) async fn answer(inner: &Arc<Inner>, parts: &[&str], request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    if !control::is_by_our_name(inner, &head.headers) {
        return control::refused();
    }
    let query = form(head.uri.query().unwrap_or_default().as_bytes());
    let page = match head.method {
        Method::GET | Method::HEAD => {
            let plain = !wants_html(&head.headers);
            get(inner, parts, &query, plain).await
        }
        Method::POST => {
            // A manifest comes from the page of whoever wants an App: it leads to a question only.
            let is_manifest = matches!(parts, ["settings", "apps", "new"]);
            if !is_manifest && !control::is_from_here(inner, &head.headers) {
                return control::refused();
            }
            let body = axum::body::to_bytes(body, MAX_FORM).await.unwrap_or_default();
            let here = control::is_from_here(inner, &head.headers);
            post(inner, parts, &query, form(&body), here).await
        }
        _ => None,
    };
    page.unwrap_or_else(|| {
        let shown = layout("Not found", &html! { p { "There is nothing at this address." } });
        (StatusCode::NOT_FOUND, shown).into_response()
    })
}

async fn get(
    inner: &Arc<Inner>,
    parts: &[&str],
    query: &HashMap<String, String>,
    plain: bool,
) -> Page {
    match parts {
        [""] if plain => Some(record::index_as_text(inner).into_response()),
        [""] => Some(record::index(inner)),
        ["settings", "apps", "new"] => Some(app::explain(inner)),
        ["settings", "installations", id] => app::installation(inner, id.parse().ok()?),
        ["apps", slug] => app::show(inner, slug),
        ["apps", slug, "installations", "new"] => app::install(inner, slug),
        [owner] => repository::of_owner(inner, owner),
        [owner, name, rest @ ..] => {
            let (id, name) = {
                let state = inner.state();
                let repo = state.repo_named(owner, name)?;
                if !repo.is_named(owner, name) {
                    let rest: String = rest.iter().map(|part| format!("/{part}")).collect();
                    return Some(to(&inner.web(&format!("/{}{rest}", repo.full_name()))));
                }
                (repo.id, repo.full_name())
            };
            match rest {
                [] => repository::show(inner, id, None).await,
                ["tree", path @ ..] => repository::show(inner, id, Some(&path.join("/"))).await,
                ["blob", path @ ..] => repository::file(inner, id, &path.join("/")).await,
                ["commit", sha] => repository::commit(inner, id, sha).await,
                ["issues"] => issue::list(inner, id, false, query),
                ["pulls"] => issue::list(inner, id, true, query),
                ["issues", "new"] => issue::new(inner, id),
                ["issues" | "pull", number] => match number.strip_suffix(".diff") {
                    Some(number) => issue::diff(inner, id, number.parse().ok()?).await,
                    None => issue::show(inner, (id, &name), number.parse().ok()?).await,
                },
                _ => None,
            }
        }
        [] => None,
    }
}

async fn post(
    inner: &Arc<Inner>,
    parts: &[&str],
    query: &HashMap<String, String>,
    form: HashMap<String, String>,
    here: bool,
) -> Page {
    match parts {
        ["settings", "apps", "new"] => Some(app::create(inner, query, &form, here).await),
        ["settings", "installations", id, what] => {
            app::change_installation(inner, id.parse().ok()?, what)
        }
        ["apps", slug, "installations", "new"] => app::install_on(inner, slug, &form),
        [owner, name, "issues"] => issue::open(inner, owner, name, &form),
        [owner, name, "issues" | "pull", number, what] => {
            issue::act(inner, (owner, name, number.parse().ok()?), what, &form)
        }
        _ => None,
    }
}

fn form(bytes: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(bytes).into_owned().collect()
}

/// Another address.
fn to(url: &str) -> Response {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::LOCATION, url);
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A page of this title.
fn shown(title: &str, body: &Markup) -> Response {
    layout(title, body).into_response()
}

/// A whole document. Nothing in it runs: people's text stands in it as text.
fn layout(title: &str, body: &Markup) -> (HeaderMap, String) {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) " · GitHub emulator" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    a href="/" { strong { "GitHub emulator" } }
                    nav {
                        a href="/_emulator/calls" { "Calls" }
                        a href="/_emulator/tokens" { "Tokens" }
                        a href="/_emulator/deliveries" { "Deliveries" }
                    }
                }
                main { (body) }
            }
        }
    };
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_TYPE, "text/html; charset=utf-8");
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    insert(&mut headers, header::CONTENT_SECURITY_POLICY, policy);
    (headers, document.into_string())
}

/// A field to choose whom to be.
fn who(inner: &Inner) -> Markup {
    let state = inner.state();
    let people = state.users.iter().filter(|user| !user.login.ends_with("[bot]"));
    let logins: Vec<_> = people.map(|user| user.login.clone()).collect();
    html! {
        label { "as "
            select name="user" {
                @for login in &logins { option value=(login) { (login) } }
            }
        }
    }
}
