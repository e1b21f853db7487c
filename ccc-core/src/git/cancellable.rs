//! Work on blocking threads that ends with the run that needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// A guard that sets its flag when it is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Executes `work` on a blocking thread, so that the threads of the async runtime stay free
/// (spec: X16a). If the caller drops the future, the flag that `work` receives becomes true.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if `work` panics.
pub(crate) async fn cancellable<T: Send + 'static>(
    work: impl FnOnce(&Arc<AtomicBool>) -> T + Send + 'static,
) -> Result<T> {
    let guard = CancelOnDrop(Arc::default());
    let flag = Arc::clone(&guard.0);
    tokio::task::spawn_blocking(move || work(&flag)).await.map_err(|e| {
        let line = "a task that reads text or a change ended without a result";
        Error::new(ErrorKind::Unexpected, line).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_ends_with_its_future_and_leaves_the_async_thread_free() {
        // spec: X16a
        let here = std::thread::current().id();
        let elsewhere = cancellable(move |_| std::thread::current().id() != here).await.unwrap();
        assert!(elsewhere);

        let (started, begin) = tokio::sync::oneshot::channel();
        let (ended, end) = tokio::sync::oneshot::channel();
        let work = cancellable(move |cancelled| {
            started.send(()).unwrap();
            while !cancelled.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            ended.send(()).unwrap();
        });
        // The runtime has one thread, and the work does not end by itself.
        tokio::select! {
            _ = work => panic!("ended"),
            begun = begin => begun.unwrap(),
        }
        end.await.unwrap();
    }
}
