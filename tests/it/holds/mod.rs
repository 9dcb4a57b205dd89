//! Holds: where they stop a thread, whom, and how it is let go.

mod callers;
mod points;
mod release;

use std::cell::Cell;
use std::panic::Location;
use std::sync::{Barrier, Once};
use std::thread;
use std::time::Duration;

use dism_emu::{Contract, DISM_ONLINE_IMAGE, Emulator, Function, Hold, Step};

use crate::support::{failing, unverified};

/// For where the deadline itself is the claim.
const SHORT: Duration = Duration::from_millis(30);

/// Makes a call on a thread of its own, and `meanwhile` on this one while the other is held.
#[track_caller]
fn while_held<T: Send>(
    dism: &Emulator,
    hold: Hold,
    call: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(),
) -> T {
    thread::scope(|scope| {
        // Inside the scope, so that the thread is let go where an assertion fails.
        let hold = dism.hold(hold);
        let caller = scope.spawn(call);
        hold.wait();
        meanwhile();
        hold.release();
        caller.join().unwrap()
    })
}

fn steps(dism: &Emulator) -> Vec<Step> {
    dism.journal().steps().to_vec()
}

thread_local! {
    /// The file and the line at which this thread panicked last.
    static PANICKED_AT: Cell<Option<(String, u32)>> = const { Cell::new(None) };
}

/// The line of the caller's file at which `test` panics.
#[track_caller]
fn line_of_panic(test: impl FnOnce()) -> u32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED_AT.set(panic.location().map(|it| (it.file().to_owned(), it.line())));
            others(panic);
        }));
    });
    failing(test);
    let (file, line) = PANICKED_AT.take().expect("the hook has been called");
    assert_eq!(file, Location::caller().file());
    line
}

/// Rounds of threads that come, are held at random points and let go from elsewhere.
#[test]
fn x1_the_journal_of_held_threads_replays() {
    let dism = unverified().contract(Contract::Recorded).build();
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
                let before = dism.hold(Hold::before(function));
                (before, dism.hold(Hold::returning(function)), dism.hold(Hold::closing()))
            });
            thread::yield_now();
            drop(holds);
        }
    });
    let machine = dism.journal().replay().unwrap();
    assert_eq!(machine.state(), dism.state());
}
