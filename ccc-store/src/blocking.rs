//! Execution of blocking work.

use ccc_core::Result;

/// Executes `work` on a thread where blocking calls are permitted, and returns the result of
/// `work`. `work` completes even if the returned future is dropped.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        ccc_core::Error::new(
            ccc_core::ErrorKind::Unexpected,
            "a background task of the credential store ended without a result",
        )
        .with_source(e)
    })?
}

/// Executes `work` on the current thread, because wasm32 has no other threads.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn spawn_blocking<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    work()
}
