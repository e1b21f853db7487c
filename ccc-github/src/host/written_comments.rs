//! The comments that were written most recently: a cache of their ids, and a lock for each comment.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The maximum number of cached comment ids.
const MAX_WRITTEN: usize = 1_000;

/// The repository id and the marker of a comment.
type Key = (u64, String);

/// The ids of the comments that were written most recently, and the locks of the comments that are
/// being written. A comment whose id is cached can be changed without a search on GitHub.
#[derive(Debug, Default)]
pub(super) struct WrittenComments {
    ids: Mutex<VecDeque<(Key, u64)>>,
    /// The locks of the comments that are being written.
    locks: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl WrittenComments {
    /// Returns the lock that the caller must hold while writing the comment with `marker` in the
    /// repository with the id `repo`.
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

    /// Returns the cached id of the comment with `marker` in the repository with the id `repo`, or
    /// `None` if no id is cached.
    pub(super) fn id(&self, repo: u64, marker: &str) -> Option<u64> {
        let ids = self.ids();
        let found = ids.iter().find(|((of, known), _)| *of == repo && known == marker);
        found.map(|(_, id)| *id)
    }

    /// Caches `id`, the id of the comment with `marker` in the repository with the id `repo`.
    /// Removes the oldest id if there are more than [`MAX_WRITTEN`].
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
