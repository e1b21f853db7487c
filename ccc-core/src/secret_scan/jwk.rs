//! Private members of JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).

use std::ops::Range;

use super::placeholder::{changes_of, is_mixed, is_placeholder};
use super::published;
use super::shape::Class::{Token, Word};

/// Maximum distance of the private member from the type of the key. A key of RSA with 4096 bits and
/// all its members has about 3 KB.
const MAX_DISTANCE: usize = 4096;
/// Maximum length of the private exponent of RSA that is read.
const MAX_MEMBER: usize = 1500;
/// Minimum lengths of the private member `d`, for a curve with 256 bits, and of the symmetric key `k`,
/// for AES with 128 bits.
const MIN_PRIVATE: usize = 40;
const MIN_SYMMETRIC: usize = 21;

/// Number of bytes of a member that are compared.
pub(super) const COMPARED: usize = 40;

/// The name of the member with the type of a key.
pub(super) const TYPE: &str = "kty";

/// Returns the ranges of the private members of the keys in `bytes`, in which [`TYPE`] occurs at the
/// indexes `types`, in ascending order. Makes one pass over `bytes`.
pub(super) fn private_members(bytes: &[u8], types: &[usize]) -> Vec<Range<usize>> {
    let near = |at: usize| {
        let next = types.partition_point(|kind| *kind < at);
        [next.checked_sub(1), Some(next)]
            .into_iter()
            .filter_map(|index| types.get(index?))
            .find(|kind| kind.abs_diff(at) <= MAX_DISTANCE)
    };
    memchr::memchr2_iter(b':', b'=', bytes).filter_map(|at| member(bytes, at, near)).collect()
}

/// Returns the range of the value of the private member whose name ends before `mark`.
fn member<'a>(
    bytes: &[u8],
    mark: usize,
    near: impl Fn(usize) -> Option<&'a usize>,
) -> Option<Range<usize>> {
    let before = bytes[mark.saturating_sub(8)..mark].trim_ascii_end();
    let name = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let letter = *name.last()?;
    let alone = name.len() < 2 || !Word.has(name[name.len() - 2]);
    let least = match letter {
        b'd' => MIN_PRIVATE,
        b'k' => MIN_SYMMETRIC,
        _ => return None,
    };
    let rest = &bytes[mark + 1..];
    let gap = rest.iter().take(8).take_while(|b| b" \t\n\"'`".contains(b)).count();
    let value = rest[gap..].iter().take(MAX_MEMBER).take_while(|b| Token.has(**b)).count();
    let (start, end) = (mark + 1 + gap, mark + 1 + gap + value);
    let kind = near(start).filter(|_| alone && value >= least)?;
    let after = &bytes[*kind..bytes.len().min(kind + 16)];
    let symmetric = memchr::memmem::find(after, b"oct").is_some();
    let judged = &bytes[start..end.min(start + 256)];
    let random = is_mixed(judged)
        && changes_of(judged) >= 0.3
        && !is_placeholder(judged, least, 3.0)
        && !published::is_public(judged);
    ((letter == b'd' || symmetric) && random).then_some(start..end)
}
