//! Time limits of calls, and conversion of their panics into errors.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::{CancellationToken, Clock, Error, ErrorKind, Result};

/// Returns the future's output, or `None` if `limit` passed first.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        output = work => Some(output),
        () = clock.sleep(limit) => None,
    }
}

/// Calls a port with a time limit, and returns a panic as an error.
pub(crate) async fn guarded<T>(
    clock: &dyn Clock,
    limit: Duration,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    within(clock, limit, catch_panic(call)).await.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs())))
    })
}

/// Returns the work's result, or an error if it panicked or took longer than `limit`. `name` is the
/// subject of the message.
pub(super) async fn bounded<T, E: From<Error>>(
    clock: &dyn Clock,
    name: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(clock, limit, catch_panic(work)).await.unwrap_or_else(|| {
        let line = format!("{name} took longer than {} s", limit.as_secs());
        Err(Error::new(ErrorKind::TimedOut, line).into())
    })
}

/// Returns the work's result as [`bounded`] does, or an error as soon as the run is cancelled.
pub(super) async fn interruptible<T, E: From<Error>>(
    clock: &dyn Clock,
    limit: Duration,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            Err(Error::new(ErrorKind::Cancelled, "the run was cancelled").into())
        }
        ended = bounded(clock, "the run", limit, work) => ended,
    }
}

/// Returns the future's result, or its panic as an error of the same type.
pub(super) async fn catch_panic<T, E: From<Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(panicked(&*panic).into()))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::new(
        ErrorKind::Unexpected,
        format!(
            "an adapter panicked, which is a defect in it: {}",
            crate::untrusted_text::one_line(&words, 200)
        ),
    )
}
