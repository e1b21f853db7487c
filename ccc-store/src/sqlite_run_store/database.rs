//! The threads of a database: one that writes, and others that read.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use ccc_core::Result;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::errors;
use super::ownership::Ownership;
use super::schema;

/// Number of threads that read.
const READERS: usize = 2;

/// Maximum number of writes in one transaction.
const MAX_GROUP: usize = 256;

/// Work for a thread of the database.
trait Work: Send {
    /// Does the work in the current transaction. Returns whether it succeeded.
    fn execute(&mut self, connection: &Connection) -> bool;

    /// Reports the result to the caller. `failure` is the error of the transaction, if it failed.
    fn end(self: Box<Self>, failure: Option<&rusqlite::Error>);
}

struct Call<F, T> {
    call: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<F, T> Work for Call<F, T>
where
    F: FnOnce(&Connection) -> Result<T> + Send,
    T: Send,
{
    fn execute(&mut self, connection: &Connection) -> bool {
        self.result = self.call.take().map(|call| call(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn end(self: Box<Self>, failure: Option<&rusqlite::Error>) {
        let result = match (self.result, failure) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(errors::of(error)),
            (Some(result), None) => result,
            (None, None) => Err(errors::ended()),
        };
        // The caller may no longer wait.
        let _ = self.answer.send(result);
    }
}

/// An open database. Dropping it waits until active work has ended, and closes the database.
pub(super) struct Database {
    /// `None` only while the value is dropped.
    queues: Option<Queues>,
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    /// The lock ends after the threads have ended. `None` if another process can own the database.
    _ownership: Option<Ownership>,
}

/// The queues of the threads.
struct Queues {
    writes: Sender<Box<dyn Work>>,
    reads: Sender<Box<dyn Work>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

impl Database {
    /// Takes the ownership of the database in the file `path`, opens it, and starts its threads.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let ownership = Ownership::take(path)?;
        let writer = schema::open(path)?;
        Self::start(path, writer, Some(ownership))
    }

    /// Opens the database in the file `path`, which another process can own, and starts its threads.
    pub(super) fn open_beside(path: &Path) -> Result<Self> {
        Self::start(path, schema::open_beside(path)?, None)
    }

    fn start(path: &Path, writer: Connection, ownership: Option<Ownership>) -> Result<Self> {
        let (writes, waiting_writes) = channel();
        let (reads, waiting_reads) = channel();
        let writer = Some(start("run-store-writer", move || write(&writer, &waiting_writes))?);
        let mut readers = Vec::new();
        let waiting_reads = Arc::new(Mutex::new(waiting_reads));
        for _ in 0..READERS {
            let (connection, waiting) = (schema::open_to_read(path)?, Arc::clone(&waiting_reads));
            readers.push(start("run-store-reader", move || read(&connection, &waiting))?);
        }
        let queues = Some(Queues { writes, reads });
        Ok(Self { queues, writer, readers, _ownership: ownership })
    }

    /// Executes `change` in a transaction, and returns its result when the transaction is on the
    /// disk. If `change` fails, it has changed nothing.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        call(self.queues.as_ref().map(|queues| &queues.writes), change).await
    }

    /// Executes `read` on one state of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        call(self.queues.as_ref().map(|queues| &queues.reads), read).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(Queues { writes, reads }) = self.queues.take() else { return };
        // The writer closes its connection last: the last connection moves the write-ahead log into the
        // database, and a connection that only reads cannot do this.
        drop(reads);
        let readers = std::mem::take(&mut self.readers);
        // A thread that panicked has reported its panic.
        readers.into_iter().for_each(|reader| drop(reader.join()));
        drop(writes);
        self.writer.take().into_iter().for_each(|writer| drop(writer.join()));
    }
}

async fn call<T: Send + 'static>(
    thread: Option<&Sender<Box<dyn Work>>>,
    call: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, received) = oneshot::channel();
    let work = Box::new(Call { call: Some(call), result: None, answer });
    let sent = thread.map(|thread| thread.send(work));
    if !matches!(sent, Some(Ok(()))) {
        return Err(errors::ended());
    }
    received.await.unwrap_or_else(|_| Err(errors::ended()))
}

fn start(name: &str, thread: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let started = Builder::new().name(name.to_owned()).spawn(thread);
    started.map_err(|error| errors::ended().with_source(error))
}

/// Executes the waiting writes in groups. Ends when the database is dropped.
fn write(connection: &Connection, waiting: &Receiver<Box<dyn Work>>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(MAX_GROUP - 1));
        let committed = write_group(connection, &mut group);
        for work in group {
            work.end(committed.as_ref().err());
        }
    }
}

/// Executes the writes in `group` in one transaction. A write that fails is undone alone.
fn write_group(connection: &Connection, group: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let written = group.iter_mut().try_for_each(|work| {
        connection.execute_batch("SAVEPOINT work")?;
        if !work.execute(connection) {
            // This fails if SQLite has undone the whole transaction, as after a full disk.
            connection.execute_batch("ROLLBACK TO work")?;
        }
        connection.execute_batch("RELEASE work")
    });
    let committed = written.and_then(|()| connection.execute_batch("COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    committed
}

/// Executes waiting reads. Ends when the database is dropped.
fn read(connection: &Connection, waiting: &Mutex<Receiver<Box<dyn Work>>>) {
    loop {
        let work = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut work) = work else { return };
        let begun = connection.execute_batch("BEGIN");
        if begun.is_ok() {
            work.execute(connection);
            let _ = connection.execute_batch("COMMIT");
        }
        work.end(begun.as_ref().err());
    }
}
