//! The primitives of a model checker: loom's, or shuttle's, which have the same names.

use std::cell::Cell;
use std::sync::PoisonError;
use std::time::Duration;

#[cfg(all(any(loom, dism_loom), feature = "loom"))]
use loom as checker;
#[cfg(all(any(shuttle, dism_shuttle), feature = "shuttle"))]
use shuttle as checker;

/// Statics that are made anew for each schedule.
#[cfg(feature = "capi")]
pub(crate) use checker::lazy_static;
pub(crate) use checker::sync::MutexGuard;

pub(super) const MODEL_CHECKED: bool = true;

#[derive(Debug)]
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    #[cfg(feature = "capi")]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    /// Nothing panics under the lock, so a poisoned lock only shows that its thread panicked
    /// elsewhere. parking_lot does not show even that.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condvar(checker::sync::Condvar);

impl Condvar {
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _never: Deadline,
    ) -> MutexGuard<'a, T> {
        self.wait(guard)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A deadline that never passes, since a model has no time.
///
/// A wait that no thread ends is a deadlock, and the checker reports it as one.
#[derive(Clone, Copy)]
pub(crate) struct Deadline;

impl Deadline {
    pub(crate) fn after(_: Duration) -> Self {
        Self
    }

    pub(crate) fn is_past(self) -> bool {
        false
    }
}

pub(super) fn thread_number(next: impl FnOnce() -> u64) -> u64 {
    // This is the checker's own thread-local: its threads share one thread of the system, or move
    // between several.
    checker::thread_local!(static NUMBER: Cell<u64> = Cell::new(0));
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(next());
        }
        number.get()
    })
}
