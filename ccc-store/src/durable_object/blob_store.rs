//! The client of a Durable Object: a [`BlobStore`] that stores its data in the Durable Object.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, async_trait};

use crate::durable_object::channel::Channel;
use crate::durable_object::protocol::{
    Base64, MAX_MESSAGE_BYTES, MAX_ROW_BYTES, Request, Response, digest,
};
use crate::sealed::{BlobStore, Change, RecordId, SealedIndex};

/// The delays before the second, third and fourth attempt to send a request.
const RETRY_DELAYS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1_600)];

/// A [`BlobStore`] that stores its data in a Durable Object. The store sends its requests through a
/// channel.
#[derive(Debug)]
pub(super) struct ObjectBlobStore {
    channel: Box<dyn Channel>,
    clock: Arc<dyn Clock>,
}

impl ObjectBlobStore {
    /// Creates a store in the Durable Object that `channel` connects to.
    pub(super) fn new(channel: Box<dyn Channel>, clock: Arc<dyn Clock>) -> Self {
        Self { channel, clock }
    }

    /// Sends `request`, and repeats it up to three times after transient errors. A repetition is
    /// safe, because the Durable Object recognizes a recent write that it receives again.
    async fn request(&self, request: &Request) -> Result<Response> {
        let unexpected = |e| {
            Error::new(ErrorKind::Unexpected, "cannot serialize a message to the Durable Object")
                .with_source(e)
        };
        let message = serde_json::to_vec(request).map_err(unexpected)?;
        if message.len() > MAX_MESSAGE_BYTES {
            let line = "the credential, or the index of all credentials, is too large for a Durable Object: store a smaller \
                        credential, or delete unused credentials";
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        let mut delays = RETRY_DELAYS.into_iter();
        loop {
            let error = match self.channel.send(message.clone()).await {
                Ok(answer) => return read(&answer),
                Err(error) => error,
            };
            let transient = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut);
            let Some(delay) = delays.next().filter(|_| transient) else { return Err(error) };
            self.clock.sleep(delay).await;
        }
    }
}

/// Decodes an answer of the Durable Object.
fn read(answer: &[u8]) -> Result<Response> {
    match serde_json::from_slice(answer) {
        Ok(Response::Lost) => {
            let line = "the index of the credential store is missing, although records exist: restore the Durable Object \
                        to an earlier point in time";
            Err(Error::new(ErrorKind::Corrupt, line))
        }
        Ok(Response::Misunderstood { why }) => {
            let line = format!(
                "the Durable Object did not understand a request ({why}): if the Worker is older than this program, deploy the current Worker"
            );
            Err(Error::new(ErrorKind::Unsupported, line))
        }
        Ok(response) => Ok(response),
        // An unknown answer can contain any text, so the error does not show it.
        Err(_) => Err(unexpected_answer()),
    }
}

/// Returns the error for an answer that does not match its request.
fn unexpected_answer() -> Error {
    let line = "the server's answer is not the answer of a credential store: check that the store's URL is the URL of the Worker";
    Error::new(ErrorKind::Unexpected, line)
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl BlobStore for ObjectBlobStore {
    async fn index(&self) -> Result<Option<SealedIndex>> {
        match self.request(&Request::Index {}).await? {
            Response::Index { index } => Ok(index.map(|Base64(index)| index.into())),
            _ => Err(unexpected_answer()),
        }
    }

    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>> {
        match self.request(&Request::Record { id: id.to_string() }).await? {
            Response::Record { record } => Ok(record.map(|Base64(record)| record)),
            _ => Err(unexpected_answer()),
        }
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        let put = change.put.as_ref().map_or(0, |(_, record)| record.len());
        if change.index.len().max(put) > MAX_ROW_BYTES {
            let line = "the credential, or the index of all credentials, is larger than 2 MB, the limit of a Durable Object: \
                        store a smaller credential, or delete unused credentials";
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        let request = Request::Write {
            from: change.from.as_deref().map(digest),
            index: Base64(change.index.to_vec()),
            put: change.put.as_ref().map(|(id, record)| (id.to_string(), Base64(record.clone()))),
            remove: change.remove.map(|id| id.to_string()),
        };
        match self.request(&request).await? {
            Response::Written => Ok(true),
            Response::Overtaken => Ok(false),
            _ => Err(unexpected_answer()),
        }
    }

    async fn remove_unlisted(&self, from: SealedIndex, live: Vec<RecordId>) -> Result<()> {
        let live = live.iter().map(ToString::to_string).collect();
        match self.request(&Request::Sweep { from: digest(&from), live }).await? {
            Response::Swept => Ok(()),
            _ => Err(unexpected_answer()),
        }
    }

    async fn init_derivation(&self, fresh: String) -> Result<String> {
        match self.request(&Request::Derivation { fresh }).await? {
            Response::Derivation { stored } => Ok(stored),
            _ => Err(unexpected_answer()),
        }
    }
}
