//! How a held thread is released: by the guard, or by the deadline, which is reported.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::machine::{Effect, State};
use dism_emu::{Contract, Emulator, Function, Hold, HoldGuard, Hresult};

use super::{SHORT, steps, while_held};
use crate::support::{blameless, failing, line_of_panic, one_session, reported, unverified, up};

#[test]
fn a_hold_that_is_dropped_releases_its_thread() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = emulator.hold(Hold::before(Function::CleanupMountpoints));
        let caller = scope.spawn(|| dism.cleanup_mountpoints());
        hold.wait();
        drop(hold);
        assert_eq!(caller.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn a_hold_that_is_released_early_catches_no_thread() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    emulator.hold(Hold::before(Function::CleanupMountpoints)).release();
    drop(emulator.hold(Hold::before(Function::CleanupMountpoints)));
    dism.cleanup_mountpoints().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
}

#[test]
fn a_test_that_panics_releases_the_held_thread() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    let message = failing(|| {
        thread::scope(|scope| {
            let hold = emulator.hold(Hold::before(Function::CleanupMountpoints));
            scope.spawn(|| dism.cleanup_mountpoints().unwrap());
            hold.wait();
            panic!("the test's own");
        });
    });
    assert_eq!(message, "the test's own");
    // The scope has ended, so the thread went on, and it did so before its deadline.
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
    assert_eq!(steps(&emulator).last().unwrap().outcome, Ok(Effect::Called));
    dism.shutdown().unwrap_err();
    emulator.journal().replay().unwrap();
}

#[test]
fn a_wait_that_times_out_fails_and_shows_the_hold() {
    let (emulator, _, session) = one_session(Contract::Documented);
    let hold = Hold::performing(Function::AddPackage).session(session).deadline(SHORT);
    let line = line!() + 1;
    let guard = emulator.hold(hold.clone());
    let begun = Instant::now();
    let message = failing(|| guard.wait());
    assert!(begun.elapsed() >= SHORT, "it gave up too soon");
    assert!(message.contains(&hold.to_string()), "{message}");
    assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
    assert!(message.contains("30ms"), "{message}");
}

#[test]
fn a_wait_that_times_out_fails_at_its_line() {
    let (emulator, ..) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::before(Function::CleanupMountpoints).deadline(SHORT));
    assert_eq!(line_of_panic(|| guard.wait()), line!());
}

/// The test did not get the interleaving that it wanted. A rule that never fired is reported, too.
#[test]
fn a_hold_that_no_thread_reached_is_reported_once() {
    for is_released in [false, true] {
        let emulator = unverified().build();
        let line = line!() + 1;
        let guard = emulator.hold(Hold::before(Function::CleanupMountpoints));
        blameless(&emulator.dism());
        let guard = (!is_released).then_some(guard);
        let report = reported(&emulator);
        let remark = "no thread reached a hold of the test: DismCleanupMountpoints, before it";
        assert_eq!(report.matches(remark).count(), 1, "{report}");
        assert!(report.contains(&format!("{}:{line}", file!())), "{report}");
        drop(guard);
    }
}

#[test]
fn an_optional_hold_need_not_be_reached() {
    let emulator = Emulator::new();
    let hold = Hold::before(Function::CleanupMountpoints).optional();
    let guard = emulator.hold(hold.clone());
    blameless(&emulator.dism());
    emulator.verify().unwrap();
    guard.release();
    drop(emulator.hold(hold));
}

#[test]
fn is_held_returns_without_waiting() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let begun = Instant::now();
    let hold = emulator.hold(Hold::before(Function::Shutdown));
    assert!(!hold.is_held());
    thread::scope(|scope| {
        scope.spawn(|| dism.shutdown().unwrap());
        hold.wait();
        assert!(hold.is_held());
        hold.release();
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited for the deadline");
    dism.initialize().unwrap();
    // A thread that a deadline has released is no longer held.
    let expired = expired(&emulator, Hold::before(Function::Shutdown));
    assert!(!expired.is_held());
    failing(|| drop(expired));
}

/// Holds a thread until the deadline. Returns the guard, which is not released.
#[track_caller]
fn expired(emulator: &Emulator, hold: Hold) -> HoldGuard {
    let dism = emulator.dism();
    let guard = emulator.hold(hold.deadline(SHORT));
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| dism.shutdown().unwrap());
    });
    assert!(begun.elapsed() >= SHORT, "it was not held");
    guard
}

