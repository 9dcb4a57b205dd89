//! The only file that names parking_lot, loom and shuttle: a mutex whose `lock` cannot fail, a
//! condition variable, and the number of the calling thread, the same in every world.
//!
//! Everything through which one thread can see another goes through here, or a model checker
//! would not see it. `Arc` does not: loom's multiplies the schedules and checks only for leaks.

pub(crate) use world::{Condvar, Deadline, Mutex, MutexGuard};
#[cfg(feature = "capi")]
pub(crate) use world::{Global, Seen};

use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::ThreadId;

#[cfg(all(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
))]
compile_error!(
    "the emulator runs under loom or under shuttle, not under both: drop a cfg or a feature"
);

#[cfg(all(any(loom, dism_loom), feature = "loom"))]
use loom as checker;
#[cfg(all(any(shuttle, dism_shuttle), feature = "shuttle"))]
use shuttle as checker;

/// Whether this build of the emulator runs on the primitives of a model checker.
///
/// `true` where a checker's feature *and* its cfg are set; then every step of the emulator is
/// visible to the checker, and the emulator works only inside a model. A model of one's own code
/// over a blind double would explore nothing and stay green, so such a test begins with
///
/// ```
/// # #[cfg(any())]
/// const _: () = assert!(dism_emu::MODEL_CHECKED);
/// ```
pub const MODEL_CHECKED: bool = world::MODEL_CHECKED;

/// Does what a destructor has to do.
///
/// While a thread is unwinding, a checker may have given the schedule up: its lock panics then, and
/// a second panic that leaves a destructor aborts the process, before anybody has read what the
/// checker found. Where the panic is one that the client will catch, all goes on as ever.
#[inline]
pub(crate) fn in_drop(action: impl FnOnce()) {
    if MODEL_CHECKED && std::thread::panicking() {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
    } else {
        action();
    }
}

/// Statics that a checker makes anew for each schedule. Elsewhere they are constants, so that
/// nobody has to ask whether they were made yet.
#[cfg(feature = "capi")]
macro_rules! global {
    ($(static $name:ident: $type:ty = $value:expr;)+) => {
        #[cfg(not(any(
            all(any(loom, dism_loom), feature = "loom"),
            all(any(shuttle, dism_shuttle), feature = "shuttle"),
        )))]
        mod statics {
            use super::*;
            $(pub(super) static $name: $type = $value;)+
        }
        #[cfg(all(any(loom, dism_loom), feature = "loom"))]
        mod statics {
            use super::*;
            loom::lazy_static! {
                $(pub(super) static ref $name: $type = $value;)+
            }
        }
        #[cfg(all(any(shuttle, dism_shuttle), feature = "shuttle"))]
        mod statics {
            use super::*;
            shuttle::lazy_static! {
                $(pub(super) static ref $name: $type = $value;)+
            }
        }
        $(use statics::$name;)+
    };
}
#[cfg(feature = "capi")]
pub(crate) use global;

/// What each thread has seen of a [`Global`].
#[cfg(feature = "capi")]
macro_rules! seen {
    (static $name:ident: $type:ty;) => {
        #[cfg(not(any(
            all(any(loom, dism_loom), feature = "loom"),
            all(any(shuttle, dism_shuttle), feature = "shuttle"),
        )))]
        std::thread_local! {
            static $name: crate::sync::Seen<$type> = const { std::cell::Cell::new(None) };
        }
        #[cfg(any(
            all(any(loom, dism_loom), feature = "loom"),
            all(any(shuttle, dism_shuttle), feature = "shuttle"),
        ))]
        static $name: crate::sync::Seen = crate::sync::Seen;
    };
}
#[cfg(feature = "capi")]
pub(crate) use seen;

/// The calling thread's number: 1, 2, 3, … in the order in which threads first ask.
///
/// Numbers only have to differ, so the counter is of the standard library in every world: it
/// orders nothing, and a model has no step more for it.
#[inline]
pub(crate) fn current_thread() -> ThreadId {
    ThreadId::new(world::thread_number(|| {
        static THREADS: AtomicU64 = AtomicU64::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) + 1
    }))
}

#[cfg(not(any(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
)))]
mod world {
    use std::cell::Cell;
    #[cfg(feature = "capi")]
    use std::sync::Arc;
    #[cfg(feature = "capi")]
    use std::thread::LocalKey;
    use std::time::{Duration, Instant};

