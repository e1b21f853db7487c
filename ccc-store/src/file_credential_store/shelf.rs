//! The files of a store.

use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result, async_trait};

use super::directory::Directory;
use crate::aside::aside;
use crate::sealed::{Change, Place, Rests, Shelf};

const INDEX: &str = "index";
/// Costs and salt of the passphrase.
const DERIVATION: &str = "derivation";

/// Waits for the disk where that holds nobody up.
#[derive(Debug)]
pub(super) struct FileShelf {
    directory: Arc<Directory>,
}

impl FileShelf {
    pub(super) fn new(directory: Directory) -> Self {
        Self { directory: Arc::new(directory) }
    }

    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Directory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = Arc::clone(&self.directory);
        aside(move || act(&directory)).await
    }
}

#[async_trait]
impl Shelf for FileShelf {
    async fn index(&self) -> Result<Option<Rests>> {
        self.with(index).await
    }

    async fn record(&self, place: Place) -> Result<Option<Vec<u8>>> {
        self.with(move |directory| directory.read(&place.to_string())).await
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        self.with(move |directory| write(directory, &change)).await
    }

    async fn sweep(&self, from: Rests, keep: Vec<Place>) -> Result<()> {
        self.with(move |directory| sweep(directory, &from, &keep)).await
    }

    async fn keep_derivation(&self, fresh: String) -> Result<String> {
        self.with(move |directory| keep_derivation(directory, fresh)).await
    }
}

/// Whether it is the file of a record.
fn is_record(name: &str) -> bool {
    name.parse::<Place>().is_ok()
}

fn index(directory: &Directory) -> Result<Option<Rests>> {
    if let Some(index) = directory.read(INDEX)? {
        return Ok(Some(index.into()));
    }
    // A record that is there now may be one of somebody's first write, who has made the index by now as well.
    if directory.names()?.iter().any(|name| is_record(name)) {
        if let Some(index) = directory.read(INDEX)? {
            return Ok(Some(index.into()));
        }
        let line = "the index of the credentials is gone, and they are there: bring the directory back from a copy";
        return Err(Error::new(ErrorKind::Corrupt, line));
    }
    Ok(None)
}

fn write(directory: &Directory, change: &Change) -> Result<bool> {
    let _held = directory.hold()?;
    if index(directory)? != change.from {
        return Ok(false);
    }
    if let Some((place, record)) = &change.put {
        directory.write(&place.to_string(), record)?;
        directory.settle()?;
    }
    // This is the moment: what was written before it is nothing to anybody, and what is removed after it neither.
    directory.write(INDEX, &change.index)?;
    directory.settle()?;
    if let Some(place) = change.remove {
        // It stays until the next start, where it cannot be removed now: the credential was written.
        let _ = directory.remove(&place.to_string());
    }
    Ok(true)
}

fn sweep(directory: &Directory, from: &Rests, keep: &[Place]) -> Result<()> {
    let _held = directory.hold()?;
    if index(directory)?.as_ref() != Some(from) {
        return Ok(());
    }
    let keep: Vec<String> = keep.iter().map(ToString::to_string).collect();
    let stray = |name: &&String| {
        Directory::is_unfinished(name) || (is_record(name) && !keep.contains(name))
    };
    let names = directory.names()?;
    names.iter().filter(stray).try_for_each(|name| directory.remove(name))
}

fn keep_derivation(directory: &Directory, fresh: String) -> Result<String> {
    let _held = directory.hold()?;
    if let Some(kept) = directory.read(DERIVATION)? {
        let damaged = |_| Error::new(ErrorKind::Corrupt, "the store's costs and salt are damaged");
        return String::from_utf8(kept).map_err(damaged);
    }
    directory.write(DERIVATION, fresh.as_bytes())?;
    directory.settle()?;
    Ok(fresh)
}

#[cfg(test)]
mod tests;
