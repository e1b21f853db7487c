//! Pagination of lists in REST API responses.

use bytes::Bytes;
use http::Response;
use url::Url;

use crate::client::headers;
use crate::client::redirect::{has_repository_id, same_origin};

/// Returns the URL of the page `rel` of a list, for example of the page `next` or `last`. The URL
/// is read from the header `Link` of `response`, which is a response with one page of the list
/// (GitHub docs, "Using pagination in the REST API"). Returns `None` if the header has no link to
/// the page `rel`.
///
/// Also returns `None` if the token must not be sent to this URL. `of` is the URL that `response`
/// came from. The URL of the page must be on the same host as `of`. It must also have the same path
/// as `of`, or belong to the repository with the id `repo`.
pub(crate) fn page(
    rel: &str,
    of: &Url,
    response: &Response<Bytes>,
    repo: Option<u64>,
) -> Option<Url> {
    let links = headers::text(response.headers(), "link")?;
    let wanted = format!("rel=\"{rel}\"");
    let found =
        links.split(',').find(|link| link.split(';').skip(1).any(|rel| rel.trim() == wanted))?;
    let target = found.split(';').next()?.trim();
    let target = target.strip_prefix('<')?.strip_suffix('>')?;
    let target = of.join(target).ok()?;
    let stays =
        of.path() == target.path() || repo.is_some_and(|repo| has_repository_id(&target, repo));
    (same_origin(of, &target) && stays).then_some(target)
}
