//! Work that waits for a disk or takes its time.

use ccc_core::Result;

/// Does what takes its time where that holds nobody up; to its end, whoever still waits for it.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn aside<T: Send + 'static>(
    act: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(act).await.map_err(|e| {
        ccc_core::Error::new(ccc_core::ErrorKind::Unexpected, "work on the credentials died")
            .with_source(e)
    })?
}

/// There is one thread alone.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn aside<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    act()
}
