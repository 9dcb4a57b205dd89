//! The C functions, in every schedule: the process behind them, and its races.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use dism_emu::capi::*;
use dism_emu::{Contract, Emulator, Hresult, State};
use loom::sync::Mutex;
use loom::thread;

use crate::explore;

const DOWN: Hresult = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
const CONTRACTS: [Contract; 2] = [Contract::Documented, Contract::Recorded];

fn code(returned: HRESULT) -> Hresult {
    Hresult::new(returned as u32)
}

fn initialize() -> Hresult {
    // SAFETY: NULL is allowed for both paths.
    code(unsafe { DismInitialize(DismLogErrors, ptr::null(), ptr::null()) })
}

fn shutdown() -> Hresult {
    // SAFETY: it takes nothing.
    code(unsafe { DismShutdown() })
}

fn delete(address: usize) -> Hresult {
    // SAFETY: D3: any address is allowed.
    code(unsafe { DismDelete(ptr::with_exposed_provenance_mut::<c_void>(address)) })
}

fn counted(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let schedules = explore(model);
    println!("{name}: {schedules} schedules");
    assert!(schedules > 1, "a race has more than one schedule");
}

fn process(contract: Contract) -> Process {
    Process::start(Emulator::builder().contract(contract).verify_on_drop(false))
}

/// Nobody has started a process: the first call makes it, and there is one.
#[test]
fn i5_the_first_use_from_two_threads_makes_one_process() {
    counted("first use", || {
        let other = thread::spawn(initialize);
        let mut codes = [initialize(), other.join().unwrap()];
        codes.sort();
        assert_eq!(codes, [Hresult::S_OK, Hresult::ERROR_ALREADY_INITIALIZED]);
        assert_eq!([shutdown(), shutdown()], [Hresult::S_OK, DOWN]);
    });
}

#[test]
fn s5_two_shutdowns_through_the_exports_have_one_winner() {
    for contract in CONTRACTS {
        counted(&format!("two shutdowns, {contract:?}"), move || {
            let process = process(contract);
            assert_eq!(initialize(), Hresult::S_OK);
            let other = thread::spawn(shutdown);
            let mut codes = [shutdown(), other.join().unwrap()];
            codes.sort();
            assert_eq!(codes, [Hresult::S_OK, DOWN]);
            assert_eq!(process.emulator().state(), State::Down);
            process.emulator().journal().replay().unwrap();
        });
    }
}

/// The address of this thread's last error message.
fn message() -> usize {
    let mut message = ptr::null_mut::<DismString>();
    // SAFETY: a place that lives here.
    assert_eq!(code(unsafe { DismGetLastErrorMessage(&raw mut message) }), Hresult::S_OK);
    assert!(!message.is_null());
    message.expose_provenance()
}

#[test]
fn d3_of_two_deletes_of_one_pointer_one_wins() {
    counted("two deletes", || {
        let process = process(Contract::Documented);
        shutdown();
        // SAFETY: any number is allowed.
        assert_eq!(code(unsafe { DismCloseSession(2) }), DOWN);
        let address = message();
        let other = thread::spawn(move || delete(address));
        let mut codes = [delete(address), other.join().unwrap()];
        codes.sort();
        assert_eq!(codes, [Hresult::S_OK, Hresult::E_INVALIDARG]);
        process.emulator().journal().replay().unwrap();
    });
}

/// The allocator may give the block that is deleted to whoever asks next: what lies at an address
/// is never deleted by whom it was not handed to.
#[test]
fn d3_a_delete_that_comes_too_late_leaves_the_next_block_alone() {
    counted("a delete against a hand-out", || {
        let process = process(Contract::Documented);
        // SAFETY: any number is allowed.
        assert_eq!(code(unsafe { DismCloseSession(2) }), DOWN);
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
        let inside = Arc::new(Mutex::new(0));
        let test = {
            let inside = inside.clone();
            move || {
                let process = process(Contract::Documented);
                *inside.lock().unwrap() += 1;
                assert_eq!(*inside.lock().unwrap(), 1);
                assert_eq!(initialize(), Hresult::S_OK);
                assert_eq!(process.emulator().journal().steps().len(), 1);
                *inside.lock().unwrap() -= 1;
            }
        };
        let other = thread::spawn(test.clone());
        test();
        other.join().unwrap();
    });
}
