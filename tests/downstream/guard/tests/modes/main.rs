//! The guard on an emulated process, in three modes: on plain threads, under loom, and under
//! shuttle. The library's docs say how to run each.

mod process;
mod twin;
mod users;

// Without this, the models would explore nothing and pass if the feature is forgotten.
#[cfg(any(loom, shuttle))]
const _: () = assert!(dism_emu::MODEL_CHECKED);

/// Runs a test body in every schedule, without a bound: what holds here holds in all of them.
#[cfg(loom)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    // The environment cannot set a bound.
    model.preemption_bound = None;
    model.check(body);
}

/// Runs a test body in many schedules. The seed is fixed, so that a failure can be repeated.
#[cfg(shuttle)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    use shuttle::{Config, Runner, scheduler::RandomScheduler};

    Runner::new(RandomScheduler::new_from_seed(1, 2_000), Config::new()).run(body);
}

/// Runs a test body once, in any schedule.
#[cfg(not(any(loom, shuttle)))]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    body();
}
