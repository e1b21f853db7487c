//! The search for secrets, their encoded forms, and long parts of these, in one pass over the text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use super::forms::forms;
use super::skeleton::Skeleton;
use crate::Secret;

/// Minimum length of a part of a secret that is found, in letters and digits.
///
/// Sixteen letters and digits of a random secret do not occur in other text by chance. Half of this
/// length would not be enough: the parts of the fixed text in secrets, such as the names of token
/// formats, have up to eight letters.
pub(super) const MIN_PIECE: usize = 16;
/// Length of the sections of a needle that the search looks up, in bytes. A piece of `MIN_PIECE`
/// bytes contains at least one whole section, because sections begin at multiples of this length.
const SECTION: usize = 8;
/// Number of bits in the filter of sections, as a power of two.
const FILTER_BITS: u32 = 20;

/// A part of a needle that occurs in a skeleton.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The index of the needle.
    pub(super) needle: usize,
    /// The position of the part in the needle.
    pub(super) part: Range<usize>,
    /// The position of the part in the skeleton.
    pub(super) at: Range<usize>,
}

/// A section of a needle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    bytes: u64,
    needle: usize,
    /// The position of the section in the needle.
    offset: usize,
}

/// The skeletons of all forms of all secrets.
#[derive(Default)]
pub(super) struct Needles {
    /// The skeletons that have at least [`MIN_PIECE`] bytes.
    needles: Vec<Secret>,
    /// Forms with a shorter skeleton, such as those of short passwords. Only the whole form is
    /// found.
    short: Vec<Secret>,
    /// The sections of all needles, in the order of their bytes.
    sections: Vec<Section>,
    /// One bit for each hash of a section, so that the search needs `sections` rarely. Empty if
    /// there are no sections.
    filter: Vec<u64>,
}

impl Needles {
    /// Adds the forms of `secret`. Ignores a form that is shorter than `min_short` bytes.
    pub(super) fn add(&mut self, secret: &[u8], min_short: usize) {
        for form in forms(secret) {
            let skeleton = Skeleton::of(&form, false).bytes;
            if skeleton.len() >= MIN_PIECE {
                self.add_needle(skeleton);
            } else if form.len() >= min_short && !contains(&self.short, &form) {
                self.short.push(Secret::new(form));
            }
        }
        // A secret in a URL can be percent-encoded, and its program decodes it.
        if let Some(skeleton) = Skeleton::unescaped(secret, false)
            && skeleton.bytes.len() >= MIN_PIECE
        {
            self.add_needle(skeleton.bytes);
        }
        self.sections.sort_unstable();
    }

    fn add_needle(&mut self, needle: Vec<u8>) {
        if contains(&self.needles, &needle) {
            return;
        }
        self.filter.resize(1 << (FILTER_BITS - 6), 0);
        let index = self.needles.len();
        let mut known = BTreeSet::new();
        for (number, bytes) in needle.as_chunks::<SECTION>().0.iter().enumerate() {
            let bytes = u64::from_be_bytes(*bytes);
            // A section that the needle repeats is entered once, so that the search stays linear.
            if known.insert(bytes) {
                let (word, bit) = filter_position(bytes);
                self.filter[word] |= bit;
                self.sections.push(Section { bytes, needle: index, offset: number * SECTION });
            }
        }
        self.needles.push(Secret::new(needle));
    }

    /// Returns the length of the needle with this index.
    pub(super) fn length(&self, needle: usize) -> usize {
        self.needles[needle].expose().len()
    }

    /// Returns the forms with short skeletons. The caller searches for them in the text itself.
    pub(super) fn short(&self) -> impl Iterator<Item = &[u8]> {
        self.short.iter().map(Secret::expose)
    }

    /// Passes each part of a needle that occurs in `skeleton` and has at least [`MIN_PIECE`] bytes
    /// to `found`, until `found` returns [`ControlFlow::Break`]. Returns the number of steps, which
    /// is proportional to the length of `skeleton`.
    pub(super) fn pieces(
        &self,
        skeleton: &[u8],
        mut found: impl FnMut(Piece) -> ControlFlow<()>,
    ) -> usize {
        let mut steps = 0;
        if self.needles.is_empty() {
            return steps;
        }
        // For each needle, the part of the skeleton that was compared with it last.
        let mut compared: BTreeMap<usize, Compared> = BTreeMap::new();
        let mut section = 0_u64;
        for (last, byte) in skeleton.iter().enumerate() {
            steps += 1;
            section = section << 8 | u64::from(*byte);
            let Some(start) = (last + 1).checked_sub(SECTION) else { continue };
            let (word, bit) = filter_position(section);
            if self.filter[word] & bit == 0 {
                continue;
            }
            for Section { needle, offset, .. } in self.places(section) {
                steps += 1;
                if compared.get(needle).is_some_and(|before| before.covers(start, *offset)) {
                    continue;
                }
                let text = self.needles[*needle].expose();
                let before = common(skeleton[..start].iter().rev(), text[..*offset].iter().rev());
                let after =
                    common(skeleton[start + SECTION..].iter(), text[offset + SECTION..].iter());
                steps += before + after;
                let at = start - before..start + SECTION + after;
                let is_piece = at.len() >= MIN_PIECE;
                let end = at.end;
                compared.insert(*needle, Compared { start, offset: *offset, end, is_piece });
                let part = offset - before..offset + SECTION + after;
                let piece = Piece { needle: *needle, part, at };
                if is_piece && found(piece).is_break() {
                    return steps;
                }
            }
        }
        steps
    }

    /// Returns the places in needles that have these bytes.
    fn places(&self, bytes: u64) -> impl Iterator<Item = &Section> {
        let first = self.sections.partition_point(|section| section.bytes < bytes);
        self.sections[first..].iter().take_while(move |section| section.bytes == bytes)
    }

    /// Returns whether a needle contains the end of `skeleton`, at least `min` bytes of it, and
    /// continues after it. Returns `false` if the end is long enough to be found as a piece.
    #[cfg(feature = "git")]
    pub(super) fn continues(&self, skeleton: &[u8], min: usize) -> bool {
        let Some(start) = skeleton.len().checked_sub(min) else { return false };
        let end = memchr::memmem::Finder::new(&skeleton[start..]);
        self.needles.iter().map(Secret::expose).any(|needle| {
            end.find_iter(needle).any(|at| {
                let before = common(skeleton[..start].iter().rev(), needle[..at].iter().rev());
                at + min < needle.len() && before + min < MIN_PIECE
            })
        })
    }
}

/// The result of a comparison of a skeleton with a needle.
struct Compared {
    /// The position in the skeleton of the section with which the comparison began.
    start: usize,
    /// The position of this section in the needle.
    offset: usize,
    /// The end of the common part in the skeleton.
    end: usize,
    is_piece: bool,
}

impl Compared {
    /// Returns whether a comparison from `start` would find nothing new.
    fn covers(&self, start: usize, offset: usize) -> bool {
        let same = start - self.start == offset.wrapping_sub(self.offset);
        start + SECTION <= self.end && (self.is_piece || same)
    }
}

fn contains(secrets: &[Secret], bytes: &[u8]) -> bool {
    secrets.iter().any(|secret| secret.expose() == bytes)
}

/// Returns the length of the common start of two sequences.
fn common<'a>(one: impl Iterator<Item = &'a u8>, other: impl Iterator<Item = &'a u8>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

/// Returns the word and the bit of a section in the filter.
fn filter_position(section: u64) -> (usize, u64) {
    // The upper bits of a product with this odd number (2^64 divided by the golden ratio) depend on
    // all bits of the section.
    let hash = section.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
