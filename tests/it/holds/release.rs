//! How a held thread is let go: by the guard, or by the deadline, which is reported.

use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::{Contract, Effect, Emulator, Function, Hold, HoldGuard, Hresult, State};

use super::{SHORT, line_of_panic, steps, while_held};
use crate::support::{failing, one_session, told, up};

#[test]
fn a_hold_that_is_dropped_lets_its_thread_go() {
    let (dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = dism.hold(Hold::before(Function::CleanupMountpoints));
        let caller = scope.spawn(|| dism.call(Function::CleanupMountpoints));
        hold.wait();
        drop(hold);
        assert_eq!(caller.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn a_hold_that_is_released_before_anybody_came_catches_nobody() {
    let (dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    dism.hold(Hold::before(Function::CleanupMountpoints)).release();
    drop(dism.hold(Hold::before(Function::CleanupMountpoints)));
    dism.call(Function::CleanupMountpoints).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
}

#[test]
fn a_test_that_panics_lets_the_held_thread_go() {
    let (dism, _) = one_session(Contract::Documented);
    let begun = Instant::now();
    let said = failing(|| {
        thread::scope(|scope| {
            let hold = dism.hold(Hold::before(Function::CleanupMountpoints));
            scope.spawn(|| dism.call(Function::CleanupMountpoints).unwrap());
            hold.wait();
            panic!("the test's own");
        });
    });
    assert_eq!(said, "the test's own");
    // The scope was left, so the thread went on, and not only when its deadline came.
    assert!(begun.elapsed() < Duration::from_secs(10), "it was held until the deadline");
    assert_eq!(steps(&dism).last().unwrap().outcome, Ok(Effect::Called));
    dism.shutdown().unwrap_err();
    dism.journal().replay().unwrap();
}

#[test]
fn waiting_for_a_thread_that_never_comes_fails_and_names_the_hold() {
    let (dism, session) = one_session(Contract::Documented);
    let hold = Hold::performing(Function::AddPackage).session(session).deadline(SHORT);
    let line = line!() + 1;
    let guard = dism.hold(hold.clone());
    let begun = Instant::now();
    let said = failing(|| guard.wait());
    assert!(begun.elapsed() >= SHORT, "it gave up too soon");
    assert!(said.contains(&hold.to_string()), "{said}");
    assert!(said.contains(&format!("{}:{line}:", file!())), "{said}");
    assert!(said.contains("30ms"), "{said}");
}

#[test]
fn waiting_in_vain_fails_at_the_line_of_the_wait() {
    let (dism, _) = one_session(Contract::Documented);
    let guard = dism.hold(Hold::before(Function::CleanupMountpoints).deadline(SHORT));
    assert_eq!(line_of_panic(|| guard.wait()), line!());
}

#[test]
fn a_hold_that_nobody_came_to_is_nothing_to_tell() {
    let dism = Emulator::new();
    let guard = dism.hold(Hold::before(Function::CleanupMountpoints).deadline(Duration::ZERO));
    dism.initialize().unwrap();
    dism.shutdown().unwrap();
    failing(|| guard.wait());
    assert!(dism.verify().is_ok());
    guard.release();
    assert!(dism.verify().is_ok());
}

/// A thread that was held until the deadline, and the guard that nobody has released.
#[track_caller]
fn expired(dism: &Emulator, hold: Hold) -> HoldGuard {
    let guard = dism.hold(hold.deadline(SHORT));
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
        let dism = up(Contract::Documented);
        let guard = expired(&dism, hold.clone());
        assert_eq!(dism.state(), State::Down);
        let said = failing(|| guard.release());
        assert!(said.contains(&hold.to_string()) && said.contains(file!()), "{said}");
    }
}

#[test]
fn a_close_that_a_deadline_lets_go_is_finished() {
    let (dism, session) = one_session(Contract::Documented);
    let guard = dism.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.state().open_sessions(), 0);
    failing(|| drop(guard));
    dism.journal().replay().unwrap();
}

#[test]
fn an_operation_that_a_deadline_lets_go_is_performed() {
    let (dism, session) = one_session(Contract::Documented);
    let guard = dism.hold(Hold::performing(Function::AddPackage).deadline(SHORT));
    assert_eq!(dism.perform(session, Function::AddPackage), Ok(Hresult::S_OK));
    failing(|| drop(guard));
    dism.journal().replay().unwrap();
}

#[test]
fn the_drop_of_a_hold_that_expired_tells_of_it() {
    let dism = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&dism, hold.clone());
    let said = failing(|| drop(guard));
    assert!(said.contains(&hold.to_string()), "{said}");
}

#[test]
fn the_release_of_a_hold_that_expired_fails_at_its_line() {
    let dism = up(Contract::Documented);
    let guard = expired(&dism, Hold::before(Function::Shutdown));
    assert_eq!(line_of_panic(|| guard.release()), line!());
}

#[test]
fn waiting_for_a_thread_that_a_deadline_let_go_fails() {
    let dism = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&dism, hold.clone());
    let said = failing(|| guard.wait());
    assert!(said.contains(&hold.to_string()), "{said}");
    failing(|| drop(guard));
}

#[test]
fn a_hold_that_expired_and_was_not_released_is_told_by_verify() {
    let dism = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown);
    let guard = expired(&dism, hold.clone());
    let report = told(&dism);
    assert!(report.contains(&hold.to_string()) && report.contains(file!()), "{report}");
    failing(|| drop(guard));
}

#[test]
fn a_hold_that_was_forgotten_holds_nobody_for_ever_and_is_told_by_verify() {
    let dism = up(Contract::Documented);
    let hold = Hold::returning(Function::Shutdown);
    mem::forget(expired(&dism, hold.clone()));
    assert_eq!(dism.state(), State::Down);
    assert!(told(&dism).contains(&hold.to_string()));
}

#[test]
fn a_hold_that_expired_catches_nobody_else() {
    let dism = up(Contract::Documented);
    let guard = expired(&dism, Hold::before(Function::Shutdown).deadline(SHORT));
    let steps = steps(&dism).len();
    // A thread that was held would not have taken its step.
    thread::scope(|scope| {
        let again = dism.hold(Hold::before(Function::Shutdown));
        scope.spawn(|| dism.shutdown().unwrap_err());
        again.wait();
        assert_eq!(dism.journal().steps().len(), steps);
        again.release();
    });
    failing(|| drop(guard));
}

#[test]
fn a_hold_that_expired_keeps_quiet_in_a_test_that_panics() {
    let dism = up(Contract::Documented);
    let said = failing(|| {
        let _guard = expired(&dism, Hold::before(Function::Shutdown));
        panic!("the test's own");
    });
    assert_eq!(said, "the test's own");
}

#[test]
fn a_hold_that_was_released_in_time_is_nothing_to_tell() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    while_held(&dism, Hold::before(Function::Shutdown), || dism.shutdown(), || {}).unwrap();
    assert!(dism.verify().is_ok());
}

#[test]
fn a_deadline_of_nothing_holds_nobody() {
    let dism = up(Contract::Documented);
    let guard = dism.hold(Hold::before(Function::Shutdown).deadline(Duration::ZERO));
    dism.shutdown().unwrap();
    failing(|| guard.release());
}

#[test]
fn a_deadline_may_be_farther_away_than_a_clock_can_tell() {
    let dism = up(Contract::Documented);
    let hold = Hold::before(Function::Shutdown).deadline(Duration::MAX);
    while_held(&dism, hold, || dism.shutdown(), || {}).unwrap();
}
