//! The primitives of an ordinary build: parking_lot and the standard library.

use std::cell::Cell;
use std::time::{Duration, Instant};

pub(crate) use parking_lot::{Mutex, MutexGuard};

pub(super) const MODEL_CHECKED: bool = false;

#[derive(Debug, Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

impl Condvar {
    pub(crate) fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    pub(crate) fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Deadline,
    ) -> MutexGuard<'a, T> {
        match deadline.0 {
            Some(deadline) => drop(self.0.wait_until(&mut guard, deadline)),
            None => self.0.wait(&mut guard),
        }
        guard
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A point in time, or `None` if it is too far away for the clock.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(patience: Duration) -> Self {
        Self(Instant::now().checked_add(patience))
    }

    pub(crate) fn is_past(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Declares plain statics, with the syntax of the checkers.
#[cfg(feature = "capi")]
macro_rules! lazy_static {
    ($(static ref $name:ident: $type:ty = $value:expr;)+) => {
        $(static $name: $type = $value;)+
    };
}
#[cfg(feature = "capi")]
pub(crate) use lazy_static;

#[inline]
pub(super) fn thread_number(next: impl FnOnce() -> u64) -> u64 {
    // This has no destructor and no lazy initializer, so it is cheap, and it works to the very end
    // of the thread.
    thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
    let number = NUMBER.get();
    if number > 0 {
        return number;
    }
    NUMBER.set(next());
    NUMBER.get()
}
