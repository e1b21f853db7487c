//! The memory for the bodies of deliveries, and a body in this memory.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ccc_core::CancellationToken;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The size of one segment, in bytes. Memory is reserved and counted in segments.
pub(super) const SEGMENT: usize = 16 << 10;
/// The maximum size of a small body, in bytes. Few deliveries of GitHub are larger.
pub(super) const SMALL_BODY: usize = 256 << 10;
/// The memory that only small bodies can use, in bytes.
const FOR_SMALL: usize = 16 << 20;
/// The memory that every body can use, in bytes.
const FOR_ALL: usize = 48 << 20;

/// The memory for all bodies of a route: 64 MiB, of which 16 MiB are only for small bodies (spec:
/// W4b).
///
/// A signature can only be verified after the whole body has arrived. Without a limit, a client that
/// knows no webhook secret could therefore use up the memory. If no memory is free, the body that has
/// been incomplete for the longest time ends, because GitHub sends a body without pauses. The segments
/// are used again, because an allocator does not always return freed memory to the operating system.
#[derive(Debug)]
pub(super) struct BodyMemory {
    for_small: Arc<Semaphore>,
    for_all: Arc<Semaphore>,
    unused: Mutex<Vec<Vec<u8>>>,
    incomplete: Mutex<Incomplete>,
    /// Notified when the memory of a body is free.
    freed: Notify,
}

/// The incomplete bodies by their numbers. A smaller number is older.
#[derive(Debug, Default)]
struct Incomplete {
    bodies: BTreeMap<u64, IncompleteBody>,
    next: u64,
}

#[derive(Debug)]
struct IncompleteBody {
    /// Whether the body occupies memory that every body can use.
    uses_shared: bool,
    /// Cancelled when the body must end.
    ended: CancellationToken,
}

/// The error for a body for which there is no memory.
#[derive(Debug)]
pub(super) struct OutOfMemory;

/// A body in segments. Its memory is free when the value is dropped.
#[derive(Debug)]
pub(super) struct SegmentedBody {
    memory: Arc<BodyMemory>,
    number: u64,
    ended: CancellationToken,
    /// Whether the body can use the memory for small bodies.
    small: bool,
    segments: VecDeque<Vec<u8>>,
    permits: Vec<OwnedSemaphorePermit>,
    length: usize,
}

/// A body in one piece.
#[derive(Debug)]
pub(super) struct WholeBody {
    pub(super) bytes: Vec<u8>,
    permits: Vec<OwnedSemaphorePermit>,
    memory: Arc<BodyMemory>,
}

impl Drop for WholeBody {
    fn drop(&mut self) {
        self.bytes = Vec::new();
        self.permits.clear();
        self.memory.freed.notify_waiters();
    }
}

