//! Holds: where they stop a thread, which thread, and how it is released.

mod callers;
mod points;
mod release;

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use dism_emu::machine::Step;
use dism_emu::{Contract, DISM_ONLINE_IMAGE, Emulator, Function, Hold};

use crate::support::unverified;

/// The deadline in tests that check deadlines.
const SHORT: Duration = Duration::from_millis(30);

/// Makes a call on a thread of its own, and runs `meanwhile` on this one while that is held.
#[track_caller]
fn while_held<T: Send>(
    emulator: &Emulator,
    hold: Hold,
    call: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(),
) -> T {
    thread::scope(|scope| {
        // Inside the scope, so that a failing assertion releases the thread.
        let hold = emulator.hold(hold);
        let caller = scope.spawn(call);
        hold.wait();
        meanwhile();
        hold.release();
        caller.join().unwrap()
    })
}

fn steps(emulator: &Emulator) -> Vec<Step> {
    emulator.journal().steps().to_vec()
}

/// Threads make calls in rounds, while this thread sets and drops holds at all points.
#[test]
fn x1_the_journal_of_held_threads_replays() {
    let emulator = unverified().contract(Contract::Recorded).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let functions = [
        Function::Initialize,
        Function::OpenSession,
        Function::GetFeatures,
        Function::CloseSession,
        Function::Shutdown,
    ];
    let barrier = Barrier::new(5);
    thread::scope(|scope| {
        let client = || {
            barrier.wait();
            for _ in 0..20 {
                let _ = dism.initialize();
                if let Ok(session) = dism.open_session(DISM_ONLINE_IMAGE) {
                    let _ = dism.perform(session, Function::GetFeatures);
                    let _ = dism.close_session(session);
                }
                let _ = dism.shutdown();
            }
        };
        for _ in 0..4 {
            scope.spawn(client);
        }
        barrier.wait();
        for _ in 0..20 {
            let holds = functions.map(|function| {
                let before = emulator.hold(Hold::before(function));
                (before, emulator.hold(Hold::returning(function)), emulator.hold(Hold::closing()))
            });
            thread::yield_now();
            drop(holds);
        }
    });
    let machine = emulator.journal().replay().unwrap();
    assert_eq!(machine.state(), emulator.state());
}
