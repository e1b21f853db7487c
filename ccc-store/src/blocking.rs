//! Work that blocks its thread.

use ccc_core::Result;

/// Runs `work` on a thread where blocking is permitted. It runs to its end even if the returned
/// future is dropped.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        ccc_core::Error::new(ccc_core::ErrorKind::Unexpected, "work on the credentials died")
            .with_source(e)
    })?
}

/// Runs `work` at once: wasm32 has no other thread.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn spawn_blocking<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    work()
}
