//! A run store in an SQLite database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::run::{ActorCheck, RunRecord};
use ccc_core::run_log::LogEntry;
use ccc_core::run_store::{Accepted, Claim, Fence, Renewal};
use ccc_core::{
    Clock, DeliveryId, Outcome, Progress, Result, RunId, RunLog, RunStore, async_trait,
};
use jiff::Timestamp;
use rusqlite::Connection;

mod accept;
mod backup;
mod claims;
mod database;
mod errors;
mod logs;
mod ownership;
mod records;
mod retention;
mod schema;
mod statement;

use crate::bounds::Bounds;
use database::Database;
use ownership::Ownership;

/// A [`RunStore`] in an SQLite database, with the logs of its runs ([`RunLog`]). One process owns
/// the database at a time.
///
/// A write that returned `Ok` is on the disk: the database uses a write-ahead log with
/// `synchronous = FULL`. One thread writes, and commits the writes that wait at the same time in one
/// transaction. Other threads read. The calls are not blocked by a slow disk, and their futures can be
/// dropped.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use ccc_core::{RunStore as _, SystemClock};
/// use ccc_store::{Bounds, SqliteRunStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> ccc_core::Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("runs.sqlite");
/// let store = SqliteRunStore::open(&path, Arc::new(SystemClock), Bounds::on_disk()).await?;
/// assert_eq!(store.list(None, 10).await?, []);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SqliteRunStore {
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    database: Database,
}

impl SqliteRunStore {
    /// Opens the database in the file `path` with the limits `bounds`. Creates the file if it does
    /// not exist. Makes the files of the database accessible only to the user of this process.
    ///
    /// The leases of an earlier process end, so that its runs can be claimed at once. The form of every
    /// page is checked, and a damaged database is not changed. The value holds a lock on the file
    /// `path` with the suffix `.lock`. Dropping the value waits for active writes.
    ///
    /// # Errors
    /// [`Conflict`](ccc_core::ErrorKind::Conflict) if another process uses the database.
    /// [`Unsupported`](ccc_core::ErrorKind::Unsupported) if a newer version of this program has
    /// written the database, if the file is another database, or if its file system cannot keep the
    /// file private.
    /// [`Corrupt`](ccc_core::ErrorKind::Corrupt) if the file is damaged or is no database.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the file cannot be read or written.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>, bounds: Bounds) -> Result<Self> {
        let path = path.to_owned();
        let database = blocking(move || Database::open(&path)).await??;
        Ok(Self { clock, bounds, database })
    }

    /// Opens the database in the file `path`, while another process may own it: for a command that
    /// reads runs, or requests the cancellation or the repetition of a run. Neither creates nor checks
    /// nor converts the database, and ends no lease.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the file does not exist.
    /// [`Unsupported`](ccc_core::ErrorKind::Unsupported) if another version of this program has
    /// written the database, or if the file is another database. The other errors of
    /// [`open`](Self::open).
    pub async fn open_beside(path: &Path, clock: Arc<dyn Clock>, bounds: Bounds) -> Result<Self> {
        let path = path.to_owned();
        let database = blocking(move || Database::open_beside(&path)).await??;
        Ok(Self { clock, bounds, database })
    }

    /// Returns whether a process owns the database in the file `path`.
    ///
    /// # Errors
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the check panics.
    pub async fn has_owner(path: &Path) -> Result<bool> {
        let path = path.to_owned();
        blocking(move || Ownership::is_taken(&path)).await
    }

    /// Returns the ids of at most `limit` runs whose id begins with `start`, the newest first.
    ///
    /// # Errors
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if the database cannot be read.
    pub async fn find(&self, start: &str, limit: usize) -> Result<Vec<RunId>> {
        let start = start.to_owned();
        self.read("run_store.find", move |tx| records::find(tx, &start, limit)).await
    }

    /// Writes a backup of the database in the file `database` to the file `to`, which must be empty or
    /// not exist. The backup also contains `files`, each with its name. The contents of `files` are
    /// not encrypted further. Another process can use the database at the same time: the backup is the
    /// state of the database at one moment.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) if the database does not exist.
    /// [`Unsupported`](ccc_core::ErrorKind::Unsupported) if the file is another database, or if a newer
    /// version of this program has written it.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if a file cannot be read or written.
    pub async fn back_up(database: &Path, to: &Path, files: Vec<(String, Vec<u8>)>) -> Result<()> {
        let (database, to) = (database.to_owned(), to.to_owned());
        let done =
            tokio::task::spawn_blocking(move || backup::back_up(&database, &to, &files)).await;
        done.map_err(|error| errors::ended().with_source(error))?
    }

    /// Replaces the database in the file `database` by the one in `backup`, a file that
    /// [`back_up`](Self::back_up) has written. The former database becomes the file `replaced`, in
    /// the same directory. Returns the other files of the backup. After an error, the former database
    /// is unchanged.
    ///
    /// # Errors
    /// [`Conflict`](ccc_core::ErrorKind::Conflict) if another process uses the database.
    /// [`Unsupported`](ccc_core::ErrorKind::Unsupported) if `backup` is no backup, or if a newer version
    /// of this program has written it. [`Corrupt`](ccc_core::ErrorKind::Corrupt) if it is damaged.
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) if a file cannot be read or written.
    pub async fn restore(
        backup: &Path,
        database: &Path,
        replaced: &Path,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let [backup, database, replaced] = [backup, database, replaced].map(Path::to_owned);
        let restored =
            tokio::task::spawn_blocking(move || backup::restore(&backup, &database, &replaced))
                .await;
        restored.map_err(|error| errors::ended().with_source(error))?
    }

    /// Applies `change` at the current time of the store's clock.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&Connection, Timestamp, &Bounds) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (clock, bounds) = (Arc::clone(&self.clock), self.bounds);
        let written = self.database.write(move |tx| change(tx, clock.now(), &bounds)).await;
        written.map_err(|error| error.with_operation(operation))
    }

    /// Returns the result of `read`.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.database.read(read).await.map_err(|error| error.with_operation(operation))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| errors::ended().with_source(error))
}

