//! The functions that search for secrets.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::contexts::CONTEXTS;
use super::formats::FORMATS;
use super::layers::search;
use super::logins::LOGINS;
use super::matcher::SPECIAL;
use super::meter::{Budget, Inspect, Meter};

/// A secret that [`find`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The bytes of the input that contain the secret. For an encoded secret, the range is that of
    /// the encoded block.
    pub range: Range<usize>,
    /// The name of the credential's format, such as `GitHub token`.
    pub format: &'static str,
}

/// Returns the secrets in `bytes`, sorted by their ranges. Recognizes only credentials in known
/// formats and encodings. Searches only the first 128 KiB of archives in `bytes`.
///
/// # Examples
///
/// ```
/// use ccc_core::secret_scan::find;
///
/// let text = format!("see \"{}_{}\"", "ghp", "q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3");
/// let found = find(text.as_bytes());
/// assert_eq!(found[0].format, "GitHub token");
/// assert_eq!(found[0].range, 5..text.len() - 1);
/// // A placeholder is no secret.
/// assert!(find(b"token = \"ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"").is_empty());
/// ```
#[must_use]
pub fn find(bytes: &[u8]) -> Vec<Found> {
    find_until(bytes, &AtomicBool::new(false)).unwrap_or_default()
}

/// Returns the secrets like [`find`], or `None` if another thread sets `cancelled` during the search.
fn find_until(bytes: &[u8], cancelled: &AtomicBool) -> Option<Vec<Found>> {
    let secrets = search(bytes, true, &mut Meter::of_text(cancelled)).ok()?;
    let mut found: Vec<Found> = secrets
        .into_iter()
        .map(|secret| Found { range: secret.range, format: secret.format })
        .filter(|found| !found.range.is_empty())
        .collect();
    found.sort_by_key(|found| (found.range.start, found.range.end));
    found.dedup();
    Some(found)
}

/// A format of credentials that [`find`] knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownFormat {
    /// The name of the format, such as `GitHub token`.
    pub name: &'static str,
    /// The address of the page that describes the format. For a rule of a public scanner, this is the
    /// address of the scanner's repository, `: ` and the name of the rule.
    pub source: &'static str,
}

/// Returns the formats that [`find`] knows, with their sources.
///
/// # Examples
///
/// ```
/// use ccc_core::secret_scan::known_formats;
///
/// let token = known_formats().find(|format| format.name == "GitHub token").unwrap();
/// assert!(token.source.starts_with("https://github.blog/"));
/// ```
pub fn known_formats() -> impl Iterator<Item = KnownFormat> {
    let formats = FORMATS.iter().map(|format| (format.name, format.source));
    let contexts = CONTEXTS.iter().map(|context| (context.name, context.source));
    let logins = LOGINS.iter().map(|login| (login.name, login.source));
    let all = formats.chain(contexts).chain(logins).chain(SPECIAL.iter().copied());
    all.map(|(name, source)| KnownFormat { name, source })
}

/// The text that replaces a secret.
const REDACTED: &str = "[REDACTED]";

/// Maximum number of times that [`redact`] searches a text. A second search is needed because the
/// text around a removed secret can form another one.
const MAX_SEARCHES: usize = 3;

/// Returns `text` with each secret replaced by `[REDACTED]`. Borrows `text` if it has no secret.
///
/// # Examples
///
/// ```
/// use ccc_core::secret_scan::redact;
///
/// let token = format!("{}_{}", "ghp", "q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3");
/// assert_eq!(redact(&format!("the token {token} is new")), "the token [REDACTED] is new");
/// ```
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    redact_until(text, &AtomicBool::new(false))
}

/// Returns `text` like [`redact`]. Returns `[REDACTED]` if another thread sets `cancelled` during the
/// search.
pub(crate) fn redact_until<'a>(text: &'a str, cancelled: &AtomicBool) -> Cow<'a, str> {
    redact_by(text, |bytes| find_until(bytes, cancelled))
}

/// Returns `text` like [`redact`], with the secrets that `search` finds. Returns `[REDACTED]` if
/// `search` returns `None`.
pub(super) fn redact_by(
    text: &str,
    mut search: impl FnMut(&[u8]) -> Option<Vec<Found>>,
) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_SEARCHES {
        match search(text.as_bytes()) {
            Some(found) if found.is_empty() => return text,
            Some(found) => text = Cow::Owned(without(&text, &found)),
            None => break,
        }
    }
    // Secrets that appear again and again are not worth more searches.
    Cow::Borrowed(REDACTED)
}

/// Returns `text` with the ranges of `found`, which are sorted, replaced.
fn without(text: &str, found: &[Found]) -> String {
    let (mut cleaned, mut at) = (String::with_capacity(text.len()), 0);
    for Found { range, .. } in found {
        let (start, end) =
            (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
        if end <= at {
            continue;
        }
        // A range that overlaps the one before extends it.
        if start >= at && !(at > 0 && start == at) {
            cleaned.push_str(&text[at..start]);
            cleaned.push_str(REDACTED);
        }
        at = end;
    }
    cleaned.push_str(&text[at..]);
    cleaned
}

/// The result of scanning the content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The secrets without their encodings, by which the secrets of two files are compared.
    pub(crate) secrets: Vec<Vec<u8>>,
    /// Whether an archive was not checked in full, because it is nested too deeply, expands to too many
    /// bytes, or cannot be read.
    pub(crate) incomplete: bool,
    /// The number of steps of the scan.
    pub(crate) steps: u64,
}

/// Scans `bytes`, the content of a file of the change with this budget, for secrets. Returns `None`
/// if another thread sets `cancelled` during the scan.
pub(crate) fn scan(bytes: &[u8], budget: &mut Budget, cancelled: &AtomicBool) -> Option<Scan> {
    scan_with(bytes, budget, cancelled, &mut |_| {})
}

/// Scans `bytes` like [`scan`], and passes each text that was decoded or expanded to `inspect`: the
/// contents of archives, of blocks of base64, base32 and hex, and of lists of numbers. The texts are not
/// stored, so they need memory only during the call.
pub(crate) fn scan_with(
    bytes: &[u8],
    budget: &mut Budget,
    cancelled: &AtomicBool,
    inspect: &mut dyn FnMut(&[u8]),
) -> Option<Scan> {
    let mut meter = Meter::new(bytes.len(), budget.clone(), cancelled);
    meter.inspect = Inspect(Some(inspect));
    let secrets = search(bytes, false, &mut meter).ok()?;
    let (incomplete, steps) = (meter.incomplete, meter.steps());
    *budget = meter.into_budget();
    let secrets = secrets.into_iter().map(|secret| secret.value).collect();
    Some(Scan { secrets, incomplete, steps })
}