#[test]
fn a_guard_across_a_join_holds_its_thread_until_the_deadline() {
    for hold in [Hold::before(Function::Shutdown), Hold::returning(Function::Shutdown)] {
        let emulator = up(Contract::Documented);
        let guard = expired(&emulator, hold.clone());
        assert_eq!(emulator.state(), State::Down);
        let message = failing(|| guard.release());
        assert!(message.contains(&hold.to_string()) && message.contains(file!()), "{message}");
    }
}

#[test]
fn a_close_that_a_deadline_releases_is_finished() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(emulator.state().open_sessions(), 0);
    failing(|| drop(guard));
    emulator.journal().replay().unwrap();
}

#[test]
fn an_operation_that_a_deadline_releases_is_performed() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::performing(Function::AddPackage).deadline(SHORT));
    assert_eq!(dism.perform(session, Function::AddPackage), Ok(Hresult::S_OK));
    failing(|| drop(guard));
    emulator.journal().replay().unwrap();
}

#[test]
fn dropping_an_expired_hold_reports_it() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let message = failing(|| drop(guard));
    assert!(message.contains(&hold.to_string()), "{message}");
}

#[test]
fn releasing_an_expired_hold_fails_at_its_line() {
    let emulator = up(Contract::Documented);
    let guard = expired(&emulator, Hold::before(Function::Shutdown));
    assert_eq!(line_of_panic(|| guard.release()), line!());
}

#[test]
fn a_wait_for_a_thread_that_a_deadline_released_fails() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let message = failing(|| guard.wait());
    assert!(message.contains(&hold.to_string()), "{message}");
    failing(|| drop(guard));
}

#[test]
fn an_expired_hold_that_was_not_released_is_reported_by_verify() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let report = reported(&emulator);
    assert!(report.contains(&hold.to_string()) && report.contains(file!()), "{report}");
    failing(|| drop(guard));
}

#[test]
fn a_forgotten_hold_expires_and_is_reported_by_verify() {
    let emulator = up(Contract::Documented);
    let hold = Hold::returning(Function::Shutdown);
    mem::forget(expired(&emulator, hold.clone()));
    assert_eq!(emulator.state(), State::Down);
    assert!(reported(&emulator).contains(&hold.to_string()));
}

#[test]
fn an_expired_hold_catches_no_other_thread() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let guard = expired(&emulator, Hold::before(Function::Shutdown).deadline(SHORT));
    let steps = steps(&emulator).len();
    // The new hold catches the thread before it takes its step.
    thread::scope(|scope| {
        let again = emulator.hold(Hold::before(Function::Shutdown));
        scope.spawn(|| dism.shutdown().unwrap_err());
        again.wait();
        assert_eq!(emulator.journal().steps().len(), steps);
        again.release();
    });
    failing(|| drop(guard));
}

#[test]
fn an_expired_hold_is_silent_in_a_test_that_panics() {
    let emulator = up(Contract::Documented);
    let message = failing(|| {
        let _guard = expired(&emulator, Hold::before(Function::Shutdown));
        panic!("the test's own");
    });
    assert_eq!(message, "the test's own");
}

/// A test that catches its panic still learns of the hold.
#[test]
fn a_hold_that_expired_is_reported_by_verify_after_a_panic_that_the_test_catches() {
    let emulator = up(Contract::Documented);
    failing(|| {
        let _guard = expired(&emulator, Hold::before(Function::Shutdown));
        panic!("the test's own");
    });
    let remark = "remark: a hold of the test was not released before its deadline";
    assert_eq!(reported(&emulator).matches(remark).count(), 1);
}

#[test]
fn a_hold_that_was_released_in_time_is_not_reported() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    while_held(&emulator, Hold::before(Function::Shutdown), || dism.shutdown(), || {}).unwrap();
    assert!(emulator.verify().is_ok());
}

#[test]
fn a_deadline_of_zero_holds_no_thread() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let guard = emulator.hold(Hold::before(Function::Shutdown).deadline(Duration::ZERO));
    dism.shutdown().unwrap();
    failing(|| guard.release());
}

#[test]
fn a_deadline_may_exceed_the_range_of_the_clock() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let hold = Hold::before(Function::Shutdown).deadline(Duration::MAX);
    while_held(&emulator, hold, || dism.shutdown(), || {}).unwrap();
}
