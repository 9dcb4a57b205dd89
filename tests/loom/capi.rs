//! The C functions in every schedule: their process and its races.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use dism_emu::machine::State;
use dism_emu::{Contract, Hresult};
use loom::thread;

use crate::c::{
    close, delete, deletes_race, initialize, message, process, shutdown, takes_its_turn,
};
use crate::explore;
use crate::races::at_once;

const DOWN: Hresult = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;

fn counted(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let schedules = explore(model);
    println!("{name}: {schedules} schedules");
    assert!(schedules > 1, "a race has more than one schedule");
}

/// If no test has started a process, the first call creates one, and only one.
#[test]
fn i5_the_first_use_from_two_threads_makes_one_process() {
    counted("first use", || {
        let mut codes = at_once(2, initialize);
        codes.sort();
        assert_eq!(codes, [Hresult::S_OK, Hresult::WIN32_ALREADY_INITIALIZED]);
        assert_eq!([shutdown(), shutdown()], [Hresult::S_OK, DOWN]);
    });
}

#[test]
fn s5_two_shutdowns_through_the_exports_have_one_winner() {
    for contract in Contract::ALL {
        counted(&format!("two shutdowns, {contract:?}"), move || {
            let process = process(contract);
            assert_eq!(initialize(), Hresult::S_OK);
            let mut codes = at_once(2, shutdown);
            codes.sort();
            assert_eq!(codes, [Hresult::S_OK, DOWN]);
            assert_eq!(process.emulator().state(), State::Down);
            process.emulator().journal().replay().unwrap();
        });
    }
}

#[test]
fn d3_one_of_two_deletes_of_a_pointer_succeeds() {
    counted("two deletes", || {
        let process = process(Contract::Documented);
        deletes_race();
        process.emulator().journal().replay().unwrap();
    });
}

/// The allocator may reuse the deleted block for the next message at once. A delete of the first
/// message never frees the second.
#[test]
fn d3_a_late_delete_does_not_free_the_next_block() {
    counted("a delete against a hand-out", || {
        let process = process(Contract::Documented);
        assert_eq!(close(2), DOWN);
        let first = message();
        let other = thread::spawn(move || delete(first));
        let second = message();
        // A delete can tell the two messages apart only if their addresses differ.
        let late = if second == first { Hresult::S_OK } else { delete(first) };
        let deleted = other.join().unwrap();
        if second == first {
            assert_eq!(deleted, Hresult::S_OK);
        } else {
            let mut codes = [deleted, late];
            codes.sort();
            assert_eq!(codes, [Hresult::S_OK, Hresult::E_INVALIDARG]);
        }
        assert_eq!(delete(second), Hresult::S_OK);
        process.emulator().journal().replay().unwrap();
    });
}

/// A second guard waits for the first one, and has a process of its own.
#[test]
fn two_guards_take_turns() {
    counted("two guards", || {
        let inside = Arc::new(AtomicUsize::new(0));
        at_once(2, move || takes_its_turn(&inside));
    });
}
