//! What holds for the guard. Every emulator verifies its process when it is dropped, so each test
//! also checks that the guard made no mistake.

use dism_emu::machine::State;
use dism_emu::{Contract, Function, Rule};
use guard::Guard;
use guard::sync::{Arc, thread};

use crate::explore;
use crate::process::{Emulated, process};

/// Runs one user, from enter to leave. Everything has to succeed.
fn use_it(guard: &Guard<Emulated>) {
    let user = guard.enter().expect("DISM is free");
    user.dism().work().expect("DISM is initialized");
    user.leave().expect("nothing is open");
}

#[test]
fn two_users_are_served_and_the_last_one_shuts_down() {
    for contract in Contract::ALL {
        explore(move || {
            let emulator = process(contract);
            let guard = Arc::new(Guard::new(Emulated(emulator.dism())));
            let other = thread::spawn({
                let guard = guard.clone();
                move || use_it(&guard)
            });
            use_it(&guard);
            other.join().unwrap();
            assert_eq!(emulator.state(), State::Down);
        });
    }
}

#[test]
fn a_user_that_leaves_takes_nothing_from_one_that_stays() {
    explore(|| {
        let emulator = process(Contract::Documented);
        let guard = Guard::new(Emulated(emulator.dism()));
        let staying = guard.enter().unwrap();
        guard.enter().unwrap().leave().unwrap();
        staying.dism().work().expect("DISM is initialized");
        staying.leave().unwrap();
    });
}

/// I4: one leaves and comes again while another one comes and goes.
#[test]
fn a_user_may_come_again() {
    explore(|| {
        let emulator = process(Contract::Documented);
        let guard = Arc::new(Guard::new(Emulated(emulator.dism())));
        let other = thread::spawn({
            let guard = guard.clone();
            move || {
                use_it(&guard);
                use_it(&guard);
            }
        });
        use_it(&guard);
        other.join().unwrap();
        assert_eq!(emulator.state(), State::Down);
    });
}

#[test]
fn a_failed_initialize_adds_no_user() {
    explore(|| {
        let emulator = process(Contract::Documented);
        let denied = emulator.script(Rule::on(Function::Initialize).nth(1).fail(0x8007_0005));
        let guard = Arc::new(Guard::new(Emulated(emulator.dism())));
        let other = thread::spawn({
            let guard = guard.clone();
            move || guard.enter().is_ok()
        });
        let entered = [guard.enter().is_ok(), other.join().unwrap()];
        // The second user tries again, and gets in.
        assert_eq!(entered.iter().filter(|it| **it).count(), 1);
        assert_eq!(denied.fired(), 1);
        assert_eq!(emulator.state(), State::Down);
    });
}

/// S2, for example: a shutdown that fails changes nothing, so there is nothing to initialize.
#[test]
fn a_failed_shutdown_is_made_up_for_by_the_next_user() {
    explore(|| {
        let emulator = process(Contract::Documented);
        let _busy = emulator.script(Rule::on(Function::Shutdown).nth(1).fail(0x800F_0902));
        let guard = Guard::new(Emulated(emulator.dism()));
        assert!(guard.enter().unwrap().leave().is_err());
        use_it(&guard);
        assert_eq!(emulator.state(), State::Down);
    });
}
