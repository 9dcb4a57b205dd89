//! How a held thread is let go: by the guard, or by the deadline, which is reported.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::machine::{Effect, State};
use dism_emu::{Contract, Emulator, Function, Hold, HoldGuard, Hresult};

use super::{SHORT, steps, while_held};
use crate::support::{blameless, failing, line_of_panic, one_session, told, unverified, up};

#[test]
fn a_hold_that_is_dropped_lets_its_thread_go() {
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
fn a_hold_that_is_released_before_anybody_came_catches_nobody() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    emulator.hold(Hold::before(Function::CleanupMountpoints)).release();
    drop(emulator.hold(Hold::before(Function::CleanupMountpoints)));
    dism.cleanup_mountpoints().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
}

#[test]
fn a_test_that_panics_lets_the_held_thread_go() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    let said = failing(|| {
        thread::scope(|scope| {
            let hold = emulator.hold(Hold::before(Function::CleanupMountpoints));
            scope.spawn(|| dism.cleanup_mountpoints().unwrap());
            hold.wait();
            panic!("the test's own");
        });
    });
    assert_eq!(said, "the test's own");
    // The scope was left, so the thread went on, and not only when its deadline came.
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
    assert_eq!(steps(&emulator).last().unwrap().outcome, Ok(Effect::Called));
    dism.shutdown().unwrap_err();
    emulator.journal().replay().unwrap();
}

#[test]
fn waiting_for_a_thread_that_never_comes_fails_and_names_the_hold() {
    let (emulator, _, session) = one_session(Contract::Documented);
    let hold = Hold::performing(Function::AddPackage).session(session).deadline(SHORT);
    let line = line!() + 1;
    let guard = emulator.hold(hold.clone());
    let begun = Instant::now();
    let said = failing(|| guard.wait());
    assert!(begun.elapsed() >= SHORT, "it gave up too soon");
    assert!(said.contains(&hold.to_string()), "{said}");
    assert!(said.contains(&format!("{}:{line}:", file!())), "{said}");
    assert!(said.contains("30ms"), "{said}");
}

#[test]
fn waiting_in_vain_fails_at_the_line_of_the_wait() {
    let (emulator, ..) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::before(Function::CleanupMountpoints).deadline(SHORT));
    assert_eq!(line_of_panic(|| guard.wait()), line!());
}

/// As a rule that never fired: the interleaving that the test wanted did not happen.
#[test]
fn a_hold_that_no_thread_reached_is_reported_once() {
    for is_released in [false, true] {
        let emulator = unverified().build();
        let line = line!() + 1;
        let guard = emulator.hold(Hold::before(Function::CleanupMountpoints));
        blameless(&emulator.dism());
        let guard = (!is_released).then_some(guard);
        let report = told(&emulator);
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
fn a_guard_says_without_waiting_whether_a_thread_is_held() {
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
    // What a deadline let go is held no longer.
    let expired = expired(&emulator, Hold::before(Function::Shutdown));
    assert!(!expired.is_held());
    failing(|| drop(expired));
}

/// A thread that was held until the deadline, and the guard that nobody has released.
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
        let said = failing(|| guard.release());
        assert!(said.contains(&hold.to_string()) && said.contains(file!()), "{said}");
    }
}

#[test]
fn a_close_that_a_deadline_lets_go_is_finished() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(emulator.state().open_sessions(), 0);
    failing(|| drop(guard));
    emulator.journal().replay().unwrap();
}

#[test]
fn an_operation_that_a_deadline_lets_go_is_performed() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let guard = emulator.hold(Hold::performing(Function::AddPackage).deadline(SHORT));
    assert_eq!(dism.perform(session, Function::AddPackage), Ok(Hresult::S_OK));
    failing(|| drop(guard));
    emulator.journal().replay().unwrap();
}

#[test]
fn the_drop_of_a_hold_that_expired_reports_it() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let said = failing(|| drop(guard));
    assert!(said.contains(&hold.to_string()), "{said}");
}

#[test]
fn the_release_of_a_hold_that_expired_fails_at_its_line() {
    let emulator = up(Contract::Documented);
    let guard = expired(&emulator, Hold::before(Function::Shutdown));
    assert_eq!(line_of_panic(|| guard.release()), line!());
}

#[test]
fn waiting_for_a_thread_that_a_deadline_let_go_fails() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let said = failing(|| guard.wait());
    assert!(said.contains(&hold.to_string()), "{said}");
    failing(|| drop(guard));
}

#[test]
fn a_hold_that_expired_and_was_not_released_is_reported_by_verify() {
    let emulator = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&emulator, hold.clone());
    let report = told(&emulator);
    assert!(report.contains(&hold.to_string()) && report.contains(file!()), "{report}");
    failing(|| drop(guard));
}

#[test]
fn a_hold_that_was_forgotten_holds_nobody_for_ever_and_is_reported_by_verify() {
    let emulator = up(Contract::Documented);
    let hold = Hold::returning(Function::Shutdown);
    mem::forget(expired(&emulator, hold.clone()));
    assert_eq!(emulator.state(), State::Down);
    assert!(told(&emulator).contains(&hold.to_string()));
}

#[test]
fn a_hold_that_expired_catches_nobody_else() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let guard = expired(&emulator, Hold::before(Function::Shutdown).deadline(SHORT));
    let steps = steps(&emulator).len();
    // A thread that was held would not have taken its step.
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
fn a_hold_that_expired_keeps_quiet_in_a_test_that_panics() {
    let emulator = up(Contract::Documented);
    let said = failing(|| {
        let _guard = expired(&emulator, Hold::before(Function::Shutdown));
        panic!("the test's own");
    });
    assert_eq!(said, "the test's own");
}

/// A test that catches its panic still learns of the hold.
#[test]
fn a_hold_that_expired_is_reported_by_verify_after_a_panic_that_the_test_catches() {
    let emulator = up(Contract::Documented);
    failing(|| {
        let _guard = expired(&emulator, Hold::before(Function::Shutdown));
        panic!("the test's own");
    });
    assert_eq!(told(&emulator).matches("let go by its deadline").count(), 1);
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
fn a_deadline_of_nothing_holds_nobody() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let guard = emulator.hold(Hold::before(Function::Shutdown).deadline(Duration::ZERO));
    dism.shutdown().unwrap();
    failing(|| guard.release());
}

#[test]
fn a_deadline_may_be_farther_away_than_a_clock_can_tell() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let hold = Hold::before(Function::Shutdown).deadline(Duration::MAX);
    while_held(&emulator, hold, || dism.shutdown(), || {}).unwrap();
}
