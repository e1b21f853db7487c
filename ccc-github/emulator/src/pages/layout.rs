//! The common layout of all pages.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::failure::insert;
use crate::state::Inner;

const STYLE: &str = include_str!("style.css");

/// The response with a page or a redirect, or `None` if the address has no page.
pub(crate) type Page = Option<Response>;

/// Returns whether the header `Accept` contains `text/html`, as in the requests of browsers.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Returns a redirect (status 303) to the page at `url`.
pub(crate) fn redirect(url: &str) -> Response {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::LOCATION, url);
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Returns a response with an HTML page that has the title `title` and the content `body`.
pub(crate) fn page(title: &str, body: &Markup) -> Response {
    document(title, body).into_response()
}

/// Returns a complete HTML document, and the headers of the response that contains the document.
/// The headers forbid scripts, and forbid that images are loaded. Text from users is escaped, except
/// for the Markdown of issues and comments, which is displayed as on GitHub.
pub(crate) fn document(title: &str, body: &Markup) -> (HeaderMap, String) {
    let shown = html! {
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
    (headers, shown.into_string())
}

/// Returns the form field that selects an account. The submitted action is attributed to this
/// account.
pub(crate) fn user_field(inner: &Inner) -> Markup {
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
