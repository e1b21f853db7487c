//! Locking of mutexes whose data stays consistent after a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`. Ignores poisoning: the call succeeds even if a thread panicked while it held the
/// lock.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
