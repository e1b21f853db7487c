//! A socket before the engine's that notes each call: how long nobody called before it, and how long
//! the engine took to begin its answer.

use std::io::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::support::{Result, Side, Stopwatch};

/// One call, since the beginning of the watch.
#[derive(Clone, Debug)]
struct Call {
    what: String,
    began: Duration,
    answered: Duration,
}

#[derive(Debug)]
pub(crate) struct Calls {
    noted: Arc<Mutex<Vec<Call>>>,
    /// Of one round after the other, by the place of the call in its round.
    sides: Vec<(String, Side, Side)>,
    _tasks: JoinSet<()>,
}

impl Calls {
    /// Stands at `here` before the engine at `there`.
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
                    // Who calls is told by the end of the connection.
                    let _ = lead(client, &there, &watch, &notes).await;
                });
            }
        });
        Ok(Self { noted, sides: Vec::new(), _tasks: tasks })
    }

    /// What was called since the last time is one round; the first calls of a runner are not like the others.
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

    /// The medians, in milliseconds, in the order of the calls.
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
    // A connection holds one call: whoever calls keeps none for later.
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

/// The first that is sent says what it is.
fn note(what: &Mutex<String>, request: &[u8]) {
    let mut what = what.lock().unwrap_or_else(PoisonError::into_inner);
    if what.is_empty() {
        *what = name(request);
    }
}

/// The method and the last word of the path that is no name of ours: `POST create`.
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
