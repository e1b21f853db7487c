//! The records of an output of git in which NUL ends each record, read in chunks.

use std::ops::ControlFlow;

/// The start of a record whose end has not been read yet.
#[derive(Debug, Default)]
pub(super) struct NulRecords {
    partial: Vec<u8>,
}

impl NulRecords {
    /// Passes each record that ends in `chunk` to `receive`, until `receive` returns
    /// [`ControlFlow::Break`].
    pub(super) fn read(
        &mut self,
        chunk: &[u8],
        mut receive: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(0, rest) {
            self.partial.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            receive(&self.partial)?;
            self.partial.clear();
        }
        self.partial.extend_from_slice(rest);
        ControlFlow::Continue(())
    }

    /// Returns the length of the record whose end has not been read yet, in bytes.
    pub(super) fn partial_len(&self) -> usize {
        self.partial.len()
    }
}
