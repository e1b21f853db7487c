//! The limits of a scan, and the count of its steps.

use std::sync::atomic::{AtomicBool, Ordering};

/// Maximum number of bytes that the archives of one file are expanded to.
pub(super) const MAX_INFLATED: usize = 32 << 20;

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

/// The steps that a scan has done and may still do.
#[derive(Debug)]
pub(super) struct Meter<'a> {
    cancelled: &'a AtomicBool,
    steps: u64,
    /// The number of bytes that archives may still be read from and expanded to.
    inflatable: usize,
    /// Whether an archive was not expanded in full because of a limit.
    pub(super) incomplete: bool,
}

impl<'a> Meter<'a> {
    /// Creates the meter of a scan of a file with `bytes` bytes.
    pub(super) fn new(bytes: usize, cancelled: &'a AtomicBool) -> Self {
        let inflatable = MAX_INFLATED.saturating_add(bytes.saturating_mul(2));
        Self { cancelled, steps: 0, inflatable, incomplete: false }
    }

    /// Creates the meter of a search in a text of a run, such as a line of a log. Archives in texts
    /// are expanded to few bytes, because many texts are searched while others wait.
    pub(super) fn of_text(cancelled: &'a AtomicBool) -> Self {
        Self { cancelled, steps: 0, inflatable: MAX_INFLATED_OF_TEXT, incomplete: false }
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

    /// Returns the number of steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the number of bytes that archives may still be read from and expanded to.
    pub(super) fn inflatable(&self) -> usize {
        self.inflatable
    }

    /// Subtracts `bytes` from the number of bytes that archives may still use.
    pub(super) fn inflated(&mut self, bytes: usize) {
        self.inflatable = self.inflatable.saturating_sub(bytes);
    }
}
