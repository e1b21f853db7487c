//! Output of a program, limited in bytes.

use ccc_core::container::{OutputSink, OutputStream};

/// A sink for output, limited in bytes.
pub(crate) struct BoundedOutput<'a> {
    left: u64,
    dropped: u64,
    sink: &'a mut dyn OutputSink,
}

impl<'a> BoundedOutput<'a> {
    pub(crate) fn new(max: u64, sink: &'a mut dyn OutputSink) -> Self {
        Self { left: max, dropped: 0, sink }
    }

    /// Passes on output up to the limit, and counts the dropped bytes.
    pub(crate) fn write(&mut self, stream: OutputStream, bytes: &[u8]) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if fits > 0 {
            self.sink.chunk(stream, &bytes[..fits]);
        }
        self.left -= fits as u64;
        self.dropped += (bytes.len() - fits) as u64;
    }

    /// Reports the number of dropped bytes to the sink. `before` is the number that was dropped
    /// earlier.
    pub(crate) fn report(&mut self, before: u64) {
        let dropped = self.dropped.saturating_add(before);
        if dropped > 0 {
            let line = format!("\n[{dropped} more bytes of output dropped]\n");
            self.sink.chunk(OutputStream::Stderr, line.as_bytes());
        }
    }
}
