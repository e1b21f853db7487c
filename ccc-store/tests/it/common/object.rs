//! An object in memory.

use std::sync::{Arc, Mutex};

use ccc_core::{Result, SystemClock, async_trait};
use ccc_store::durable_object::{Channel, Rows, handle_message};
use ccc_store::{DurableObjectCredentialStore, Keys};

#[path = "memory_rows.rs"]
mod memory_rows;

use memory_rows::MemoryRows;

/// An object that applies the effects of a message together, as one at Cloudflare does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Arc<Mutex<MemoryRows>>);

impl Object {
    pub(crate) async fn store(&self, keys: &Keys) -> DurableObjectCredentialStore {
        let clock = Arc::new(SystemClock);
        DurableObjectCredentialStore::open(self.clone(), clock, keys).await.unwrap()
    }

    /// Returns all stored rows as text.
    pub(crate) fn shown(&self) -> String {
        let stored = self.0.lock().unwrap();
        let rows = stored.0.borrow();
        rows.iter()
            .map(|(name, row)| format!("{name} {}\n", String::from_utf8_lossy(row)))
            .collect()
    }
}

#[async_trait]
impl Channel for Object {
    async fn send(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        Ok(handle_message(&*self.0.lock().unwrap(), &message, None)?.unwrap())
    }
}
