//! Forwarding of a streamed response. A dedicated task reads from the API. The task ends when the
//! run ends, even if the agent does not read the response.

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
use crate::model::proxy::budget::{CallFailure, SPENDING_LIMIT_REACHED};
use crate::model::proxy::charge::Charge;
use crate::model::proxy::metering::Meter;
use crate::model::proxy::state::Gate;

/// The reason why a response ends before the API has sent all of it.
enum StreamEnd {
    Spent,
    RunEnded,
    Silent,
    Broken,
    ShowsCredential,
}

/// The resources that a request occupies until its response ends.
pub(crate) struct RequestResources {
    /// The permit that counts this request among the run's concurrent requests.
    pub(crate) _place: OwnedSemaphorePermit,
    /// The guard of the connection over which the request arrived.
    pub(crate) _connection: ConnectionGuard,
}

/// The maximum length of a pause, and the clock that measures pauses. A pause is a time in which
/// the API sends nothing, or in which the agent reads nothing.
pub(crate) struct IdleLimit {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: Duration,
}

struct Flow {
    response: reqwest::Response,
    meter: Meter,
    gate: Arc<Gate>,
    idle: IdleLimit,
    /// The last bytes that the API sent. A copy of the credential can begin in these bytes and end
    /// in the next piece of the response.
    tail: Vec<u8>,
    /// The total time in which the proxy did not read the response, because the agent did not read.
    held_back: Duration,
    _resources: RequestResources,
}

/// The maximum total time in which the proxy does not read a response, because the agent does not
/// read. After a longer time, the API may have closed the connection for this reason. The agent
/// could then choose when a response ends. An early end therefore no longer lowers the cost.
const MAX_HELD_BACK: Duration = Duration::from_secs(5);

/// A piece of the response, or `None` at the end of the response.
type Piece = io::Result<Option<Bytes>>;

/// Returns a body that forwards `response` to the agent, and books the cost on `charge`. The body
/// ends early when the run ends or reaches its spending limit. It also ends early when the API
/// sends nothing, or the agent reads nothing, for longer than `idle` permits.
pub(crate) fn relay(
    response: reqwest::Response,
    charge: Charge,
    gate: &Arc<Gate>,
    idle: IdleLimit,
    resources: RequestResources,
) -> Body {
    let (meter, gate) = (Meter::new(charge, Arc::clone(&gate.account)), Arc::clone(gate));
    let flow = Flow {
        response,
        meter,
        gate,
        idle,
        tail: Vec::new(),
        held_back: Duration::ZERO,
        _resources: resources,
    };
    let (pieces, arriving) = mpsc::channel(1);
    let mut task = JoinSet::new();
    task.spawn(flow.run(pieces));
    let body = futures_util::stream::unfold(Some((arriving, task)), |state| async {
        let (mut arriving, task) = state?;
        match arriving.recv().await {
            Some(Ok(Some(bytes))) => Some((Ok(bytes), Some((arriving, task)))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            // End the body with an error, because the response is incomplete and must not look
            // complete.
            None => Some((Err(io::Error::other("the run has ended")), None)),
        }
    });
    Body::from_stream(body)
}

impl Flow {
    /// Forwards the response to `pieces`, piece by piece, until the response ends.
    async fn run(mut self, pieces: mpsc::Sender<Piece>) {
        loop {
            let (piece, more) = match self.next().await {
                Ok(Some(bytes)) => (Ok(Some(bytes)), true),
                Ok(None) => (Ok(None), false),
                Err(StreamEnd::Spent) => {
                    self.send_piece(&pieces, Ok(Some(used_up()))).await;
                    (Ok(None), false)
                }
                Err(cut) => (Err(self.record_failure(&cut)), false),
            };
            if !self.send_piece(&pieces, piece).await || !more {
                return;
            }
        }
    }

    /// Sends `piece` to the body. Returns `false` if the body does not accept the piece before the
    /// run ends or the idle limit is reached, or if the body was dropped.
    async fn send_piece(&mut self, pieces: &mpsc::Sender<Piece>, piece: Piece) -> bool {
        let before = self.idle.clock.now();
        let accepted = tokio::select! {
            biased;
            sent = pieces.send(piece) => sent.is_ok(),
            () = self.gate.account.closed.cancelled() => false,
            () = self.idle.clock.sleep(self.idle.limit) => false,
        };
        // The clock can have been set back.
        let waited = self.idle.clock.now().duration_since(before);
        let waited = Duration::try_from(waited).unwrap_or_default();
        self.held_back = self.held_back.saturating_add(waited);
        accepted
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StreamEnd> {
        let account = &self.gate.account;
        let chunk = tokio::select! {
            biased;
            () = account.closed.cancelled() => return Err(StreamEnd::RunEnded),
            () = account.exhausted.cancelled() => return Err(StreamEnd::Spent),
            chunk = self.response.chunk() => chunk,
            () = self.idle.clock.sleep(self.idle.limit) => return Err(StreamEnd::Silent),
        };
        let by_api = self.held_back <= MAX_HELD_BACK;
        let bytes = match chunk {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.meter.end(by_api);
                return Ok(None);
            }
            Err(_) => {
                if by_api {
                    self.meter.broken();
                }
                return Err(StreamEnd::Broken);
            }
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

    /// Returns whether `bytes`, together with the end of the previous pieces, contain the
    /// credential.
    fn shows_credential(&mut self, bytes: &[u8]) -> bool {
        let credential = &self.gate.credential;
        self.tail.extend_from_slice(bytes);
        let found = credential.is_in(&self.tail);
        let overlap = credential.secret().expose().len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(overlap));
        found
    }

    /// Returns the error with which the response to the agent ends. If the API caused this end,
    /// also records the error as a failure of the API.
    fn record_failure(&self, cut: &StreamEnd) -> io::Error {
        let (kind, line) = match cut {
            StreamEnd::RunEnded | StreamEnd::Spent => return io::Error::other("the run has ended"),
            StreamEnd::Silent => {
                let line =
                    format!("the model's API sent nothing for {} s", self.idle.limit.as_secs());
                (ErrorKind::TimedOut, line)
            }
            StreamEnd::Broken => {
                let line = "the model's API closed the connection in the middle of an answer";
                (ErrorKind::Unavailable, line.to_owned())
            }
            StreamEnd::ShowsCredential => {
                let line = "the answer of the model's API contains the credential, and was therefore \
                            cut off";
                (ErrorKind::Unexpected, line.to_owned())
            }
        };
        let failure = CallFailure { kind, text: line.clone() };
        self.gate.account.set_last_failure(self.meter.charge.model(), failure);
        io::Error::other(line)
    }
}

/// Returns the event that ends a streamed response when the run's spending limit is reached.
fn used_up() -> Bytes {
    let error = json!({ "type": "billing_error", "message": SPENDING_LIMIT_REACHED });
    let event = json!({ "type": "error", "error": error });
    format!("\n\nevent: error\ndata: {event}\n\n").into()
}
