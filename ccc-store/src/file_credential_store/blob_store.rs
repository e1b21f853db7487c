//! Encrypted records and their index as files.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ccc_core::{Clock as _, Error, ErrorKind, Result, SystemClock, async_trait};
use tokio::sync::Semaphore;

use crate::blocking::spawn_blocking;
use crate::file_credential_store::directory::Directory;
use crate::sealed::{BlobStore, Change, RecordId, SealedIndex};

const INDEX: &str = "index";
/// The name of the file with the salt and the key-derivation parameters for a passphrase.
const DERIVATION: &str = "derivation";

/// Time limit for one operation on the disk.
const LIMIT: Duration = Duration::from_secs(10);
/// Maximum number of operations on the disk at the same time. If the disk does not respond, no more
/// threads than this wait for it.
const MAX_OPERATIONS: usize = 8;

/// A [`BlobStore`] in a directory. The disk is accessed on threads where blocking calls are
/// permitted.
#[derive(Debug)]
pub(super) struct FileBlobStore {
    directory: Arc<Directory>,
    operations: Arc<Semaphore>,
}

impl FileBlobStore {
    pub(super) fn new(directory: Directory) -> Self {
        let operations = Arc::new(Semaphore::new(MAX_OPERATIONS));
        Self { directory: Arc::new(directory), operations }
    }

    /// Executes `act` on a thread where blocking calls are permitted. Does not wait longer than
    /// [`LIMIT`], although `act` may complete later.
    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Directory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = Arc::clone(&self.directory);
        let operations = Arc::clone(&self.operations);
        let mut acting = pin!(async {
            // This always returns a permit, because the semaphore is never closed.
            let permit = operations.acquire_owned().await;
            spawn_blocking(move || {
                let _permit = permit;
                act(&directory)
            })
            .await
        });
        let mut limit = pin!(SystemClock.sleep(LIMIT));
        poll_fn(|context| match acting.as_mut().poll(context) {
            Poll::Pending => limit.as_mut().poll(context).map(|()| Err(silent_disk())),
            done => done,
        })
        .await
    }
}

#[async_trait]
impl BlobStore for FileBlobStore {
    async fn index(&self) -> Result<Option<SealedIndex>> {
        self.with(index).await
    }

    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>> {
        self.with(move |directory| directory.read(&id.to_string())).await
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        self.with(move |directory| write(directory, &change)).await
    }

    async fn remove_unlisted(&self, from: SealedIndex, live: Vec<RecordId>) -> Result<()> {
        self.with(move |directory| remove_unlisted(directory, &from, &live)).await
    }

    async fn init_derivation(&self, fresh: String) -> Result<String> {
        self.with(move |directory| init_derivation(directory, fresh)).await
    }
}

fn silent_disk() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the disk of the credential store does not respond: check the disk, and try again later",
    )
}

/// Returns whether `name` is the name of a file that contains a record.
fn is_record(name: &str) -> bool {
    name.parse::<RecordId>().is_ok()
}

fn index(directory: &Directory) -> Result<Option<SealedIndex>> {
    if let Some(index) = directory.read(INDEX)? {
        return Ok(Some(index.into()));
    }
    // Another process can have created the index and a first record after the first read.
    if directory.names()?.iter().any(|name| is_record(name)) {
        if let Some(index) = directory.read(INDEX)? {
            return Ok(Some(index.into()));
        }
        let line = "the index of the credential store is missing, although records exist: restore the directory of the store from a backup";
        return Err(Error::new(ErrorKind::Corrupt, line));
    }
    Ok(None)
}

fn write(directory: &Directory, change: &Change) -> Result<bool> {
    let _lock = directory.lock()?;
    if index(directory)? != change.from {
        return Ok(false);
    }
    if let Some((id, record)) = &change.put {
        directory.write(&id.to_string(), record)?;
        directory.sync()?;
    }
    // The write takes effect here. Before this line, the index does not name the new record. After
    // this line, the index does not name the old record.
    directory.write(INDEX, &change.index)?;
    directory.sync()?;
    if let Some(id) = change.remove {
        // The error is ignored, because the credential was already written. The next start of a
        // process removes the old record.
        let _ = directory.remove(&id.to_string());
    }
    Ok(true)
}

fn remove_unlisted(directory: &Directory, from: &SealedIndex, live: &[RecordId]) -> Result<()> {
    let _lock = directory.lock()?;
    if index(directory)?.as_ref() != Some(from) {
        return Ok(());
    }
    let live: Vec<String> = live.iter().map(ToString::to_string).collect();
    let stray = |name: &&String| {
        Directory::is_unfinished(name) || (is_record(name) && !live.contains(name))
    };
    let names = directory.names()?;
    names.iter().filter(stray).try_for_each(|name| directory.remove(name))
}

fn init_derivation(directory: &Directory, fresh: String) -> Result<String> {
    let _lock = directory.lock()?;
    if let Some(stored) = directory.read(DERIVATION)? {
        let damaged = |_| {
            Error::new(
                ErrorKind::Corrupt,
                "the salt and the key-derivation parameters of the credential store are damaged: restore the store from a backup",
            )
        };
        return String::from_utf8(stored).map_err(damaged);
    }
    directory.write(DERIVATION, fresh.as_bytes())?;
    directory.sync()?;
    Ok(fresh)
}

#[cfg(test)]
mod tests;
