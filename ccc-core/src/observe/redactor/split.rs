//! Removal of secrets that are split between several texts.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::needles::MIN_PIECE;
use super::search::{ranges, read, replace};
use super::skeleton::Skeleton;
use super::{Redactor, patterns};

/// Minimum number of letters and digits at the end of a text that
/// [`continues`](Redactor::continues) compares with the secrets. Fewer characters occur in the
/// encoded forms of secrets by chance.
const MIN_TAIL: usize = 6;

impl Redactor {
    /// Returns a redactor with the same secrets. After another thread sets `cancelled`, its methods
    /// end soon and return `[REDACTED]` in place of texts.
    pub(crate) fn until(&self, cancelled: &Arc<AtomicBool>) -> Self {
        Self { known: Arc::clone(&self.known), cancelled: Arc::clone(cancelled) }
    }

    /// Returns `texts` like [`clean`](Self::clean), and also replaces the parts of a secret that
    /// begins in one text and continues in the next. `before` is the end of the text that precedes
    /// them, which is not changed any more. If `is_cut` is true, also replaces the end of the last
    /// text if a secret can [continue](Self::continues) after it.
    pub(crate) fn clean_parts(&self, before: &str, texts: &[&str], is_cut: bool) -> Vec<String> {
        let whole = [&[before][..], texts].concat().concat();
        let known = read(&self.known);
        let mut ranges = ranges(&known, &whole);
        let skeleton = Skeleton::of(whole.as_bytes(), true);
        if is_cut && known.continues(&skeleton.bytes, MIN_TAIL) {
            let length = skeleton.bytes.len();
            ranges.push(skeleton.in_text(length.saturating_sub(MIN_PIECE)..length));
        }
        let mut start = before.len();
        let mut cleaned = Vec::with_capacity(texts.len());
        for text in texts {
            let end = start + text.len();
            let inside: Vec<Range<usize>> = ranges
                .iter()
                .filter(|range| range.start < end && range.end > start)
                .map(|range| range.start.max(start) - start..range.end.min(end) - start)
                .collect();
            cleaned.push(patterns::redact(&replace(text, &inside), &self.cancelled).into_owned());
            start = end;
        }
        cleaned
    }

    /// Returns whether a secret can continue after the end of `text`: the text ends with a part of
    /// a secret that is too short to be replaced.
    pub(crate) fn continues(&self, text: &str) -> bool {
        let skeleton = Skeleton::of(text.as_bytes(), false);
        read(&self.known).continues(&skeleton.bytes, MIN_TAIL)
    }
}
