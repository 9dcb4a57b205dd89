//! The guard on an emulated process, in three modes: on plain threads, under loom, and under
//! shuttle. The library's docs say how to run each.

mod process;
mod twin;
mod users;

// Without this, a forgotten feature would make the models empty, and green.
#[cfg(any(loom, shuttle))]
const _: () = assert!(dism_emu::MODEL_CHECKED);

/// Runs a test body in every schedule, without a bound: what holds here holds in all of them.
#[cfg(loom)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    // Not what the environment says.
    model.preemption_bound = None;
    model.check(body);
}

/// Runs a test body in many schedules. The seed is fixed: a failure comes again.
#[cfg(shuttle)]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    use shuttle::{Config, Runner, scheduler::RandomScheduler};

    Runner::new(RandomScheduler::new_from_seed(1, 2_000), Config::new()).run(body);
}

/// Runs a test body once, in the schedule that comes.
#[cfg(not(any(loom, shuttle)))]
fn explore(body: impl Fn() + Send + Sync + 'static) {
    body();
}
