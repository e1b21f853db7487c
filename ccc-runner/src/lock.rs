//! Locking of mutexes whose data no panic can leave inconsistent.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks the mutex, also after a panic in another thread that held it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
