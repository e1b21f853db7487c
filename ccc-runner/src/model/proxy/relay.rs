//! Forwarding of a streamed response. A dedicated task reads from the API. It ends with the run,
//! even if the agent does not read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use ccc_core::{Clock, ErrorKind};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use crate::model::http_server::ConnectionGuard;
use crate::model::proxy::budget::{CallFailure, Charge, SPENDING_LIMIT_REACHED};
use crate::model::proxy::metering::Meter;
use crate::model::proxy::state::Gate;

/// The reason why a stream ends early.
enum StreamEnd {
    Spent,
    Over,
    Silent,
    Broken,
    ShowsCredential,
}

/// The resources that a request holds until its response ends.
pub(crate) struct Hold {
    /// The request's share of the run's limit on concurrent requests.
    pub(crate) _place: OwnedSemaphorePermit,
    /// The guard of the connection over which the request came.
    pub(crate) _connection: ConnectionGuard,
}

/// The time limit for an API that sends nothing, and for an agent that reads nothing.
pub(crate) struct IdleLimit {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: Duration,
}

struct Flow {
    response: reqwest::Response,
    meter: Meter,
    gate: Arc<Gate>,
    idle: IdleLimit,
    /// The last bytes of the response, in which a copy of the credential may begin.
    tail: Vec<u8>,
    _hold: Hold,
}

/// A piece of the response; `None` at its end.
type Piece = io::Result<Option<Bytes>>;

/// Returns the response as a body. The body ends when the run ends, when the spending limit is
/// reached, or when nothing is received or read for the time of `idle`.
pub(crate) fn relay(
    response: reqwest::Response,
    charge: Charge,
    gate: &Arc<Gate>,
    idle: IdleLimit,
    hold: Hold,
) -> Body {
    let (meter, gate) = (Meter::new(charge, Arc::clone(&gate.account)), Arc::clone(gate));
    let flow = Flow { response, meter, gate, idle, tail: Vec::new(), _hold: hold };
    let (pieces, arriving) = mpsc::channel(1);
    let mut task = JoinSet::new();
    task.spawn(flow.run(pieces));
    let body = futures_util::stream::unfold(Some((arriving, task)), |state| async {
        let (mut arriving, task) = state?;
        match arriving.recv().await {
            Some(Ok(Some(bytes))) => Some((Ok(bytes), Some((arriving, task)))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            // The response is incomplete, and must not look complete.
            None => Some((Err(io::Error::other("the run has ended")), None)),
        }
    });
    Body::from_stream(body)
}

impl Flow {
    /// Forwards pieces of the response until its end.
    async fn run(mut self, pieces: mpsc::Sender<Piece>) {
        loop {
            let (piece, more) = match self.next().await {
                Ok(Some(bytes)) => (Ok(Some(bytes)), true),
                Ok(None) => (Ok(None), false),
                Err(StreamEnd::Spent) => {
                    self.hand_on(&pieces, Ok(Some(used_up()))).await;
                    (Ok(None), false)
                }
                Err(cut) => (Err(self.record_failure(&cut)), false),
            };
            if !self.hand_on(&pieces, piece).await || !more {
                return;
            }
        }
    }

    /// Sends a piece to the body, and returns whether it was accepted in time.
    async fn hand_on(&self, pieces: &mpsc::Sender<Piece>, piece: Piece) -> bool {
        tokio::select! {
            biased;
            sent = pieces.send(piece) => sent.is_ok(),
            () = self.gate.account.closed.cancelled() => false,
            () = self.idle.clock.sleep(self.idle.limit) => false,
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StreamEnd> {
        let account = &self.gate.account;
        let chunk = tokio::select! {
            biased;
            () = account.closed.cancelled() => return Err(StreamEnd::Over),
            () = account.exhausted.cancelled() => return Err(StreamEnd::Spent),
            chunk = self.response.chunk() => chunk.map_err(|_| StreamEnd::Broken)?,
            () = self.idle.clock.sleep(self.idle.limit) => return Err(StreamEnd::Silent),
        };
        let Some(bytes) = chunk else {
            // The last line may lack a line break.
            self.meter.end_of_line();
            return Ok(None);
        };
        account.alive.send_replace(());
        self.meter.read(&bytes);
        if self.shows_credential(&bytes) {
            return Err(StreamEnd::ShowsCredential);
        }
        if !self.meter.charge.may_continue() {
            return Err(StreamEnd::Spent);
        }
        Ok(Some(bytes))
    }

    /// Returns whether the response contains the credential, even if it is split between two
    /// pieces.
    fn shows_credential(&mut self, bytes: &[u8]) -> bool {
        let credential = &self.gate.credential;
        self.tail.extend_from_slice(bytes);
        let found = credential.is_in(&self.tail);
        let overlap = credential.secret().expose().len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(overlap));
        found
    }

    /// Returns the error that ends the agent's response. Records it as a failure of the API.
    fn record_failure(&self, cut: &StreamEnd) -> io::Error {
        let (kind, line) = match cut {
            StreamEnd::Over | StreamEnd::Spent => return io::Error::other("the run has ended"),
            StreamEnd::Silent => {
                let line =
                    format!("the model's API was silent for {} s", self.idle.limit.as_secs());
                (ErrorKind::TimedOut, line)
            }
            StreamEnd::Broken => {
                let line = "the model's API closed the connection in the middle of an answer";
                (ErrorKind::Unavailable, line.to_owned())
            }
            StreamEnd::ShowsCredential => {
                let line = "the answer of the model's API contains the credential";
                (ErrorKind::Unexpected, line.to_owned())
            }
        };
        let trouble = CallFailure { kind, text: line.clone() };
        self.gate.account.set_trouble(self.meter.charge.model(), trouble);
        io::Error::other(line)
    }
}

/// Returns the event that ends a streamed response when the run's spending limit is reached.
fn used_up() -> Bytes {
    let error = json!({ "type": "billing_error", "message": SPENDING_LIMIT_REACHED });
    let event = json!({ "type": "error", "error": error });
    format!("\n\nevent: error\ndata: {event}\n\n").into()
}
