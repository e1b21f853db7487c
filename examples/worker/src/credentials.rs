//! The Worker's own credential store. The credentials are in a Durable Object, which never receives
//! the encryption key.

use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::{DurableObjectCredentialStore, Keys};
use worker::Env;

use crate::clock::WorkerClock;
use crate::object_channel::{ObjectChannel, unreachable};
use crate::secret::secret;

/// The name of the Durable Object that contains the Worker's own credential store. Requests from
/// clients outside the Worker cannot reach this Durable Object.
pub(crate) const OWN_OBJECT: &str = "worker";

/// Opens the credential store of this Worker, with the keys in the Worker's secret
/// `CREDENTIALS_KEY`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if `CREDENTIALS_KEY` is missing or invalid; [`ErrorKind::Corrupt`] if
/// `CREDENTIALS_KEY` does not contain the key of the store; the errors of the Durable Object.
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
    // After the rotation, the retired keys are not needed, and the operator can remove them. If one
    // record cannot be rotated, the store is still usable for all other records.
    if keys.has_retired()
        && let Err(error) = store.rotate(&keys).await
    {
        worker::console_error!(
            "cannot encrypt all credentials under the first key of CREDENTIALS_KEY (do not remove the other keys): {error}"
        );
    }
    Ok(store)
}
