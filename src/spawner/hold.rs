//! Taking a lock whose last holder may have panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`. A panic of another thread does not stop this one: every critical section of this daemon leaves its data
/// whole at each step, and a daemon that refuses all work after one bad request would be the worse outcome.
pub fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
