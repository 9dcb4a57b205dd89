//! The only room that names parking_lot, loom and shuttle: a mutex whose `lock` cannot fail, a
//! condition variable, statics, and the number of the calling thread, the same in every world.
//!
//! Everything through which one thread can see another goes through here, or a model checker would
//! not see it. `Arc` does not: loom's multiplies the schedules and checks only for leaks.

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
/// `true` if a checker's feature *and* its cfg are set; then every step of the emulator is visible
/// to the checker, and the emulator works only inside a model. A model of one's own code over a
/// blind double would explore nothing and stay green, so such a test begins with
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
/// checker found. If the panic is one that the client catches, all goes on as ever.
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
        // Numbers only have to differ, so the counter is the standard library's in every world: it
        // orders nothing, and a model has no step more for it.
        static THREADS: AtomicU64 = AtomicU64::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) + 1
    })
}
