//! A connection whose request heads are counted.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::connection_limits::{MAX_HEAD, MAX_READ};

/// A connection that passes at most [`MAX_HEAD`] bytes of a request head to its reader, and nothing
/// that follows the head. The server hyper answers 431 if its buffer has this size and contains no
/// complete head. Alone, hyper would accept larger heads. It compares only the size of an incomplete
/// head with the limit, and one read can complete a head that is much larger (spec: W1d).
#[derive(Debug)]
pub(super) struct HeadReader<S> {
    stream: Pin<Box<S>>,
    shared: Arc<Mutex<Reading>>,
}

/// A handle that reports the length of a request's body to a [`HeadReader`].
#[derive(Clone, Debug)]
pub(super) struct BodyLength(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    phase: Phase,
    /// The bytes that were read from the stream but not passed to the reader yet.
    waiting: Vec<u8>,
}

/// The part of a request that is read next.
#[derive(Debug)]
enum Phase {
    /// A head, of which `left` more bytes may be passed.
    Head { line: Line, left: usize },
    /// The head was passed. The length of the body was not reported yet.
    AfterHead,
    /// A body, of which `left` bytes are missing.
    Body { left: u64 },
    /// A body without a known length. The connection has no further request.
    Endless,
}

/// The position in the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the request line. Empty lines are ignored (RFC 9112, 2.2).
    First,
    /// At the beginning of a later line. If `cr` is true, a carriage return was read.
    Begin { cr: bool },
    /// In a line.
    Within,
}

impl Phase {
    const HEAD: Self = Self::Head { line: Line::First, left: MAX_HEAD };
}

impl<S> HeadReader<S> {
    pub(super) fn new(stream: S) -> Self {
        let reading = Reading { phase: Phase::HEAD, waiting: Vec::new() };
        Self { stream: Box::pin(stream), shared: Arc::new(Mutex::new(reading)) }
    }

    /// Returns the handle that reports the length of each body.
    pub(super) fn body_length(&self) -> BodyLength {
        BodyLength(Arc::clone(&self.shared))
    }
}

impl BodyLength {
    /// Reports that a body of `length` bytes follows the head. If `length` is `None`, the length is
    /// unknown, and the connection must end after the present request.
    pub(super) fn report(&self, length: Option<u64>) {
        lock(&self.0).phase = match length {
            Some(0) => Phase::HEAD,
            Some(left) => Phase::Body { left },
            None => Phase::Endless,
        };
    }
}

impl Reading {
    /// Returns the maximum number of bytes that may be passed next.
    fn limit(&self) -> usize {
        let limit = match self.phase {
            Phase::Head { left, .. } => left,
            Phase::AfterHead => 0,
            Phase::Body { left } => usize::try_from(left).unwrap_or(usize::MAX),
            Phase::Endless => usize::MAX,
        };
        limit.min(MAX_READ)
    }

    /// Returns how many of `bytes` belong to the present part of the request, and counts them.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        match &mut self.phase {
            Phase::Head { line, left } => {
                let end = bytes.iter().position(|byte| line.ends_head(*byte));
                let passed = end.map_or(bytes.len(), |last| last + 1);
                *left = left.saturating_sub(passed);
                if end.is_some() {
                    self.phase = Phase::AfterHead;
                }
                passed
            }
            Phase::Body { left } => {
                *left = left.saturating_sub(bytes.len() as u64);
                if *left == 0 {
                    self.phase = Phase::HEAD;
                }
                bytes.len()
            }
            Phase::AfterHead | Phase::Endless => bytes.len(),
        }
    }
}

impl Line {
    /// Reads the next byte of the head. Returns whether the head ends with this byte.
    fn ends_head(&mut self, byte: u8) -> bool {
        let (next, ends) = match (*self, byte) {
            (Self::First, b'\r' | b'\n') => (Self::First, false),
            (Self::Begin { .. }, b'\n') => (Self::First, true),
            (Self::Begin { cr: false }, b'\r') => (Self::Begin { cr: true }, false),
            (Self::Within, b'\n') => (Self::Begin { cr: false }, false),
            _ => (Self::Within, false),
        };
        *self = next;
        ends
    }
}

fn lock(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: AsyncRead> AsyncRead for HeadReader<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut reading = lock(&this.shared);
        // The reader treats a read of 0 bytes as the end of the connection.
        let limit = reading.limit().min(buffer.remaining());
        if limit == 0 {
            return Poll::Ready(Ok(()));
        }
        if !reading.waiting.is_empty() {
            let waiting = std::mem::take(&mut reading.waiting);
            let passed = reading.pass(&waiting[..limit.min(waiting.len())]);
            buffer.put_slice(&waiting[..passed]);
            reading.waiting = waiting;
            reading.waiting.drain(..passed);
            return Poll::Ready(Ok(()));
        }
        let mut read = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        ready!(this.stream.as_mut().poll_read(context, &mut read))?;
        let passed = reading.pass(read.filled());
        reading.waiting = read.filled()[passed..].to_vec();
        buffer.advance(passed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> AsyncWrite for HeadReader<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
