//! Pagination of lists.

use bytes::Bytes;
use http::Response;
use url::Url;

use crate::client::headers;
use crate::client::redirect::{is_about, same_origin};

/// Returns the address of a page, such as `next` or `last`, from the header `Link` (GitHub docs,
/// "Using pagination in the REST API"). The address must be on the same host, and belong to the
/// same list or the same repository. Otherwise the result is `None`.
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
    let stays = of.path() == target.path() || repo.is_some_and(|repo| is_about(&target, repo));
    (same_origin(of, &target) && stays).then_some(target)
}
