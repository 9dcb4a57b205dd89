//! Longer programs on more threads than loom can explore, sampled by shuttle.
//!
//!     RUSTFLAGS="--cfg shuttle" cargo test --profile model --features shuttle --test shuttle
//!
//! Sampled is not proved: the exhaustive part is in `tests/loom`. Every run prints its seed, and
//! `DISM_EMU_SEED` sets it, so a failure can be had again.

#![cfg(any(shuttle, dism_shuttle))]
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test binary has no outside"
)]

#[path = "../support/programs.rs"]
mod programs;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use dism_emu::{Contract, Emulator, State};
use programs::{ACTS, Program, STARTS, Seen};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

const _: () = assert!(dism_emu::MODEL_CHECKED);

const ITERATIONS: usize = 20_000;

fn seed(what: &str) -> u64 {
    let seed = match env::var("DISM_EMU_SEED") {
        Ok(seed) => seed.parse().expect("DISM_EMU_SEED is a number"),
        Err(_) => {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
        }
    };
    println!("{what}: {ITERATIONS} schedules, DISM_EMU_SEED={seed}");
    seed
}

fn sample(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let schedules = Runner::new(scheduler, Config::new()).run(model);
    assert_eq!(schedules, ITERATIONS);
}

/// A program drawn anew for each schedule, by the same seed: three to six threads, up to six
/// calls each.
fn drawn_program() {
    let mut random = thread_rng();
    let threads = (0..random.gen_range(3..=6))
        .map(|_| (0..random.gen_range(1..=6)).map(|_| ACTS[random.gen_range(0..5)]).collect())
        .collect();
    let contract = [Contract::Documented, Contract::Recorded][random.gen_range(0..2)];
    let program = Program { contract, start: STARTS[random.gen_range(0..4)], threads };
    program.run(|thread| {
        let handle = thread::spawn(thread);
        || -> Seen { handle.join().expect("no thread panics") }
    });
}

#[test]
fn drawn_programs_under_random_schedules() {
    let seed = seed("random");
    sample(RandomScheduler::new_from_seed(seed, ITERATIONS), drawn_program);
}

#[test]
fn drawn_programs_under_pct() {
    let seed = seed("PCT, depth 4");
    sample(PctScheduler::new_from_seed(seed, 4, ITERATIONS), drawn_program);
}

/// S5 for more threads than loom allows.
#[test]
fn s5_sixteen_shutdowns_have_one_winner() {
    let seed = seed("sixteen shutdowns, PCT, depth 3");
    sample(PctScheduler::new_from_seed(seed, 3, ITERATIONS), || {
        let dism = Emulator::new();
        dism.initialize().unwrap();
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let dism = dism.clone();
                thread::spawn(move || dism.shutdown().is_ok())
            })
            .collect();
        let winners = racers.into_iter().map(|it| it.join().unwrap());
        assert_eq!(winners.filter(|won| *won).count(), 1);
        assert_eq!(dism.state(), State::Down);
    });
}
