//! The search for the parts of secrets in several contents.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::needles::{MIN_PIECE, Needles};
use super::skeleton::Skeleton;

/// The text that replaces a secret.
pub(super) const MARK: &str = "[REDACTED]";

/// A search for the secrets of a [`Redactor`](super::Redactor) in the contents of one change.
///
/// A secret is found if one content contains it, or if at least half of it is in the contents that
/// were searched so far. Therefore a secret is also found if its parts are in several files. A part
/// counts if it has at least 16 letters and digits. Half of a secret is required because tokens can
/// begin with text that is not secret.
pub struct SecretSearch {
    known: Arc<RwLock<Needles>>,
    /// For each needle, the bytes that were found, and their number.
    found: BTreeMap<usize, (Vec<bool>, usize)>,
}

impl fmt::Debug for SecretSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSearch").finish_non_exhaustive()
    }
}

impl SecretSearch {
    pub(super) fn new(known: Arc<RwLock<Needles>>) -> Self {
        Self { known, found: BTreeMap::new() }
    }

    /// Returns whether `content` contains a secret, or a part of a secret of which at least half has
    /// been found now.
    pub fn finds_in(&mut self, content: &[u8]) -> bool {
        let known = Arc::clone(&self.known);
        let known = read(&known);
        if known.short().any(|form| memchr::memmem::find(content, form).is_some()) {
            return true;
        }
        let skeletons = [
            Some(Skeleton::of(content, false)),
            Skeleton::unescaped(content, false),
            Skeleton::without_markup(content, false),
        ];
        skeletons.into_iter().flatten().any(|skeleton| {
            let mut is_found = false;
            known.pieces(&skeleton.bytes, |piece| {
                is_found = self.record(piece.needle, piece.part, known.length(piece.needle));
                if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            is_found
        })
    }

    /// Records that the range `part` of a needle with `length` bytes was found. Returns whether at
    /// least half of the needle has been found.
    fn record(&mut self, needle: usize, part: Range<usize>, length: usize) -> bool {
        let (bytes, count) = self.found.entry(needle).or_insert_with(|| (vec![false; length], 0));
        for is_found in &mut bytes[part] {
            *count += usize::from(!*is_found);
            *is_found = true;
        }
        *count >= MIN_PIECE.max(length.div_ceil(2))
    }
}

/// Returns the ranges of `text` that contain a secret, or at least [`MIN_PIECE`] letters and digits
/// of one. The ranges are in order and do not overlap.
pub(super) fn ranges(known: &Needles, text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for form in known.short() {
        let found = memchr::memmem::find_iter(text.as_bytes(), form);
        ranges.extend(
            found.map(|at| text.floor_char_boundary(at)..text.ceil_char_boundary(at + form.len())),
        );
    }
    let bytes = text.as_bytes();
    let skeletons = [
        Some(Skeleton::of(bytes, true)),
        Skeleton::unescaped(bytes, true),
        Skeleton::without_markup(bytes, true),
    ];
    for skeleton in skeletons.into_iter().flatten() {
        known.pieces(&skeleton.bytes, |piece| {
            ranges.push(skeleton.in_text(piece.at));
            ControlFlow::Continue(())
        });
    }
    merged(ranges)
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

pub(super) fn read(known: &RwLock<Needles>) -> RwLockReadGuard<'_, Needles> {
    known.read().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `text` with each of `ranges` replaced by [`MARK`]. The ranges must be in order.
pub(super) fn replace(text: &str, ranges: &[Range<usize>]) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        // A range that overlaps with the one before it only extends it.
        if range.start >= at {
            replaced.push_str(&text[at..range.start]);
            replaced.push_str(MARK);
        }
        at = at.max(range.end);
    }
    replaced.push_str(&text[at..]);
    replaced
}
