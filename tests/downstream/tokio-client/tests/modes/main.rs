//! The client on an emulated process: the asynchronous part on a tokio runtime, the synchronous core
//! in three modes. The library's docs say how to run each.
//!
//! Every emulator verifies its process when it is dropped, so each test also checks that the client
//! made no mistake.

mod core;
mod process;
mod twin;
// The runtime works on threads of the system, which no checker sees.
#[cfg(not(any(dism_loom, dism_shuttle)))]
mod client;

// Without this, the models would explore nothing and pass if the feature is forgotten.
#[cfg(any(dism_loom, dism_shuttle))]
const _: () = assert!(dism_emu::MODEL_CHECKED);

#[cfg(dism_loom)]
use loom as world;
#[cfg(dism_shuttle)]
use shuttle as world;
#[cfg(not(any(dism_loom, dism_shuttle)))]
use std as world;

/// Runs a test body in every schedule, without a bound: what holds here holds in all of them.
#[cfg(dism_loom)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    // The environment cannot set a bound.
    model.preemption_bound = None;
    model.check(body);
}

/// Runs a test body in many schedules. The seed is fixed, so that a failure can be repeated.
#[cfg(dism_shuttle)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    use shuttle::{Config, Runner, scheduler::RandomScheduler};

    Runner::new(RandomScheduler::new_from_seed(1, 2_000), Config::new()).run(body);
}

/// Runs a test body once, in any schedule.
#[cfg(not(any(dism_loom, dism_shuttle)))]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    body();
}
