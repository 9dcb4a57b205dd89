//! Models of single races.

use std::sync::Arc;

use dism_emu::machine::State;
use dism_emu::{Contract, Emulator, Error, Function, Hresult};
use loom::thread;

use crate::programs::{Act, Act::*, Program, Start};
use crate::races::{initializes_race, shutdowns_race, two_threads_fail};
use crate::support::{Double, IMAGE, Lifecycle, unverified};
use crate::{explore, explore_program};

/// Explores `model` under each contract, with a fresh process each time.
pub(crate) fn under_both(name: &str, model: fn(Emulator)) {
    for contract in Contract::ALL {
        let schedules = explore(move || {
            model(unverified().contract(contract).build());
        });
        println!("{name}, {contract:?}: {schedules} schedules");
        assert!(schedules > 1, "a race has more than one schedule");
    }
}

pub(crate) fn two_shutdowns(emulator: impl Double) {
    shutdowns_race(&emulator, 2);
}

#[test]
fn s5_two_shutdowns_have_one_winner() {
    under_both("two shutdowns", two_shutdowns);
}

#[test]
fn s5_three_shutdowns_have_one_winner() {
    under_both("three shutdowns", |emulator| shutdowns_race(&emulator, 3));
}

#[test]
fn s5_four_shutdowns_have_one_winner() {
    under_both("four shutdowns", |emulator| shutdowns_race(&emulator, 4));
}

pub(crate) fn two_initializes(emulator: impl Double) {
    initializes_race(&emulator, 2);
}

#[test]
fn i5_two_initializes_have_one_first() {
    under_both("two initializes", two_initializes);
}

#[test]
fn s2_a_shutdown_that_fails_changes_nothing() {
    under_both("shutdown against a session in use", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        let other = dism.clone();
        let other = thread::spawn(move || {
            assert_eq!(other.shutdown(), Err(Error::OpenSessionHandles));
            assert_eq!(other.shutdown(), Err(Error::OpenSessionHandles));
        });
        // Whatever the shutdowns do meanwhile, the session and its image stay usable.
        let operation = dism.operation(session, Function::GetFeatures).unwrap();
        assert_eq!(operation.end_with(Hresult::S_OK), Ok(Hresult::S_OK));
        assert_eq!(dism.open_session(IMAGE), Ok(session));
        other.join().unwrap();
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });
        dism.close_session(session).unwrap();
        dism.close_session(session).unwrap();
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    });
}

