//! The C functions, in every schedule: the process behind them, and its races.

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

/// Nobody has started a process: the first call makes it, and there is one.
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
fn d3_of_two_deletes_of_one_pointer_one_wins() {
    counted("two deletes", || {
        let process = process(Contract::Documented);
        deletes_race();
        process.emulator().journal().replay().unwrap();
    });
}

/// The allocator may give the block that is deleted to whoever asks next: what lies at an address
/// is never deleted by whom it was not handed to.
#[test]
fn d3_a_delete_that_comes_too_late_leaves_the_next_block_alone() {
    counted("a delete against a hand-out", || {
        let process = process(Contract::Documented);
        assert_eq!(close(2), DOWN);
        let first = message();
        let other = thread::spawn(move || delete(first));
        let second = message();
        // Only where it is not the same address can it tell which block is meant.
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

/// A second guard waits for the first, and finds a process of its own.
#[test]
fn two_guards_take_turns() {
    counted("two guards", || {
        let inside = Arc::new(AtomicUsize::new(0));
        at_once(2, move || takes_its_turn(&inside));
    });
}
