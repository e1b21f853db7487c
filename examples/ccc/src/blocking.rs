//! Execution of file calls, which can take long or hang.

use std::time::Duration;

use ccc_core::{Clock as _, Error, ErrorKind, Result, SystemClock};

/// Time limit for the file calls of one request.
const LIMIT: Duration = Duration::from_secs(5);

/// Executes `work` on a thread where blocking calls are permitted, because a thread that answers
/// requests must not wait for a disk (spec: W12f). `work` completes even if this function does not
/// wait for it any more.
///
/// # Errors
/// The error of `work`, and [`ErrorKind::Unavailable`] if `work` has not completed after [`LIMIT`].
pub(crate) async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let working = tokio::task::spawn_blocking(work);
    let failed = |line: &str| Error::new(ErrorKind::Unavailable, line);
    tokio::select! {
        biased;
        done = working => done.unwrap_or_else(|e| {
            Err(failed("a file call of the service ended without a result").with_source(e))
        }),
        () = SystemClock.sleep(LIMIT) => {
            Err(failed("the disk does not respond: try again later, and check the disk of the service"))
        }
    }
}
