//! Models that loom explores in every schedule.
//!
//!     RUSTFLAGS="--cfg loom" cargo test --profile model --features loom,capi --test loom
//!
//! Every model here is unbounded, so its assertions hold in every schedule.

#![cfg(any(loom, dism_loom))]
#![cfg_attr(feature = "capi", allow(unsafe_code, reason = "a program that calls C functions"))]
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test binary has no outside"
)]

#[cfg(feature = "capi")]
#[path = "../support/c.rs"]
mod c;
#[cfg(feature = "capi")]
#[path = "../support/exports.rs"]
mod exports;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/races.rs"]
mod races;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "capi")]
mod capi;
mod double;
mod every_program;
mod guide;
mod named;
mod schedules;
mod sweep;
mod twins;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use programs::{Observed, Program};

const _: () = assert!(dism_emu::MODEL_CHECKED);

/// Runs a model in all its schedules and returns their number.
pub(crate) fn explore(model: impl Fn() + Send + Sync + 'static) -> usize {
    let schedules = Arc::new(AtomicUsize::new(0));
    let counter = schedules.clone();
    let mut builder = loom::model::Builder::new();
    // Not from the environment: with a bound there, "every schedule" would be false.
    builder.preemption_bound = None;
    builder.max_branches = 10_000;
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        model();
    });
    schedules.load(Ordering::Relaxed)
}

/// Starts a thread of a program and returns a closure that joins it.
pub(crate) fn spawn(thread: Box<dyn FnOnce() -> Observed + Send>) -> impl FnOnce() -> Observed {
    let handle = loom::thread::spawn(thread);
    || handle.join().expect("no thread panics")
}

pub(crate) fn explore_program(program: Program) -> usize {
    explore(move || program.run(spawn))
}
