//! The Worker's own credential store: its object, and the key that the object does not get.

use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::{DurableObjectCredentialStore, Keys};
use worker::Env;

use crate::clock::WorkerClock;
use crate::object_channel::{ObjectChannel, unreachable};
use crate::secret::secret;

/// The name of the object of the Worker's own store. No request from outside reaches it.
pub(crate) const OWN: &str = "worker";

/// Opens the store of this Worker, under the key that is bound to it as `CREDENTIALS_KEY`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a key that is missing or invalid; [`ErrorKind::Corrupt`] for
/// another key than the store's; those of the object.
pub(crate) async fn open(env: &Env) -> Result<DurableObjectCredentialStore> {
    let line = "the Worker has no secret CREDENTIALS_KEY: `ccc keygen | npx wrangler secret put CREDENTIALS_KEY`";
    let key =
        secret(env, "CREDENTIALS_KEY").ok_or_else(|| Error::new(ErrorKind::InvalidInput, line))?;
    let object = env.durable_object("CREDENTIALS").and_then(|all| all.get_by_name(OWN));
    let object = object.map_err(unreachable)?;
    let keys = Keys::parse(&key)?;
    let clock = Arc::new(WorkerClock);
    let store = DurableObjectCredentialStore::open(ObjectChannel(object), clock, &keys).await?;
    // After a rotation the retired keys may be removed. A record that does not rotate hides no
    // other.
    if keys.has_retired()
        && let Err(error) = store.rotate(&keys).await
    {
        worker::console_error!("not all is under the first line of CREDENTIALS_KEY: {error}");
    }
    Ok(store)
}
