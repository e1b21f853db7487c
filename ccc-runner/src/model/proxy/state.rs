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

/// The state of a proxy, shared by its routes.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) rules: Rules,
    pub(crate) prices: PriceTable,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) silence: Duration,
    /// The gates of the runs, by the digest of the run's secret. The time that a comparison of
    /// digests takes reveals nothing of a secret.
    pub(crate) gates: Mutex<HashMap<[u8; 32], Arc<Gate>>>,
    /// One permit for each byte of the request bodies in memory.
    pub(crate) room: Arc<Semaphore>,
}

/// The access of one run, as the routes use it.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) credential: ModelCredential,
    pub(crate) account: Arc<Account>,
    pub(crate) places: Arc<Semaphore>,
    /// One permit for each byte of this run's request bodies in memory.
    pub(crate) room: Semaphore,
}

impl Shared {
    /// Returns the gate of the run that has this secret.
    pub(crate) fn gate(&self, secret: &[u8]) -> Option<Arc<Gate>> {
        lock(&self.gates).get(&digest(secret)).cloned()
    }
}

pub(crate) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
