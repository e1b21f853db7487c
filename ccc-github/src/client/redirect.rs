//! Redirects, and whether the token may be sent to their targets.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use url::Url;

use crate::client::headers;

/// Returns the target of a redirect that is followed: on the same host alone, because the token is
/// sent along (spec: G8b), and in the same repository alone, because the token is for no other
/// (spec: G8c). A renamed repository and a transferred issue answer with redirects (GitHub docs,
/// "Best practices for using the REST API").
///
/// A write is redirected within its repository alone. 307 and 308 demand the same request, whatever
/// its method; 301 and 302 are followed by safe methods (RFC 9110, section 15.4).
pub(super) fn target(
    method: &Method,
    from: &Url,
    response: &Response<Bytes>,
    repo: Option<u64>,
) -> Option<Url> {
    let follow = match response.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method.is_safe(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
            method.is_safe() || repo.is_some()
        }
        _ => false,
    };
    if !follow {
        return None;
    }
    let target = from.join(headers::text(response.headers(), "location")?).ok()?;
    let stays = repo.is_none_or(|repo| is_about(&target, repo));
    (same_place(from, &target) && stays).then_some(target)
}

/// Returns whether the address names that repository by its number. A name may belong to another
/// repository by now.
pub(super) fn is_about(url: &Url, repo: u64) -> bool {
    let path = url.path().strip_prefix("/api/v3").unwrap_or(url.path());
    let escaped = path.to_ascii_lowercase();
    if escaped.contains("%2f") || escaped.contains("%5c") || escaped.contains("%2e") {
        return false;
    }
    let id = path.strip_prefix("/repositories/").map(|rest| rest.split('/').next());
    id.flatten().is_some_and(|id| id == repo.to_string())
}

/// Returns whether both addresses have the same origin, and the second one no user information.
pub(super) fn same_place(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && b.username().is_empty() && b.password().is_none()
}
