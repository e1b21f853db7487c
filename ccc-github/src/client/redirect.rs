//! Redirects: the rules that decide which redirects the client follows.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use url::Url;

use crate::client::headers;

/// Returns the target of a redirect, or `None` if the redirect must not be followed.
///
/// The token is sent to the target. Therefore, the target must be on the same host as `from` (spec:
/// G8b). If the token is for only one repository, `repo` is the id of this repository, and the
/// target must be in this repository (spec: G8c). GitHub sends redirects for renamed repositories
/// and transferred issues (GitHub docs, "Best practices for using the REST API").
///
/// The statuses 301 and 302 are followed only for safe methods, such as GET. After the statuses 307
/// and 308, the client must send the same request again (RFC 9110, section 15.4), even if the
/// request is a write. A write is sent again only if `repo` is set, because only then does the
/// client know that the target is in the same repository.
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
    let stays = repo.is_none_or(|repo| has_repository_id(&target, repo));
    (same_origin(from, &target) && stays).then_some(target)
}

/// Returns whether the path of `url` contains the repository id `repo`, as in
/// `/repositories/1/issues`. A repository name in the path is not sufficient, because after a
/// rename, another repository can use the old name.
pub(super) fn has_repository_id(url: &Url, repo: u64) -> bool {
    let path = url.path().strip_prefix("/api/v3").unwrap_or(url.path());
    let escaped = path.to_ascii_lowercase();
    if escaped.contains("%2f") || escaped.contains("%5c") || escaped.contains("%2e") {
        return false;
    }
    let id = path.strip_prefix("/repositories/").map(|rest| rest.split('/').next());
    id.flatten().is_some_and(|id| id == repo.to_string())
}

/// Returns whether `a` and `b` have the same scheme, host and port, and `b` contains no user name
/// or password.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && b.username().is_empty() && b.password().is_none()
}
