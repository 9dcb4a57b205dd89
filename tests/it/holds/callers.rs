//! Which thread a hold stops, and how the test waits for it.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use dism_emu::machine::{Call, Effect};
use dism_emu::{Contract, Emulator, Function, Hold, HoldGuard, Hresult, Memory};

use super::{SHORT, steps, while_held};
use crate::methods::call;
use crate::support::{IMAGE, OTHER, one_session, unverified, wait_for};

/// The thread to be held calls late, so a wait that does not wait returns long before.
#[test]
fn wait_returns_when_a_thread_is_held_and_not_before() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    for _ in 0..20 {
        let before = steps(&emulator).len();
        thread::scope(|scope| {
            let hold = emulator.hold(Hold::returning(Function::GetLastErrorMessage));
            scope.spawn(|| {
                (0..1_000).for_each(|_| thread::yield_now());
                dism.last_error().unwrap();
            });
            hold.wait();
            assert_eq!(steps(&emulator).len(), before + 1);
            hold.release();
        });
    }
}

#[test]
fn wait_returns_at_once_if_a_thread_is_already_held() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let hold = Hold::returning(Function::CleanupMountpoints);
    thread::scope(|scope| {
        let hold = emulator.hold(hold);
        scope.spawn(|| dism.cleanup_mountpoints().unwrap());
        wait_for(&emulator, |step| step.outcome == Ok(Effect::Called));
        for _ in 0..3 {
            hold.wait();
        }
        hold.release();
    });
}

#[test]
fn two_threads_can_wait_for_one_hold() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = Arc::new(emulator.hold(Hold::before(Function::CleanupMountpoints)));
        let waiters = [(); 2].map(|()| {
            let hold = hold.clone();
            scope.spawn(move || hold.wait())
        });
        scope.spawn(|| dism.cleanup_mountpoints().unwrap());
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        drop(hold);
    });
}

#[test]
fn a_hold_catches_one_thread() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        let hold = emulator.hold(Hold::before(Function::CleanupMountpoints));
        for _ in 0..4 {
            let (dism, done) = (&dism, done.clone());
            scope.spawn(move || done.send(dism.cleanup_mountpoints()).unwrap());
        }
        hold.wait();
        for _ in 0..3 {
            results.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
        }
        assert_eq!(results.try_recv(), Err(mpsc::TryRecvError::Empty));
        hold.release();
        results.recv_timeout(Duration::from_secs(10)).unwrap().unwrap();
    });
}

#[test]
fn a_hold_catches_only_one_call() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = emulator.hold(Hold::before(Function::CleanupMountpoints));
        let caller = scope.spawn(|| {
            dism.cleanup_mountpoints().unwrap();
            dism.cleanup_mountpoints().unwrap();
        });
        hold.wait();
        hold.release();
        caller.join().unwrap();
    });
}

#[test]
fn two_holds_on_one_function_catch_two_threads_in_order() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let holds = [(); 2].map(|()| emulator.hold(Hold::before(Function::CleanupMountpoints)));
        let (done, results) = mpsc::channel();
        for (name, hold) in holds.iter().enumerate() {
            let (dism, done) = (&dism, done.clone());
            scope.spawn(move || {
                dism.cleanup_mountpoints().unwrap();
                done.send(name).unwrap();
            });
            hold.wait();
        }
        // The second thread first: neither hold releases the thread of the other.
        let [first, second] = holds;
        let next = || results.recv_timeout(Duration::from_secs(10));
        second.release();
        assert_eq!(next(), Ok(1));
        assert_eq!(results.try_recv(), Err(mpsc::TryRecvError::Empty));
        first.release();
        assert_eq!(next(), Ok(0));
    });
}

#[test]
fn a_hold_stops_only_calls_of_its_function() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let function = Function::GetPackages;
    let holds = [Hold::before(function), Hold::performing(function), Hold::returning(function)];
    let holds = holds.map(|hold| emulator.hold(hold.deadline(SHORT)));
    for &other in Function::ALL.iter().filter(|it| **it != function) {
        let _ = call(&dism, other, session, Memory::NULL);
    }
    // If one had caught this thread, its release would panic, since its deadline has passed.
    holds.into_iter().for_each(HoldGuard::release);
}

#[test]
fn a_session_narrows_a_hold_to_its_calls() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let function = Function::AddPackage;
    for hold in [Hold::before(function), Hold::performing(function), Hold::returning(function)] {
        let made = || {
            // Without the session, the hold would catch this call.
            dism.perform(other, function).unwrap();
            dism.perform(session, function).unwrap();
        };
        let before = steps(&emulator).len();
        while_held(&emulator, hold.session(session), made, || {
            let steps = steps(&emulator);
            let others = steps[before..].iter().filter(|it| match it.call {
                Call::BeginOperation { session, .. } | Call::EndOperation { session, .. } => {
                    session == other
                }
                _ => false,
            });
            assert_eq!(others.count(), 2);
        });
    }
    let closed = while_held(
        &emulator,
        Hold::closing().session(session),
        || dism.close_session(session),
        || {
            dism.close_session(other).unwrap();
        },
    );
    assert_eq!(closed, Ok(Hresult::S_OK));
}

#[test]
fn a_hold_with_a_session_does_not_catch_an_open() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let hold = Hold::before(Function::OpenSession).session(session).deadline(SHORT);
    let hold = emulator.hold(hold);
    assert_eq!(dism.open_session(IMAGE), Ok(session));
    hold.release();
}

#[test]
fn a_hold_of_one_process_does_not_stop_another() {
    let (emulator, ..) = one_session(Contract::Documented);
    let hold = emulator.hold(Hold::before(Function::CleanupMountpoints).deadline(SHORT));
    let (_, other, _) = one_session(Contract::Documented);
    other.cleanup_mountpoints().unwrap();
    hold.release();
}

/// P2: a thread that was in the queue before anything was scripted is held, too.
#[test]
fn a_hold_catches_an_operation_that_was_queued_before_it_was_set() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    let first = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        let queued = scope.spawn(|| dism.perform(session, Function::GetFeatures));
        wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        let hold = emulator.hold(Hold::performing(Function::GetFeatures));
        first.end().unwrap();
        hold.wait();
        assert!(!queued.is_finished());
        hold.release();
        queued.join().unwrap().unwrap();
    });
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
}
