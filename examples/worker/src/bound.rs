//! The Worker's own store: the way to its object inside Cloudflare, and the key that the object does not get.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, async_trait};
use ccc_store::durable_object::Channel;
use ccc_store::{DurableObjectCredentialStore, Keys};
use futures_util::future::{Either, select};
use jiff::Timestamp;
use worker::{Delay, Env, Method, Request, RequestInit, Stub};

/// The object of the Worker's own store. Nobody far away reaches it.
pub(crate) const OWN: &str = "worker";

/// How long an object may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The store of this Worker, under the key that is bound to it as `CREDENTIALS_KEY`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a key that is none or not there; [`ErrorKind::Corrupt`] for another than the
/// store's; those of the object.
pub(crate) async fn open(env: &Env) -> Result<DurableObjectCredentialStore> {
    let line = "the Worker has no secret CREDENTIALS_KEY: `ccc keygen | npx wrangler secret put CREDENTIALS_KEY`";
    let key =
        secret(env, "CREDENTIALS_KEY").ok_or_else(|| Error::new(ErrorKind::InvalidInput, line))?;
    let object = env.durable_object("CREDENTIALS").and_then(|all| all.get_by_name(OWN));
    let object = object.map_err(failed)?;
    let keys = Keys::parse(&key)?;
    let clock = Arc::new(WorkerClock);
    let store = DurableObjectCredentialStore::open(Bound(object), clock, &keys).await?;
    // Everything goes under the first of them, and then the others may go. What cannot hides nothing else.
    if keys.has_retired()
        && let Err(error) = store.rotate(&keys).await
    {
        worker::console_error!("not all is under the first line of CREDENTIALS_KEY: {error}");
    }
    Ok(store)
}

/// A secret that is bound to the Worker.
pub(crate) fn secret(env: &Env, name: &str) -> Option<Secret> {
    let secret = env.secret(name).ok()?.to_string();
    Some(Secret::from(secret.trim())).filter(|secret| !secret.expose().is_empty())
}

/// To the object, within Cloudflare: only this Worker has the binding, so nothing is signed.
#[derive(Debug)]
struct Bound(Stub);

#[async_trait(?Send)]
impl Channel for Bound {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        let asked = async {
            let mut response = self.0.fetch_with_request(post(message)?).await?;
            Ok::<_, worker::Error>((response.status_code(), response.bytes().await?))
        };
        let answered = select(Box::pin(asked), WorkerClock.sleep(ANSWERS_WITHIN)).await;
        let Either::Left((answered, _)) = answered else {
            let line = "the Durable Object does not answer in time";
            return Err(Error::new(ErrorKind::TimedOut, line));
        };
        match answered.map_err(failed)? {
            (200, answer) => Ok(answer),
            (status, why) => {
                let why: String = String::from_utf8_lossy(&why).chars().take(200).collect();
                let line = format!("the Durable Object answers {status}: {why}");
                Err(Error::new(ErrorKind::Unavailable, line))
            }
        }
    }
}

/// A message as the object takes it.
pub(crate) fn post(message: Vec<u8>) -> worker::Result<Request> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(message.into()));
    Request::new_with_init("https://object/", &init)
}

fn failed(error: worker::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot reach the Durable Object: {error}"))
}

/// The time in a Worker.
#[derive(Debug)]
pub(crate) struct WorkerClock;

#[async_trait(?Send)]
impl Clock for WorkerClock {
    fn now(&self) -> Timestamp {
        let now = i64::try_from(worker::Date::now().as_millis()).ok();
        now.and_then(|now| Timestamp::from_millisecond(now).ok()).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        // A timer may ring by less than one of its milliseconds too early.
        Delay::from(duration + Duration::from_millis(1)).await;
    }
}
