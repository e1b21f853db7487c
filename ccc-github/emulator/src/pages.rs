//! HTML pages: the state of the emulator, and forms for user actions.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;

use crate::origin::{host_header_names_emulator, is_same_origin, refused};
use crate::state::Inner;

mod app;
mod issue;
mod layout;
mod markdown;
mod record;
mod repository;

pub(crate) use layout::wants_html;
pub(crate) use record::record;

use layout::{Page, document, redirect};

/// Maximum size of a submitted form, in bytes.
const MAX_FORM: usize = 1024 * 1024;

/// Returns the response to a request for a page, or to a submitted form. `parts` are the segments
/// of the path.
pub(crate) async fn answer(inner: &Arc<Inner>, parts: &[&str], request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    if !host_header_names_emulator(inner, &head.headers) {
        return refused();
    }
    let query = form(head.uri.query().unwrap_or_default().as_bytes());
    let page = match head.method {
        Method::GET | Method::HEAD => {
            let plain = !wants_html(&head.headers);
            get(inner, parts, &query, plain).await
        }
        Method::POST => {
            // A page of another origin may post a manifest, because it only opens a confirmation
            // page.
            let is_manifest = matches!(parts, ["settings", "apps", "new"]);
            if !is_manifest && !is_same_origin(inner, &head.headers) {
                return refused();
            }
            let body = axum::body::to_bytes(body, MAX_FORM).await.unwrap_or_default();
            let same_origin = is_same_origin(inner, &head.headers);
            post(inner, parts, &query, form(&body), same_origin).await
        }
        _ => None,
    };
    page.unwrap_or_else(|| {
        let shown = document("Not found", &html! { p { "There is no page at this address." } });
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
                    return Some(redirect(&inner.web(&format!("/{}{rest}", repo.full_name()))));
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
                    None => issue::show(inner, id, &name, number.parse().ok()?).await,
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
    same_origin: bool,
) -> Page {
    match parts {
        ["settings", "apps", "new"] => Some(app::create(inner, query, &form, same_origin).await),
        ["settings", "installations", id, what] => {
            app::change_installation(inner, id.parse().ok()?, what)
        }
        ["apps", slug, "installations", "new"] => app::install_on(inner, slug, &form),
        [owner, name, "issues"] => issue::open(inner, owner, name, &form),
        [owner, name, "issues" | "pull", number, what] => {
            issue::act(inner, owner, name, number.parse().ok()?, what, &form)
        }
        _ => None,
    }
}

fn form(bytes: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(bytes).into_owned().collect()
}
