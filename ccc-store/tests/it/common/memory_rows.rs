//! The rows of an object in memory, for unit tests and integration tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ccc_core::Result;

use super::Rows;

/// Rows in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryRows(pub(super) RefCell<BTreeMap<String, Vec<u8>>>);

impl Rows for MemoryRows {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().get(name).cloned())
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        self.0.borrow_mut().insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.borrow_mut().remove(name);
        Ok(())
    }

    fn names(&self, prefix: &str, most: usize) -> Result<Vec<String>> {
        let rows = self.0.borrow();
        let all = rows.keys().filter(|name| name.starts_with(prefix));
        Ok(all.take(most).cloned().collect())
    }
}
