//! Longer programs on more threads than loom can explore. Shuttle samples their schedules.
//!
//!     RUSTFLAGS="--cfg shuttle" cargo test --profile model --features shuttle --test shuttle
//!
//! A sample proves nothing: the exhaustive part is in `tests/loom`. Every run prints its seed, and
//! `SHUTTLE_SEED` sets it, so that a failure can be reproduced.

#![cfg(any(shuttle, dism_shuttle))]
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test binary has no outside"
)]

#[path = "../support/programs.rs"]
mod programs;
#[path = "../support/races.rs"]
mod races;
#[path = "../support/mod.rs"]
mod support;

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use dism_emu::machine::{Call, Effect};
use dism_emu::{Contract, Emulator, Function, Hold, Hresult, Rule};
use programs::{ACTS, Observed, Program, STARTS};
use races::{apart, at_once, shutdowns_race};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use support::{BUSY, unverified};

const _: () = assert!(dism_emu::MODEL_CHECKED);

const ITERATIONS: usize = 20_000;

fn seed(what: &str) -> u64 {
    let seed = match env::var("SHUTTLE_SEED") {
        Ok(seed) => seed.parse().expect("SHUTTLE_SEED is a number"),
        Err(_) => {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
        }
    };
    println!("{what}: {ITERATIONS} schedules, SHUTTLE_SEED={seed}");
    seed
}

fn sample(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let schedules = Runner::new(scheduler, Config::new()).run(model);
    assert_eq!(schedules, ITERATIONS);
}

/// Draws a new program for each schedule, by the same seed: three to six threads, with up to six
/// calls each.
fn drawn_program() {
    let mut random = thread_rng();
    let threads = (0..random.gen_range(3..=6))
        .map(|_| (0..random.gen_range(1..=6)).map(|_| ACTS[random.gen_range(0..5)]).collect())
        .collect();
    let contract = Contract::ALL[random.gen_range(0..2)];
    let program = Program { contract, start: STARTS[random.gen_range(0..4)], threads };
    program.run(|thread| {
        let handle = thread::spawn(thread);
        || -> Observed { handle.join().expect("no thread panics") }
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

/// S5 on more threads than loom allows.
#[test]
fn s5_sixteen_shutdowns_have_one_winner() {
    let seed = seed("sixteen shutdowns, PCT, depth 3");
    sample(PctScheduler::new_from_seed(seed, 3, ITERATIONS), || {
        shutdowns_race(&Emulator::new(), 16);
    });
}

#[test]
fn a_rule_for_three_calls_fires_for_three_of_eight_callers() {
    let seed = seed("a rule and eight callers, PCT, depth 3");
    sample(PctScheduler::new_from_seed(seed, 3, ITERATIONS), || {
        let emulator = unverified().build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let rule = Rule::on(Function::CleanupMountpoints).after(2).times(3);
        let rule = emulator.script(rule.answer(BUSY));
        let caller = dism.clone();
        let failed = at_once(8, move || caller.cleanup_mountpoints().is_err());
        assert_eq!(failed.into_iter().filter(|failed| *failed).count(), 3);
        assert_eq!(rule.fired(), 3);
        let journal = emulator.journal();
        journal.replay().unwrap();
        // The first two calls are skipped, the next three are answered, on any threads.
        let calls =
            journal.steps().iter().filter(|it| *it.call.asked() == Call::CleanupMountpoints);
        let answered: Vec<_> = calls.map(|it| it.outcome != Ok(Effect::Called)).collect();
        assert_eq!(answered, [false, false, true, true, true, false, false, false]);
    });
}

/// Six threads use two sessions. Four of them are held once, each at another point. The main thread
/// releases the holds in an order drawn for each schedule.
#[test]
fn six_threads_are_held_and_released_in_any_order() {
    let seed = seed("holds among six threads, random");
    sample(RandomScheduler::new_from_seed(seed, ITERATIONS), || {
        let emulator = unverified().build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let sessions = ["C:", "D:"].map(|path| dism.open_session(path).unwrap());
        let function = Function::AddPackage;
        let mut holds = vec![
            emulator.hold(Hold::before(function).session(sessions[0])),
            emulator.hold(Hold::performing(function).session(sessions[0])),
            emulator.hold(Hold::performing(function).session(sessions[1])),
            emulator.hold(Hold::returning(function).session(sessions[1])),
        ];
        let operators: Vec<_> = (0..6)
            .map(|at| {
                let (dism, session) = (dism.clone(), sessions[at % 2]);
                thread::spawn(move || dism.perform(session, function))
            })
            .collect();
        // Three threads use each session, so at least one reaches each of its points.
        holds[0].wait();
        holds[2].wait();
        while !holds.is_empty() {
            let at = thread_rng().gen_range(0..holds.len());
            holds.swap_remove(at).release();
        }
        for operator in operators {
            assert_eq!(operator.join().unwrap(), Ok(Hresult::S_OK));
        }
        for session in sessions {
            assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        }
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        emulator.journal().replay().unwrap();
    });
}

/// A close is held between closing and gone while five threads try to shut down.
#[test]
fn s2_a_close_that_is_held_fails_five_shutdowns() {
    let seed = seed("a hold in a close against five shutdowns, PCT, depth 3");
    sample(PctScheduler::new_from_seed(seed, 3, ITERATIONS), || {
        let emulator = unverified().build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session("C:").unwrap();
        let hold = emulator.hold(Hold::closing());
        let closer = apart(&dism, move |dism| dism.close_session(session));
        let racers = [(); 5].map(|()| apart(&dism, |dism| dism.shutdown().is_ok()));
        hold.wait();
        let before_release = emulator.journal().steps().len();
        hold.release();
        let won = racers.into_iter().map(|it| it.join().unwrap()).filter(|won| *won).count();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
        assert!(won <= 1);
        let journal = emulator.journal();
        let shut_down = Ok(Effect::ShutDown { count: 0 });
        let held = &journal.steps()[..before_release];
        assert!(held.iter().all(|it| it.outcome != shut_down), "{journal}");
        journal.replay().unwrap();
    });
}
