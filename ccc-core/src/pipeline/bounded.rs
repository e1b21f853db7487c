//! Functions that limit the time of a call, and convert a panic in the call into an error.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::{CancellationToken, Clock, Error, ErrorKind, Result};

/// Returns the output of `work`, or `None` if `work` took longer than `limit`.
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

/// Waits for `call`, a call of a port or of git, for at most `limit`. Returns a timeout or a panic
/// as an error.
pub(crate) async fn guarded<T>(
    clock: &dyn Clock,
    limit: Duration,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    within(clock, limit, catch_panic(call)).await.unwrap_or_else(|| {
        Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "a call to an adapter or to git exceeded its time limit of {} s",
                limit.as_secs()
            ),
        ))
    })
}

/// Returns the result of `work`, or an error if `work` panicked or took longer than `limit`. `name`
/// is the subject of the error message, such as `the run`.
pub(super) async fn bounded<T, E: From<Error>>(
    clock: &dyn Clock,
    name: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    within(clock, limit, catch_panic(work)).await.unwrap_or_else(|| {
        let line = format!("{name} exceeded its time limit of {} s", limit.as_secs());
        Err(Error::new(ErrorKind::TimedOut, line).into())
    })
}

/// Returns the result of [`bounded`] for `work`, or an error as soon as `cancel` is cancelled.
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

/// Returns the result of `work`. If `work` panics, returns the panic as an error.
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
            "a defect in this software or in an adapter caused a panic: {}",
            crate::untrusted_text::one_line(&words, 200)
        ),
    )
}
