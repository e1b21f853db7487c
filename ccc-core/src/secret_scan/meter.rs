//! The limits of a scan, and the count of its steps.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Maximum number of bytes that the archives of one file are expanded to.
pub(super) const MAX_INFLATED: usize = 32 << 20;

/// Maximum number of bytes that the archives of all files of one change are expanded to, and the
/// same limit for its zlib streams. A change with many small archives therefore needs no more work
/// than a change with a few large ones.
const MAX_INFLATED_OF_CHANGE: usize = 4 * MAX_INFLATED;

/// Maximum number of bytes that the archives in a text of a run are read from and expanded to.
const MAX_INFLATED_OF_TEXT: usize = 128 << 10;

/// Maximum number of encodings that are removed one after the other. For example, base64 in an
/// archive in base64 has three.
pub(super) const MAX_DEPTH: usize = 3;

/// Maximum number of archives inside each other that are expanded.
pub(super) const MAX_ARCHIVES: usize = 2;

/// The scan was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

/// The kind of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packed {
    /// A gzip or zip archive, which must be expanded in full.
    Archive,
    /// A zlib stream, which is expanded up to the limits. The streams of images are counted apart
    /// from archives, so that many images do not make an archive unreadable.
    Stream,
}

/// The number of bytes that the archives of one change may still be read from and expanded to. All
/// files of the change share it (spec: X16a).
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    archives: usize,
    streams: usize,
}

impl Budget {
    /// Creates the budget of a change.
    pub(crate) fn of_change() -> Self {
        Self::of_bytes(MAX_INFLATED_OF_CHANGE)
    }

    /// Creates a budget of this number of bytes for archives, and as many for streams.
    pub(crate) fn of_bytes(bytes: usize) -> Self {
        Self { archives: bytes, streams: bytes }
    }

    fn of(&mut self, kind: Packed) -> &mut usize {
        match kind {
            Packed::Archive => &mut self.archives,
            Packed::Stream => &mut self.streams,
        }
    }
}

/// The steps that a scan has done and may still do.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    cancelled: &'a AtomicBool,
    steps: u64,
    /// The number of bytes that the archives of the file may still be read from and expanded to.
    inflatable: usize,
    budget: Budget,
    /// Whether an archive was not expanded in full because of a limit or of its format.
    pub(super) incomplete: bool,
    /// The function that inspects each decoded text.
    pub(super) inspect: Inspect<'a>,
}

type Inspector<'a> = &'a mut dyn FnMut(&[u8]);

/// A function that inspects the texts that a scan decodes.
pub(super) struct Inspect<'a>(pub(super) Option<Inspector<'a>>);

impl fmt::Debug for Inspect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inspect").field(&self.0.is_some()).finish()
    }
}

impl<'a> Meter<'a> {
    /// Creates the meter of a scan of a file with `bytes` bytes, which belongs to the change with
    /// this budget.
    pub(super) fn new(bytes: usize, mut budget: Budget, cancelled: &'a AtomicBool) -> Self {
        // An archive without compression uses twice its size. This work needs no limit,
        // because it is proportional to the size of the change.
        let own = bytes.saturating_mul(2);
        for kind in [Packed::Archive, Packed::Stream] {
            let left = budget.of(kind);
            *left = left.saturating_add(own);
        }
        let inflatable = MAX_INFLATED.saturating_add(own);
        Self { cancelled, steps: 0, inflatable, budget, incomplete: false, inspect: Inspect(None) }
    }

    /// Creates the meter of a search in a text of a run, such as a line of a log. Archives in texts
    /// are expanded to few bytes, because many texts are searched while others wait.
    pub(super) fn of_text(cancelled: &'a AtomicBool) -> Self {
        let inflatable = MAX_INFLATED_OF_TEXT;
        let budget = Budget::of_bytes(inflatable);
        Self { cancelled, steps: 0, inflatable, budget, incomplete: false, inspect: Inspect(None) }
    }

    /// Returns the budget that is left for the other files of the change.
    pub(super) fn into_budget(self) -> Budget {
        self.budget
    }

    /// Adds `steps` to the count. One step is the work for one byte in one pass.
    ///
    /// # Errors
    /// [`Cancelled`] if the scan was cancelled.
    pub(super) fn add(&mut self, steps: usize) -> Result<(), Cancelled> {
        self.steps += steps as u64;
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(Cancelled),
            false => Ok(()),
        }
    }

    /// Passes a decoded text to the function that inspects these texts.
    ///
    /// # Errors
    /// [`Cancelled`] if the scan was cancelled.
    pub(super) fn inspect(&mut self, text: &[u8]) -> Result<(), Cancelled> {
        if let Some(inspect) = &mut self.inspect.0 {
            inspect(text);
        }
        self.add(text.len())
    }

    /// Returns the number of steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the number of bytes that compressed data of this kind may still be read from and
    /// expanded to.
    pub(super) fn inflatable(&mut self, kind: Packed) -> usize {
        self.inflatable.min(*self.budget.of(kind))
    }

    /// Subtracts `bytes` from the number of bytes that compressed data of this kind may still use.
    pub(super) fn inflated(&mut self, bytes: usize, kind: Packed) {
        self.inflatable = self.inflatable.saturating_sub(bytes);
        let left = self.budget.of(kind);
        *left = left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_documentation() {
        // spec: X16a
        let never = AtomicBool::new(false);
        for kind in [Packed::Archive, Packed::Stream] {
            let mut meter = Meter::new(0, Budget::of_change(), &never);
            assert_eq!(meter.inflatable(kind), 32 << 20);
            let mut budget = Budget::of_change();
            assert_eq!(*budget.of(kind), 128 << 20);
            // Four files use the budget of the change.
            for left in [96, 64, 32, 0] {
                let mut meter = Meter::new(0, budget, &never);
                let all = meter.inflatable(kind);
                meter.inflated(all, kind);
                assert_eq!(meter.inflatable(kind), 0);
                budget = meter.into_budget();
                assert_eq!(*budget.of(kind), left << 20);
            }
            assert_eq!(Meter::new(0, budget, &never).inflatable(kind), 0);
        }
    }
}
