//! The Worker's own credential store: its object, and the key, which is not passed to the object.

use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::{DurableObjectCredentialStore, Keys};
use worker::Env;

use crate::clock::WorkerClock;
use crate::object_channel::{ObjectChannel, unreachable};
use crate::secret::secret;

/// The name of the object of the Worker's own store. Requests from outside cannot reach this object.
pub(crate) const OWN_OBJECT: &str = "worker";

/// Opens the store of this Worker with the key in its secret `CREDENTIALS_KEY`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a missing or invalid key; [`ErrorKind::Corrupt`] if the key is not
/// that of the store; the errors of the object.
pub(crate) async fn open(env: &Env) -> Result<DurableObjectCredentialStore> {
    let line = "the Worker has no secret CREDENTIALS_KEY: set it with \
                `ccc keygen | npx wrangler secret put CREDENTIALS_KEY`";
    let key =
        secret(env, "CREDENTIALS_KEY").ok_or_else(|| Error::new(ErrorKind::InvalidInput, line))?;
    let object = env.durable_object("CREDENTIALS").and_then(|all| all.get_by_name(OWN_OBJECT));
    let object = object.map_err(unreachable)?;
    let keys = Keys::parse(&key)?;
    let clock = Arc::new(WorkerClock);
    let store = DurableObjectCredentialStore::open(ObjectChannel(object), clock, &keys).await?;
    // The rotation makes the retired keys unnecessary, so that they can be removed. If it fails for
    // one record, the store still opens for the others.
    if keys.has_retired()
        && let Err(error) = store.rotate(&keys).await
    {
        worker::console_error!(
            "cannot encrypt all credentials under the first key of CREDENTIALS_KEY, keep the others: {error}"
        );
    }
    Ok(store)
}