    #[cfg(feature = "capi")]
    use arc_swap::{ArcSwapOption, Cache};

    pub(super) const MODEL_CHECKED: bool = false;

    pub(crate) use parking_lot::{Mutex, MutexGuard};

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

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// What all threads share, and seldom changes: read without a lock.
    #[cfg(feature = "capi")]
    #[derive(Debug)]
    pub(crate) struct Global<T: 'static>(ArcSwapOption<T>);

    /// What a thread has seen of a global.
    #[cfg(feature = "capi")]
    pub(crate) type Seen<T> = Cell<Option<Cache<&'static ArcSwapOption<T>, Option<Arc<T>>>>>;

    #[cfg(feature = "capi")]
    impl<T> Global<T> {
        pub(crate) const fn new() -> Self {
            Self(ArcSwapOption::const_empty())
        }

        /// Lends the value to `read`, for which it lives also where it is replaced meanwhile.
        ///
        /// Each thread keeps what it has seen, and only looks whether it is still the one: to
        /// count itself among the owners at each call would cost as much as the call.
        #[inline]
        pub(crate) fn with_or_insert<R>(
            &'static self,
            seen: &'static LocalKey<Seen<T>>,
            make: impl FnOnce() -> Arc<T>,
            read: impl FnOnce(&T) -> R,
        ) -> R {
            // Taken out meanwhile: a callback comes here once more, and a thread that is ending
            // has none.
            let seen_before = seen.try_with(Cell::take).ok().flatten();
            let mut cache = seen_before.unwrap_or_else(|| Cache::new(&self.0));
            let result = match cache.load() {
                Some(value) => read(value),
                None => read(&self.insert(make())),
            };
            let _ = seen.try_with(|seen| seen.set(Some(cache)));
            result
        }

        /// Unless another thread comes first.
        #[cold]
        fn insert(&self, value: Arc<T>) -> Arc<T> {
            let before = self.0.compare_and_swap(&None::<Arc<T>>, Some(value.clone()));
            before.as_ref().map_or(value, Arc::clone)
        }

        pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            self.0.swap(value)
        }
    }

    /// `None` for one that is too far away to be told.
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

    #[inline]
    pub(super) fn thread_number(next: impl FnOnce() -> u64) -> u64 {
        // No destructor and no lazy initializer: cheap, and good to the very end of the thread.
        thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
        let number = NUMBER.get();
        if number > 0 {
            return number;
        }
        NUMBER.set(next());
        NUMBER.get()
    }
}

#[cfg(any(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
))]
mod world {
    use std::cell::Cell;
    #[cfg(feature = "capi")]
    use std::sync::Arc;
    use std::sync::PoisonError;
    use std::time::Duration;

    use super::checker;

    pub(super) const MODEL_CHECKED: bool = true;

    pub(crate) use checker::sync::MutexGuard;

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(checker::sync::Mutex::new(value))
        }

        /// Nothing panics under the lock, so a poisoned one only says that its thread panicked
        /// elsewhere; parking_lot would not say even that.
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
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

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    #[cfg(feature = "capi")]
    #[derive(Debug)]
    pub(crate) struct Global<T>(Mutex<Option<Arc<T>>>);

    /// A model looks each time, so that it sees every step.
    #[cfg(feature = "capi")]
    #[derive(Debug)]
    pub(crate) struct Seen;

    #[cfg(feature = "capi")]
    impl<T> Global<T> {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(None))
        }

        /// Lends the value to `read`, for which it lives also where it is replaced meanwhile.
        pub(crate) fn with_or_insert<R>(
            &self,
            _seen: &'static Seen,
            make: impl FnOnce() -> Arc<T>,
            read: impl FnOnce(&T) -> R,
        ) -> R {
            let value = self.0.lock().get_or_insert_with(make).clone();
            read(&value)
        }

        pub(crate) fn replace(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut *self.0.lock(), value)
        }
    }

    /// A model has no time, so it never comes: a wait that nobody ends is a deadlock, and
    /// reported as one.
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
        // The checker's own: its threads share one of the system's, or move between them.
        checker::thread_local!(static NUMBER: Cell<u64> = Cell::new(0));
        NUMBER.with(|number| {
            if number.get() == 0 {
                number.set(next());
            }
            number.get()
        })
    }
}