impl BodyMemory {
    pub(super) fn new() -> Arc<Self> {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes / SEGMENT));
        Arc::new(Self {
            for_small: semaphore(FOR_SMALL),
            for_all: semaphore(FOR_ALL),
            unused: Mutex::default(),
            incomplete: Mutex::default(),
            freed: Notify::new(),
        })
    }

    fn incomplete(&self) -> MutexGuard<'_, Incomplete> {
        self.incomplete.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a body. `declared` is its length as the request declares it. A body without a declared
    /// length counts as a large one.
    pub(super) fn body(self: &Arc<Self>, declared: Option<u64>) -> SegmentedBody {
        let small = declared.is_some_and(|length| length <= SMALL_BODY as u64);
        let ended = CancellationToken::new();
        let mut incomplete = self.incomplete();
        let number = incomplete.next;
        incomplete.next += 1;
        let entry = IncompleteBody { uses_shared: false, ended: ended.clone() };
        incomplete.bodies.insert(number, entry);
        SegmentedBody {
            memory: Arc::clone(self),
            number,
            ended,
            small,
            segments: VecDeque::new(),
            permits: Vec::new(),
            length: 0,
        }
    }

    /// Reserves a segment for the body `number`. Small bodies first use the memory that only they can
    /// use, so that they leave the rest to large ones.
    fn permit(&self, number: u64, small: bool) -> Result<OwnedSemaphorePermit, OutOfMemory> {
        if small && let Ok(permit) = Arc::clone(&self.for_small).try_acquire_owned() {
            return Ok(permit);
        }
        let shared = Arc::clone(&self.for_all).try_acquire_owned().map_err(|_| OutOfMemory)?;
        if let Some(body) = self.incomplete().bodies.get_mut(&number) {
            body.uses_shared = true;
        }
        Ok(shared)
    }

    /// Ends the oldest incomplete body other than `number`, unless the memory of a body that was ended
    /// before is about to become free. A large body ends only bodies in the memory that every body can
    /// use. The end of a small body in the other memory would free nothing for the large one.
    fn end_oldest(&self, number: u64, small: bool) -> Result<(), OutOfMemory> {
        let incomplete = self.incomplete();
        let mut others = incomplete
            .bodies
            .iter()
            .filter(|(other, body)| **other != number && (small || body.uses_shared))
            .map(|(_, body)| body);
        let oldest =
            others.clone().find(|body| body.ended.is_cancelled()).or_else(|| others.next());
        oldest.ok_or(OutOfMemory)?.ended.cancel();
        Ok(())
    }

    fn segment(&self) -> Vec<u8> {
        let unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner).pop();
        unused.unwrap_or_else(|| Vec::with_capacity(SEGMENT))
    }
}

impl SegmentedBody {
    /// Returns the number of bytes that have arrived.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Returns a token that is cancelled when the body must end, because another body needs memory.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Appends `bytes`. If no memory is free, the oldest incomplete body ends first.
    pub(super) async fn push(&mut self, mut bytes: &[u8]) -> Result<(), OutOfMemory> {
        loop {
            let memory = Arc::clone(&self.memory);
            let mut freed = pin!(memory.freed.notified());
            // Memory that becomes free after the next line is not missed.
            freed.as_mut().enable();
            let before = self.length;
            match self.try_push(bytes) {
                Ok(()) => return Ok(()),
                Err(OutOfMemory) => memory.end_oldest(self.number, self.small)?,
            }
            bytes = &bytes[self.length - before..];
            freed.await;
        }
    }

    /// Appends `bytes` as far as memory is free.
    fn try_push(&mut self, mut bytes: &[u8]) -> Result<(), OutOfMemory> {
        while !bytes.is_empty() {
            let room = self.segments.back().map_or(0, |last| SEGMENT - last.len());
            if room == 0 {
                // A body can be larger than it was declared, if the HTTP server does not check it.
                let small = self.small && self.length < SMALL_BODY;
                self.permits.push(self.memory.permit(self.number, small)?);
                self.segments.push_back(self.memory.segment());
            }
            let (now, later) =
                bytes.split_at(bytes.len().min(if room == 0 { SEGMENT } else { room }));
            if let Some(last) = self.segments.back_mut() {
                last.extend_from_slice(now);
            }
            self.length += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// Returns the body in one piece. The body uses the same number of segments as before, because
    /// each segment is freed when its bytes were copied.
    pub(super) fn into_whole(mut self) -> WholeBody {
        let mut bytes = match self.segments.len() {
            0 | 1 => self.segments.pop_front().unwrap_or_default(),
            _ => Vec::with_capacity(self.length),
        };
        while let Some(segment) = self.segments.pop_front() {
            bytes.extend_from_slice(&segment);
        }
        let permits = std::mem::take(&mut self.permits);
        WholeBody { bytes, permits, memory: Arc::clone(&self.memory) }
    }
}

impl Drop for SegmentedBody {
    fn drop(&mut self) {
        self.memory.incomplete().bodies.remove(&self.number);
        let mut unused = self.memory.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.extend(self.segments.drain(..).map(|mut segment| {
            segment.clear();
            segment
        }));
        drop(unused);
        // The permits are dropped last, so the number of segments stays within the limit.
        self.permits.clear();
        self.memory.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
