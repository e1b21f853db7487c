//! Credentials in a Durable Object of Cloudflare's, which sees cipher text alone.
//!
//! The object keeps rows and compares what it is told to compare; encrypting, versions and the index are the
//! client's, who is far away ([`Remote`], over HTTPS) or in the Worker before the object (any other [`Channel`]).
//! `examples/worker` hosts the object with [`answer`] and [`Gate`].

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, async_trait};

mod ask;
mod object;
#[cfg(not(target_arch = "wasm32"))]
mod remote;
mod signature;

use ask::{Answer, Ask, Bytes, digest};
use object::MAX_ROW;
pub use object::{MAX_ASK, Rows, answer};
#[cfg(not(target_arch = "wasm32"))]
pub use remote::Remote;
pub use signature::{DATE, Denied, Gate, NONCE, Once, SIGNATURE};

use crate::keys::Keys;
use crate::sealed::{Change, Place, Rests, Sealed, Shelf};

/// How long to wait before each further try.
const AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1_600)];

/// The way to an object.
///
/// # Contract
/// Safe to share. One message, one answer; ends within a bounded time.
/// [`Unavailable`](ErrorKind::Unavailable) and [`TimedOut`](ErrorKind::TimedOut) may be tried again, whether the
/// message arrived or not; other errors may not. No error shows the message.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Channel: Debug + Send + Sync + 'static {
    /// Brings a message to the object, and its answer back.
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>>;
}

/// Credentials in a Durable Object, encrypted before they get there.
///
/// A write that returned is in the object's storage. What stops whom: who has the object's storage has cipher text,
/// and can destroy it, or bring all of it back as it was earlier. Over a [`Remote`] the key is not at Cloudflare at
/// all; in a Worker it is one of the Worker's secrets, and the object's class does not get it.
#[derive(Debug)]
pub struct DurableObjectCredentialStore {
    sealed: Sealed<ObjectShelf>,
}

impl DurableObjectCredentialStore {
    /// Opens the store that the channel leads to.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when the keys are not its keys, or the index is damaged; those of the channel.
    pub async fn open(channel: impl Channel, clock: Arc<dyn Clock>, keys: &Keys) -> Result<Self> {
        let shelf = ObjectShelf { channel: Box::new(channel), clock };
        Ok(Self { sealed: Sealed::open(shelf, "credentials", keys).await? })
    }

    /// Reads with these keys from now on, beside those that it had, and writes under the first of them.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when the keys do not open the index: then they are not taken; those of the
    /// channel.
    pub async fn adopt(&self, keys: &Keys) -> Result<()> {
        self.sealed.adopt(keys).await
    }

    /// Adopts these keys and puts every record under the first of them, as the store of files does.
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt), and for a record that is damaged or under a key that is nowhere: the others are
    /// under the new key then. It may be called again.
    pub async fn rotate(&self, keys: &Keys) -> Result<usize> {
        self.sealed.rotate(keys).await
    }
}

crate::sealed::store_over_a_shelf!(DurableObjectCredentialStore);

/// The rows of an object.
#[derive(Debug)]
struct ObjectShelf {
    channel: Box<dyn Channel>,
    clock: Arc<dyn Clock>,
}

impl ObjectShelf {
    /// Asks until there is an answer. Each ask can be made twice: the object knows the writes that it did last.
    async fn ask(&self, ask: &Ask) -> Result<Answer> {
        let unexpected =
            |e| Error::new(ErrorKind::Unexpected, "a message that is no JSON").with_source(e);
        let message = serde_json::to_vec(ask).map_err(unexpected)?;
        if message.len() > MAX_ASK {
            let line =
                "the credential, or the index of all of them, is larger than an object can keep";
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        let mut waits = AGAIN_AFTER.into_iter();
        loop {
            let error = match self.channel.send(message.clone()).await {
                Ok(answer) => return read(&answer),
                Err(error) => error,
            };
            let transient = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut);
            let Some(wait) = waits.next().filter(|_| transient) else { return Err(error) };
            self.clock.sleep(wait).await;
        }
    }
}

fn read(answer: &[u8]) -> Result<Answer> {
    match serde_json::from_slice(answer) {
        Ok(Answer::Lost) => {
            let line = "the index of the credentials is gone, and they are there: bring the object back to an \
                        earlier point in time";
            Err(Error::new(ErrorKind::Corrupt, line))
        }
        Ok(Answer::Misunderstood { why }) => {
            let line = format!(
                "the object does not take what it is asked ({why}): is the Worker older than this?"
            );
            Err(Error::new(ErrorKind::Unsupported, line))
        }
        Ok(answer) => Ok(answer),
        // What it said may be anything, and is not shown.
        Err(_) => Err(confused()),
    }
}

fn confused() -> Error {
    let line =
        "what answers for the credentials is not their object: is the URL that of the Worker?";
    Error::new(ErrorKind::Unexpected, line)
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Shelf for ObjectShelf {
    async fn index(&self) -> Result<Option<Rests>> {
        match self.ask(&Ask::Index {}).await? {
            Answer::Index { index } => Ok(index.map(|Bytes(index)| index.into())),
            _ => Err(confused()),
        }
    }

    async fn record(&self, place: Place) -> Result<Option<Vec<u8>>> {
        match self.ask(&Ask::Record { place: place.to_string() }).await? {
            Answer::Record { record } => Ok(record.map(|Bytes(record)| record)),
            _ => Err(confused()),
        }
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        let put = change.put.as_ref().map_or(0, |(_, record)| record.len());
        if change.index.len().max(put) > MAX_ROW {
            let line = "the credential, or the index of all of them, is larger than an object can keep, 2 MB";
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        let ask = Ask::Write {
            from: change.from.as_deref().map(digest),
            index: Bytes(change.index.to_vec()),
            put: change
                .put
                .as_ref()
                .map(|(place, record)| (place.to_string(), Bytes(record.clone()))),
            remove: change.remove.map(|place| place.to_string()),
        };
        match self.ask(&ask).await? {
            Answer::Written => Ok(true),
            Answer::Overtaken => Ok(false),
            _ => Err(confused()),
        }
    }

    async fn sweep(&self, from: Rests, keep: Vec<Place>) -> Result<()> {
        let keep = keep.iter().map(ToString::to_string).collect();
        match self.ask(&Ask::Sweep { from: digest(&from), keep }).await? {
            Answer::Swept => Ok(()),
            _ => Err(confused()),
        }
    }

    async fn keep_derivation(&self, fresh: String) -> Result<String> {
        match self.ask(&Ask::Derivation { fresh }).await? {
            Answer::Derivation { kept } => Ok(kept),
            _ => Err(confused()),
        }
    }
}

#[cfg(test)]
mod tests;
