//! The state of a model proxy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::Clock;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::lock::lock;
use crate::model::price::PriceTable;
use crate::model::proxy::budget::Account;
use crate::model::proxy::credential::ModelCredential;
use crate::model::proxy::rules::Rules;
use crate::model::proxy::upstream::Upstream;

/// Maximum size of a request's body, in bytes: the limit of the Messages API.
pub(crate) const MAX_BODY: usize = 32 << 20;

/// The state of a model proxy, which the handlers of all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) rules: Rules,
    pub(crate) prices: PriceTable,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) silence: Duration,
    /// The gates of the runs, by the SHA-256 digest of the run's secret. The keys are digests,
    /// because the time that a comparison of digests takes reveals nothing about a secret.
    pub(crate) gates: Mutex<HashMap<[u8; 32], Arc<Gate>>>,
    /// One permit for each byte that the request bodies of all runs may use in memory.
    pub(crate) room: Arc<Semaphore>,
}

/// The data that request handlers need about one run: the credential, the account, and the limits
/// on requests in progress.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) credential: ModelCredential,
    pub(crate) account: Arc<Account>,
    pub(crate) places: Arc<Semaphore>,
    /// One permit for each byte that the request bodies of this run may use in memory.
    pub(crate) room: Semaphore,
    /// One permit for each byte of memory for the bodies of this run's requests that wait for a
    /// reservation.
    pub(crate) waiting_room: Semaphore,
}

impl Shared {
    /// Returns the gate of the run whose secret is `secret`, or `None` if there is no such run.
    pub(crate) fn gate(&self, secret: &[u8]) -> Option<Arc<Gate>> {
        lock(&self.gates).get(&digest(secret)).cloned()
    }
}

pub(crate) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