pub(crate) fn open_against_shutdown(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let other = dism.clone();
    let opener = thread::spawn(move || other.open(IMAGE));
    match (dism.shutdown(), opener.join().unwrap()) {
        (Ok(Hresult::S_OK), Err(Error::NotInitialized)) => {
            assert_eq!(emulator.state(), State::Down)
        }
        (Err(Error::OpenSessionHandles), Ok(_)) => {
            assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn s2_open_and_shutdown_never_both_succeed() {
    under_both("open against shutdown", open_against_shutdown);
}

pub(crate) fn close_against_an_operation(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open(IMAGE).unwrap();
    // The model does not see this flag, so it orders nothing.
    let performing = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = performing.clone();
    let other = dism.clone();
    let operator = thread::spawn(move || {
        other.operate(session, || {
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
            thread::yield_now();
            flag.store(false, std::sync::atomic::Ordering::SeqCst);
        })
    });
    assert_eq!(dism.close(session), Ok(Hresult::S_OK));
    assert!(!performing.load(std::sync::atomic::Ordering::SeqCst), "closed while in use");
    match operator.join().unwrap() {
        Ok(Hresult::S_OK) | Err(Error::InvalidSession { .. } | Error::SessionClosing { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
}

#[test]
fn c4_a_close_waits_for_an_operation() {
    under_both("close against an operation", close_against_an_operation);
}

#[test]
fn c5_two_closes_of_one_reference_have_one_winner() {
    under_both("two closes of a session in use", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        let operation = dism.operation(session, Function::GetFeatures).unwrap();
        let closers = [(); 2].map(|()| {
            let dism = dism.clone();
            thread::spawn(move || dism.close_session(session))
        });
        operation.end().unwrap();
        let results = closers.map(|closer| closer.join().unwrap());
        assert_eq!(results.iter().filter(|it| **it == Ok(Hresult::S_OK)).count(), 1);
        let code = Hresult::DISMAPI_E_INVALID_DISM_SESSION;
        assert!(results.contains(&Err(Error::InvalidSession { session, code })));
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
    });
}

/// Two threads wait for different sessions, so the end of an operation must not wake only the
/// thread of the other session.
pub(crate) fn turns_on_two_sessions(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let sessions = [IMAGE, "D:"].map(|path| dism.open(path).unwrap());
    let mut waiters = Vec::new();
    let wait = |session| {
        let dism = dism.clone();
        thread::spawn(move || dism.operate(session, || {}))
    };
    dism.operate(sessions[0], || {
        dism.operate(sessions[1], || waiters.extend(sessions.map(wait))).unwrap();
    })
    .unwrap();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), Ok(Hresult::S_OK));
    }
}

#[test]
fn p2_the_end_of_an_operation_wakes_the_next_thread() {
    under_both("turns on two sessions", turns_on_two_sessions);
}

pub(crate) fn two_operations(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open(IMAGE).unwrap();
    let performing = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let operate = move |dism: &_, performing: &std::sync::atomic::AtomicUsize| {
        let operated = Lifecycle::operate(dism, session, || {
            let before = performing.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            assert_eq!(before, 0, "two operations at once");
            thread::yield_now();
            performing.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        });
        assert_eq!(operated, Ok(Hresult::S_OK));
    };
    let (other, flag) = (dism.clone(), performing.clone());
    let other = thread::spawn(move || operate(&other, &flag));
    operate(&dism, &performing);
    other.join().unwrap();
}

#[test]
fn p2_operations_on_one_session_exclude_each_other() {
    under_both("two operations", two_operations);
}

pub(crate) fn last_errors(emulator: impl Double) {
    two_threads_fail(&emulator.dism());
}

#[test]
fn e1_the_last_error_is_per_thread() {
    under_both("last errors", last_errors);
}

/// Explores a program of three threads, with the checks of every program.
fn three(name: &str, start: Start, threads: [&[Act]; 3]) {
    for contract in Contract::ALL {
        let threads = threads.iter().map(|acts| acts.to_vec()).collect();
        let schedules = explore_program(Program { contract, start, threads });
        println!("{name}, {contract:?}: {schedules} schedules");
    }
}

#[test]
fn three_shutdowns() {
    three("three shutdowns", Start::Up, [&[Shutdown], &[Shutdown], &[Shutdown]]);
}

#[test]
fn two_shutdowns_and_a_close() {
    let threads: [&[Act]; 3] = [&[Shutdown], &[Shutdown], &[Close]];
    three("two shutdowns and a close", Start::OneSession, threads);
}

#[test]
fn open_close_and_shutdown() {
    let threads: [&[Act]; 3] = [&[Open], &[Close], &[Shutdown]];
    three("open, close and shutdown", Start::OneSession, threads);
}

#[test]
fn a_close_drains_two_operations() {
    let threads: [&[Act]; 3] = [&[Operate], &[Operate, Shutdown], &[Close]];
    three("a close, two operations and a shutdown", Start::OneSession, threads);
}

/// With a thread for each call it takes minutes, so it runs under one contract. With a count of one
/// and no initialize, both contracts behave the same.
#[test]
fn a_close_drains_two_operations_against_a_shutdown() {
    let threads = vec![vec![Operate], vec![Operate], vec![Close], vec![Shutdown]];
    let contract = Contract::Documented;
    let schedules = explore_program(Program { contract, start: Start::OneSession, threads });
    println!("a close, two operations, a shutdown, a thread each: {schedules} schedules");
}
