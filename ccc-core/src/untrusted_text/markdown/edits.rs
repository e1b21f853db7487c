//! Replacements in a text.

use std::ops::Range;

use super::mark::COMMENT;

/// Replacements in a text, and ranges of the text that are hidden as a whole. A hidden range takes
/// precedence over the replacements in it.
#[derive(Debug, Default)]
pub(super) struct Edits {
    replacements: Vec<(Range<usize>, String)>,
    hidden: Vec<Range<usize>>,
    merged: bool,
}

impl Edits {
    /// Adds the replacement of `range` by `with`.
    pub(super) fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.replacements.push((range, with.into()));
    }

    /// Adds a range that is hidden as a whole. The white space around the hidden text remains.
    pub(super) fn hide(&mut self, text: &str, range: Range<usize>) {
        let part = &text[range.clone()];
        let start = range.start + part.len() - part.trim_start().len();
        let end = start + part.trim().len();
        if start < end && part.trim() != COMMENT {
            self.hidden.push(start..end);
            self.merged = false;
        }
    }

    /// Returns whether the byte at `at` is in a hidden range.
    pub(super) fn hides(&mut self, at: usize) -> bool {
        self.merge();
        let next = self.hidden.partition_point(|range| range.start <= at);
        next > 0 && at < self.hidden[next - 1].end
    }

    fn merge(&mut self) {
        if self.merged {
            return;
        }
        self.hidden.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(self.hidden.len());
        for range in self.hidden.drain(..) {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        self.hidden = merged;
        self.merged = true;
    }

    /// Returns `text` after all replacements.
    pub(super) fn apply(mut self, text: &str) -> String {
        self.merge();
        let mut all = self.replacements;
        all.extend(self.hidden.into_iter().map(|range| (range, COMMENT.to_owned())));
        // Of two ranges with the same start, the longer one is the outer one.
        all.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut result = String::with_capacity(text.len());
        let mut at = 0;
        for (range, with) in all {
            if range.start < at {
                continue;
            }
            result.push_str(&text[at..range.start]);
            result.push_str(&with);
            at = range.end;
        }
        result.push_str(&text[at..]);
        result
    }
}
