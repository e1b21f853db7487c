//! The channel from the Worker to its Durable Objects.

use std::time::Duration;

use ccc_core::{Clock as _, Error, ErrorKind, Result, async_trait};
use ccc_store::durable_object::Channel;
use futures_util::future::{Either, select};
use worker::{Method, Request, RequestInit, Stub};

use crate::clock::WorkerClock;

/// Time limit for the response of a Durable Object.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A channel to a Durable Object over the Worker's binding. Messages are not signed, because only
/// this Worker has the binding.
#[derive(Debug)]
pub(crate) struct ObjectChannel(pub(crate) Stub);

#[async_trait(?Send)]
impl Channel for ObjectChannel {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        let asked = async {
            let mut response = self.0.fetch_with_request(post(message)?).await?;
            Ok::<_, worker::Error>((response.status_code(), response.bytes().await?))
        };
        let answered = select(Box::pin(asked), WorkerClock.sleep(TIMEOUT)).await;
        let Either::Left((answered, _)) = answered else {
            let line = "the Durable Object did not answer within 20 seconds: try again";
            return Err(Error::new(ErrorKind::TimedOut, line));
        };
        match answered.map_err(unreachable)? {
            (200, answer) => Ok(answer),
            (status, why) => {
                let why: String = String::from_utf8_lossy(&why).chars().take(200).collect();
                let line = format!("the Durable Object answered with the status {status}: {why}");
                Err(Error::new(ErrorKind::Unavailable, line))
            }
        }
    }
}

/// Returns a request to a Durable Object with `message` as its body.
pub(crate) fn post(message: Vec<u8>) -> worker::Result<Request> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(message.into()));
    Request::new_with_init("https://object/", &init)
}

/// Returns the error that the Durable Object cannot be reached. `error` is the cause.
pub(crate) fn unreachable(error: worker::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot reach the Durable Object: {error}"))
}
