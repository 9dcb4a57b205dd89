//! The guard as it is often written: it checks first, and acts later. Do not copy it.

use dism_emu::Contract;
#[cfg(not(any(loom, shuttle)))]
use dism_emu::{Function, Hold};
use guard::Dism;
use guard::sync::atomic::{AtomicUsize, Ordering};
use guard::sync::{Arc, thread};

use crate::process::{Emulated, process};

/// Wrong: another thread can come between the count and the call that follows from it.
struct RacyGuard {
    dism: Emulated,
    users: AtomicUsize,
}

impl RacyGuard {
    fn new(dism: dism_emu::Dism) -> Arc<Self> {
        Arc::new(Self { dism: Emulated(dism), users: AtomicUsize::new(0) })
    }

    fn enter(&self) -> Result<(), i32> {
        if self.users.fetch_add(1, Ordering::SeqCst) == 0 {
            self.dism.initialize()?;
        }
        Ok(())
    }

    fn leave(&self) -> Result<(), i32> {
        if self.users.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.dism.shutdown()?;
        }
        Ok(())
    }

    /// Runs one user, from enter to leave. Returns whether all of it succeeded.
    fn is_served(&self) -> bool {
        self.enter().and_then(|()| self.dism.work()).and_then(|()| self.leave()).is_ok()
    }
}

/// A test as people write it: all users are in at the same time, and the first one in is the last
/// one out. It passes in every schedule, but has none of those that matter.
#[test]
fn a_plain_test_finds_nothing_wrong_with_the_twin() {
    for contract in Contract::ALL {
        crate::explore(move || {
            let emulator = process(contract);
            let guard = RacyGuard::new(emulator.dism());
            guard.enter().unwrap();
            let other = thread::spawn({
                let guard = guard.clone();
                move || guard.is_served()
            });
            assert!(guard.dism.work().is_ok());
            assert!(other.join().unwrap(), "a user was not served");
            guard.leave().unwrap();
        });
    }
}

/// The same for users that come and go at any time. On plain threads it would nearly always pass,
/// so it does not run there.
#[cfg(any(loom, shuttle))]
#[test]
#[should_panic(expected = "a user was not served")]
fn a_checker_catches_the_twin() {
    crate::explore(|| {
        let emulator = process(Contract::Documented);
        let guard = RacyGuard::new(emulator.dism());
        let other = thread::spawn({
            let guard = guard.clone();
            move || guard.is_served()
        });
        let served = [guard.is_served(), other.join().unwrap()];
        assert_eq!(served, [true, true], "a user was not served");
    });
}

/// The schedule that the checkers find, made to happen on plain threads: a user enters after the
/// last one has counted itself out, and before it shuts down.
#[cfg(not(any(loom, shuttle)))]
#[test]
fn a_hold_shows_what_is_wrong_with_the_twin() {
    let emulator = process(Contract::Documented);
    let guard = RacyGuard::new(emulator.dism());
    let hold = emulator.hold(Hold::before(Function::Shutdown));
    let other = thread::spawn({
        let guard = guard.clone();
        move || guard.is_served()
    });
    hold.wait();
    assert!(!guard.is_served());
    hold.release();
    assert!(other.join().unwrap());
}