#[async_trait]
impl RunStore for SqliteRunStore {
    async fn accept(
        &self,
        delivery: &Delivery,
        event: &IssueEvent,
        check: ActorCheck,
    ) -> Result<Accepted> {
        let (delivery, event) = (delivery.clone(), event.clone());
        self.write("run_store.accept", move |tx, now, bounds| {
            accept::accept(tx, now, bounds, &delivery, &event, check)
        })
        .await
    }

    async fn find_delivery(&self, delivery: &DeliveryId) -> Result<Option<RunId>> {
        let delivery = delivery.clone();
        self.read("run_store.find_delivery", move |tx| accept::run_of_delivery(tx, &delivery)).await
    }

    async fn claim(&self, lease: Duration) -> Result<Option<Claim>> {
        self.write("run_store.claim", move |tx, now, _| claims::claim(tx, now, lease)).await
    }

    async fn renew(&self, run: RunId, fence: Fence, lease: Duration) -> Result<Renewal> {
        self.write("run_store.renew", move |tx, now, _| claims::renew(tx, now, run, fence, lease))
            .await
    }

    async fn release(&self, run: RunId, fence: Fence, delay: Duration) -> Result<()> {
        self.write("run_store.release", move |tx, now, _| {
            claims::release(tx, now, run, fence, delay)
        })
        .await
    }

    async fn advance(&self, run: RunId, fence: Fence, progress: &Progress) -> Result<()> {
        let progress = progress.clone();
        self.write("run_store.advance", move |tx, now, _| {
            claims::advance(tx, now, run, fence, &progress)
        })
        .await
    }

    async fn finish(&self, run: RunId, fence: Fence, outcome: &Outcome) -> Result<()> {
        let outcome = outcome.clone();
        self.write("run_store.finish", move |tx, now, bounds| {
            claims::finish(tx, now, run, fence, &outcome)?;
            retention::trim_by_age(tx, now, bounds)?;
            retention::trim(tx, bounds)
        })
        .await
    }

    async fn request_cancel(&self, run: RunId) -> Result<()> {
        self.write("run_store.request_cancel", move |tx, _, _| claims::request_cancel(tx, run))
            .await
    }

    async fn retry(&self, run: RunId) -> Result<Accepted> {
        self.write("run_store.retry", move |tx, now, bounds| accept::retry(tx, now, bounds, run))
            .await
    }

    async fn unfinished(&self) -> Result<Vec<RunId>> {
        self.read("run_store.unfinished", records::unfinished).await
    }

    async fn check(&self) -> Result<()> {
        // SQLite writes nothing to the disk if no value changes.
        self.write("run_store.check", |tx, _, _| records::add_to_total(tx, "checks", 1)).await
    }

    async fn get(&self, run: RunId) -> Result<Option<RunRecord>> {
        self.read("run_store.get", move |tx| records::get(tx, run)).await
    }

    async fn list(&self, before: Option<RunId>, limit: usize) -> Result<Vec<RunRecord>> {
        self.read("run_store.list", move |tx| records::list(tx, before, limit)).await
    }
}

#[async_trait]
impl RunLog for SqliteRunStore {
    async fn append(&self, run: RunId, fence: Fence, entries: &[LogEntry]) -> Result<()> {
        let entries = entries.to_vec();
        self.write("run_log.append", move |tx, now, bounds| {
            let number = claims::leased(tx, now, run, fence)?;
            logs::append(tx, bounds, number, &entries)?;
            retention::trim_logs(tx, bounds)
        })
        .await
    }

    async fn tail(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<(u64, LogEntry)>> {
        self.read("run_log.tail", move |tx| logs::tail(tx, run, from, limit)).await
    }
}
