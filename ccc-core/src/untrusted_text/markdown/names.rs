//! Tags of unknown elements that are code or placeholders, such as `<T>` and `<your-name>`.
//!
//! A page does not show these tags, but a reader needs them. Only a few short tags stay, so that
//! they cannot contain a sentence.

use std::collections::BTreeSet;
use std::ops::Range;

/// Maximum length of a plain tag's name, in bytes.
const MAX_NAME: usize = 24;
/// Maximum number of words in a plain tag's name.
const MAX_WORDS: usize = 2;
/// Maximum total length of the different names in a document, in bytes.
const MAX_TOTAL: usize = 48;
/// Maximum number of plain tags with no words between them, as in `cp <from> <to>`.
const MAX_ADJACENT: usize = 3;

/// Returns whether the tag `source` of the element `name` has no attributes, and a short name of
/// letters, digits, `-` and `_`.
pub(super) fn is_plain(source: &str, name: &str) -> bool {
    let inside = source.trim_start_matches('<').trim_start_matches('/').trim_end_matches('>');
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    inside.eq_ignore_ascii_case(name)
        && name.len() <= MAX_NAME
        && name.chars().all(is_part)
        && name.split(['-', '_']).filter(|word| !word.is_empty()).count() <= MAX_WORDS
}

/// The plain tags of a document that stay.
#[derive(Debug, Default)]
pub(super) struct PlainNames {
    names: BTreeSet<String>,
    total: usize,
    last_end: usize,
    adjacent: usize,
}

impl PlainNames {
    /// Returns whether the next plain tag of the document `text` stays. `name` is its name in lower
    /// case and `range` is its place.
    pub(super) fn keeps(&mut self, text: &str, name: &str, range: Range<usize>, end: bool) -> bool {
        if end {
            // An end tag stays if a start tag of this name does.
            return self.names.contains(name);
        }
        let between = text.get(self.last_end..range.start).unwrap_or_default();
        let is_apart = between.chars().any(char::is_alphanumeric) || self.last_end == 0;
        self.adjacent = if is_apart { 1 } else { self.adjacent + 1 };
        self.last_end = range.end;
        let is_new = !self.names.contains(name);
        let total = self.total + if is_new { name.len() } else { 0 };
        if self.adjacent > MAX_ADJACENT {
            return false;
        }
        // After the first name that does not fit, a shorter one does not fit either.
        self.total = total.min(MAX_TOTAL + 1);
        if total > MAX_TOTAL {
            return false;
        }
        self.names.insert(name.to_owned());
        true
    }
}
