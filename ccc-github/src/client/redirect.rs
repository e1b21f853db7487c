//! Other addresses that GitHub names, and whether the token may go there.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use url::Url;

use crate::fault;

/// Where to ask instead: the same host alone, because the token goes with it (spec: G8b), and the same
/// repository alone, because the token is for no other (spec: G8c). A renamed repository answers
/// so, and so does an issue that went to another repository (GitHub docs, "Best practices for using
/// the REST API").
///
/// A write is sent on within its repository alone. 307 and 308 want the same request again, whatever it is; 301 and 302 are followed when it only
/// looks (RFC 9110, section 15.4).
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
    let target = from.join(fault::text(response.headers(), "location")?).ok()?;
    let stays = repo.is_none_or(|repo| is_about(&target, repo));
    (same_place(from, &target) && stays).then_some(target)
}

/// Whether the address is about that repository by its number; a name could be anybody's by now.
fn is_about(url: &Url, repo: u64) -> bool {
    let path = url.path().strip_prefix("/api/v3").unwrap_or(url.path());
    let escaped = path.to_ascii_lowercase();
    if escaped.contains("%2f") || escaped.contains("%5c") || escaped.contains("%2e") {
        return false;
    }
    let id = path.strip_prefix("/repositories/").map(|rest| rest.split('/').next());
    id.flatten().is_some_and(|id| id == repo.to_string())
}

fn same_place(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && b.username().is_empty() && b.password().is_none()
}

/// The address of the `next` or `last` page out of `Link`, if it is on the same host, and of the same
/// list or the same repository (GitHub docs, "Using pagination in the REST API").
pub(crate) fn page(
    rel: &str,
    of: &Url,
    response: &Response<Bytes>,
    repo: Option<u64>,
) -> Option<Url> {
    let links = fault::text(response.headers(), "link")?;
    let wanted = format!("rel=\"{rel}\"");
    let found =
        links.split(',').find(|link| link.split(';').skip(1).any(|rel| rel.trim() == wanted))?;
    let target = found.split(';').next()?.trim();
    let target = target.strip_prefix('<')?.strip_suffix('>')?;
    let target = of.join(target).ok()?;
    let stays = of.path() == target.path() || repo.is_some_and(|repo| is_about(&target, repo));
    (same_place(of, &target) && stays).then_some(target)
}
