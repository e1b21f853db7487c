//! Output of a program, limited in bytes.

use ccc_core::container::{OutputSink, OutputStream};

/// A sink that forwards the output of a program to another sink, up to a number of bytes.
pub(crate) struct BoundedOutput<'a> {
    left: u64,
    dropped: u64,
    sink: &'a mut dyn OutputSink,
}

impl<'a> BoundedOutput<'a> {
    pub(crate) fn new(max: u64, sink: &'a mut dyn OutputSink) -> Self {
        Self { left: max, dropped: 0, sink }
    }

    /// Forwards `bytes` up to the limit, and counts the bytes beyond the limit as dropped.
    pub(crate) fn write(&mut self, stream: OutputStream, bytes: &[u8]) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if fits > 0 {
            self.sink.chunk(stream, &bytes[..fits]);
        }
        self.left -= fits as u64;
        self.dropped += (bytes.len() - fits) as u64;
    }

    /// Writes a line with the number of dropped bytes to the sink, if the number is not 0. `before`
    /// is the number of bytes that another program, such as the keeper, has already dropped.
    pub(crate) fn report(&mut self, before: u64) {
        let dropped = self.dropped.saturating_add(before);
        if dropped > 0 {
            let line = format!("\n[{dropped} more bytes of output were dropped]\n");
            self.sink.chunk(OutputStream::Stderr, line.as_bytes());
        }
    }
}
