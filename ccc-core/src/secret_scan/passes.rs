//! Credentials that are searched in passes of their own over a text.

use super::dotted::discord;
use super::hit::{Hit, hit};
use super::logins::pgpass;
use super::meter::{Cancelled, Meter};
use super::random::MIN_RANDOM;
use super::tables::Headers;
use super::{jwk, manifest};

/// Returns the credentials that are searched in passes of their own: those without a keyword, and
/// those of documents that have a JSON Web Key at the indexes `types`, a table with one of `headers`, or
/// the type of a document.
pub(super) fn in_passes(
    bytes: &[u8],
    types: &[usize],
    headers: &Headers,
    has_kind: bool,
    meter: &mut Meter,
) -> Result<Vec<Hit>, Cancelled> {
    meter.add(bytes.len())?;
    let marks = memchr::memchr2_iter(b'.', b':', bytes).filter_map(|at| {
        let (found, format) = match bytes[at] {
            b'.' => (discord(bytes, at)?, "Discord token"),
            _ => (pgpass(bytes, at)?, "PostgreSQL password"),
        };
        Some(hit(bytes, found.0..found.1, found.1 - found.0, format))
    });
    let mut found: Vec<Hit> = marks.collect();
    if !types.is_empty() {
        meter.add(bytes.len())?;
        let members = jwk::private_members(bytes, types).into_iter();
        found.extend(members.map(|range| hit(bytes, range, jwk::COMPARED, "JSON Web Key")));
    }
    let (values, steps) = headers.secrets(bytes);
    meter.add(steps)?;
    let table = |range| hit(bytes, range, MIN_RANDOM, "secret in a table");
    found.extend(values.into_iter().map(table));
    if has_kind {
        meter.add(manifest::PASSES * bytes.len())?;
        let values = manifest::secrets(bytes).into_iter();
        let compared = manifest::COMPARED;
        found.extend(values.map(|range| hit(bytes, range, compared, "Kubernetes Secret")));
    }
    Ok(found)
}
