//! Tests with a disk that does not respond.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use ccc_core::ErrorKind;
use futures_util::future::join_all;

use crate::file_credential_store::blob_store::{FileBlobStore, LIMIT, MAX_OPERATIONS};
use crate::file_credential_store::directory::Directory;

#[tokio::test(start_paused = true)]
async fn a_call_does_not_wait_for_a_disk_that_hangs_and_few_threads_do() {
    // spec: W12f
    let directory = tempfile::tempdir().unwrap();
    let store = FileBlobStore::new(Directory::open(&directory.path().join("store")).unwrap());
    let (open, gate) = mpsc::channel::<()>();
    let (gate, started) = (Arc::new(Mutex::new(gate)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..3 {
        let mut calls = pin!(join_all((0..MAX_OPERATIONS).map(|_| {
            let (gate, started) = (Arc::clone(&gate), Arc::clone(&started));
            store.with(move |_| {
                started.fetch_add(1, Ordering::SeqCst);
                let _ = gate.lock().unwrap().recv();
                Ok(())
            })
        })));
        let waits = poll_fn(|context| Poll::Ready(calls.as_mut().poll(context).is_pending())).await;
        assert!(waits, "a call has ended although the gate is closed");
        tokio::time::advance(LIMIT).await;
        for result in calls.await {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
        }
    }
    drop(open);
    store.with(|_| Ok(())).await.unwrap();
    assert_eq!(started.load(Ordering::SeqCst), MAX_OPERATIONS, "later calls were not started");
}
