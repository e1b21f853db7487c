//! The recently written comments: a cache of their ids, and a lock for each comment.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The maximum number of cached ids.
const MAX_WRITTEN: usize = 1_000;

/// The repository id and the marker of the comment.
type Key = (u64, String);

/// The comments that were written most recently. With a cached id, a comment can be changed without
/// a search for it.
#[derive(Debug, Default)]
pub(super) struct WrittenComments {
    ids: Mutex<VecDeque<(Key, u64)>>,
    /// The locks of the comments that are being written.
    locks: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl WrittenComments {
    /// Returns the lock that must be held while a comment is written.
    pub(super) fn lock(&self, repo: u64, marker: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, lock| lock.strong_count() > 0);
        let key = (repo, marker.to_owned());
        let known = all.get(&key).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let lock = Arc::default();
            all.insert(key, Arc::downgrade(&lock));
            lock
        })
    }

    /// Returns the id of a comment, if it is cached.
    pub(super) fn id(&self, repo: u64, marker: &str) -> Option<u64> {
        let ids = self.ids();
        let found = ids.iter().find(|((of, known), _)| *of == repo && known == marker);
        found.map(|(_, id)| *id)
    }

    /// Stores the id of a comment. Removes the oldest id if there are more than [`MAX_WRITTEN`].
    pub(super) fn insert(&self, repo: u64, marker: &str, id: u64) {
        let mut ids = self.ids();
        ids.retain(|((of, known), _)| *of != repo || known != marker);
        ids.push_back(((repo, marker.to_owned()), id));
        if ids.len() > MAX_WRITTEN {
            ids.pop_front();
        }
    }

    fn ids(&self) -> MutexGuard<'_, VecDeque<(Key, u64)>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
