//! A proxy for the engine's socket that records each call: the pause before it, and the time until
//! the engine's first response byte.

use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::support::{Result, Side, Stopwatch};

/// One call. Times are measured from the start of the stopwatch.
#[derive(Clone, Debug)]
struct Call {
    what: String,
    began: Duration,
    answered: Duration,
}

#[derive(Debug)]
pub(crate) struct Calls {
    noted: Arc<Mutex<Vec<Call>>>,
    /// The calls of a round in their order: name, pause before the call, and time to the first
    /// response byte.
    sides: Vec<(String, Side, Side)>,
    _tasks: JoinSet<()>,
}

impl Calls {
    /// Starts the proxy at `here` for the engine at `there`.
    pub(crate) fn between(here: &Path, there: PathBuf) -> Result<Self> {
        let listener = UnixListener::bind(here)?;
        let noted = Arc::<Mutex<Vec<Call>>>::default();
        let (watch, notes) = (Arc::new(Stopwatch::start()), Arc::clone(&noted));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let (there, watch, notes) = (there.clone(), Arc::clone(&watch), Arc::clone(&notes));
                connections.spawn(async move {
                    // The client sees an error as the end of its connection.
                    let _ = lead(client, &there, &watch, &notes).await;
                });
            }
        });
        Ok(Self { noted, sides: Vec::new(), _tasks: tasks })
    }

    /// Ends a round and records its calls if the round counts. The first round of a runner does not
    /// count, because it makes additional calls.
    pub(crate) fn round(&mut self, counts: bool) {
        let mut calls =
            std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        if !counts {
            return;
        }
        calls.sort_by_key(|call| call.began);
        let mut last = calls.first().map_or(Duration::ZERO, |call| call.began);
        for (place, call) in calls.into_iter().enumerate() {
            if self.sides.len() <= place {
                self.sides.push((call.what.clone(), Side::new(""), Side::new("")));
            }
            let (_, pause, took) = &mut self.sides[place];
            pause.add(call.began.saturating_sub(last));
            took.add(call.answered.saturating_sub(call.began));
            last = call.answered;
        }
    }

    /// Returns the medians in milliseconds, in the order of the calls.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(what, pause, took): &(String, Side, Side)| {
            format!("{what} {:.1} after {:.1}", took.median_ms(), pause.median_ms())
        };
        self.sides.iter().map(line).collect()
    }
}

async fn lead(
    client: UnixStream,
    there: &Path,
    watch: &Stopwatch,
    notes: &Mutex<Vec<Call>>,
) -> Result<(), Error> {
    let engine = UnixStream::connect(there).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let began = watch.elapsed();
    // Each connection carries one call, because the client does not reuse connections.
    let what = Mutex::new(String::new());
    let ask = async {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let read = from_client.read(&mut bytes).await?;
            if read == 0 {
                return to_engine.shutdown().await;
            }
            note(&what, &bytes[..read]);
            to_engine.write_all(&bytes[..read]).await?;
        }
    };
    let answer = async {
        let mut bytes = vec![0; 1 << 16];
        let mut first = true;
        loop {
            let read = from_engine.read(&mut bytes).await?;
            if read == 0 {
                return to_client.shutdown().await;
            }
            if std::mem::take(&mut first) {
                let what = what.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let call = Call { what, began, answered: watch.elapsed() };
                notes.lock().unwrap_or_else(PoisonError::into_inner).push(call);
            }
            to_client.write_all(&bytes[..read]).await?;
        }
    };
    let (asked, answered) = tokio::join!(ask, answer);
    asked.and(answered)
}

/// Records the name of a call from the first bytes of its request.
fn note(what: &Mutex<String>, request: &[u8]) {
    let mut what = what.lock().unwrap_or_else(PoisonError::into_inner);
    if what.is_empty() {
        *what = name(request);
    }
}

/// Returns the method and the last segment of the path, as in `POST create`. For a path that ends
/// with a name of ours, returns the kind of the object instead of the name.
fn name(request: &[u8]) -> String {
    let line = String::from_utf8_lossy(request);
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let thing = path.split('/').find(|part| ["images", "containers"].contains(part));
    match thing {
        Some(thing) if last.starts_with("ccc-") => format!("{method} {thing}"),
        _ => format!("{method} {last}"),
    }
}
