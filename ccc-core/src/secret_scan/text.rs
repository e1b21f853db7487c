//! Decoded text, and the places that its bytes come from.

use std::ops::Range;

/// Text that was derived from the scanned bytes.
#[derive(Debug)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// The range of the scanned bytes that each byte comes from; empty if ranges are not wanted.
    from: Vec<(u32, u32)>,
    mapped: bool,
}

impl View {
    /// Creates an empty view. The view stores the places of its bytes only if `mapped` is true,
    /// because they take eight times the memory of the bytes.
    pub(super) fn new(mapped: bool) -> Self {
        Self { bytes: Vec::new(), from: Vec::new(), mapped }
    }

    /// Creates the view of the scanned bytes themselves.
    pub(super) fn of(bytes: &[u8], mapped: bool) -> Self {
        let mut view = Self { bytes: bytes.to_vec(), from: Vec::new(), mapped };
        if mapped {
            let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            view.from = (0..bytes.len()).map(|at| (place(at), place(at + 1))).collect();
        }
        view
    }

    /// Creates an empty view that stores places if this view does.
    pub(super) fn like(&self) -> Self {
        Self::new(self.mapped)
    }

    /// Appends `byte`, which comes from the bytes `range` of `parent`.
    pub(super) fn push(&mut self, byte: u8, parent: &Self, range: Range<usize>) {
        self.bytes.push(byte);
        if self.mapped {
            self.from.push(parent.place(range));
        }
    }

    /// Appends the bytes `range` of `parent`.
    pub(super) fn copy_range(&mut self, parent: &Self, range: Range<usize>) {
        self.bytes.extend_from_slice(&parent.bytes[range.clone()]);
        if self.mapped {
            self.from.extend_from_slice(&parent.from[range]);
        }
    }

    /// Returns the view with its bytes in reverse order.
    pub(super) fn reversed(&self) -> Self {
        let from = self.from.iter().rev().copied().collect();
        Self { bytes: self.bytes.iter().rev().copied().collect(), from, mapped: self.mapped }
    }

    /// Appends `bytes`, all of which come from the bytes `range` of `parent`.
    pub(super) fn extend(&mut self, bytes: &[u8], parent: &Self, range: Range<usize>) {
        self.bytes.extend_from_slice(bytes);
        if self.mapped {
            let place = parent.place(range);
            self.from.extend(std::iter::repeat_n(place, bytes.len()));
        }
    }

    fn place(&self, range: Range<usize>) -> (u32, u32) {
        let places = self.from.get(range).unwrap_or_default();
        let start = places.iter().map(|place| place.0).min();
        let end = places.iter().map(|place| place.1).max();
        (start.unwrap_or_default(), end.unwrap_or_default())
    }

    /// Returns the range of the scanned bytes that the bytes `range` of this view come from. The
    /// range is empty if the view stores no places.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let (start, end) = self.place(range);
        start as usize..end as usize
    }
}
