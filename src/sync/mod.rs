//! The only module that names parking_lot, loom and shuttle. It provides a mutex whose `lock`
//! cannot fail, a condition variable, statics, and the number of the calling thread, all with the
//! same interface in every build.
//!
//! Everything through which one thread can see another goes through this module; otherwise a model
//! checker would not see it. `Arc` is an exception: loom's multiplies the schedules and checks only
//! for leaks.

use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
))]
compile_error!(
    "the emulator runs under loom or under shuttle, not under both: drop a cfg or a feature"
);

#[cfg(any(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
))]
#[path = "checker.rs"]
mod world;
#[cfg(not(any(
    all(any(loom, dism_loom), feature = "loom"),
    all(any(shuttle, dism_shuttle), feature = "shuttle"),
)))]
#[path = "std.rs"]
mod world;

#[cfg(feature = "capi")]
pub(crate) use self::world::lazy_static;
pub(crate) use self::world::{Condvar, Deadline, Mutex, MutexGuard};

/// Whether this build of the emulator runs on the primitives of a model checker.
///
/// This is `true` if both the feature and the cfg of a checker are set. The checker then sees every
/// step of the emulator, and the emulator works only inside a model.
///
/// In any other build a checker sees no step of the emulator. A model of code that uses it would
/// explore nothing and still pass, so such a test begins with
///
/// ```
/// # #[cfg(any())]
/// const _: () = assert!(dism_emu::MODEL_CHECKED);
/// ```
pub const MODEL_CHECKED: bool = world::MODEL_CHECKED;

/// Runs what a destructor has to do.
///
/// While a thread unwinds, a checker may have abandoned the schedule. Its lock then panics, and a
/// second panic that leaves a destructor aborts the process before anyone can read what the checker
/// found. If the client catches the first panic, everything goes on as usual.
#[inline]
pub(crate) fn in_drop(action: impl FnOnce()) {
    if MODEL_CHECKED && std::thread::panicking() {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
    } else {
        action();
    }
}

/// Returns the calling thread's number: 1, 2, 3, … in the order in which threads first ask.
#[inline]
pub(crate) fn thread_number() -> u64 {
    world::thread_number(|| {
        // The numbers only have to differ, so the counter is the standard library's in every build:
        // it orders nothing, and it adds no step to a model.
        static THREADS: AtomicU64 = AtomicU64::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) + 1
    })
}
