//! Progress callbacks: what is reported to them, and what they may do.

use std::ops::ControlFlow;
use std::thread;

use dism_emu::{Contract, Dism, Emulator, Error, Function, Hresult, Progress, Rule, Session};

use crate::races::a_callback_panics;
use crate::support::{BUSY, OTHER, one_session};

/// Runs an operation. Returns the steps that it reports, and its result.
fn run(dism: &Dism, session: Session) -> (Vec<(u32, u32)>, Result<Hresult, Error>) {
    let mut seen = Vec::new();
    let result = dism.operation(session, Function::AddPackage).unwrap().run(|progress| {
        seen.push((progress.current, progress.total));
        ControlFlow::Continue(())
    });
    (seen, result)
}

#[test]
fn an_operation_reports_quarter_by_quarter() {
    let (_, dism, session) = one_session(Contract::Documented);
    let (seen, result) = run(&dism, session);
    assert_eq!(seen, [(0, 100), (25, 100), (50, 100), (75, 100), (100, 100)]);
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn an_operation_reports_the_progress_that_is_scripted() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let steps = [Progress::new(7, 9), Progress::new(3, 9), Progress::new(u32::MAX, 0)];
    let rule = Rule::on(Function::AddPackage).progress(steps).answer(BUSY);
    let _rule = emulator.script(rule);
    for _ in 0..2 {
        let (seen, result) = run(&dism, session);
        assert_eq!(seen, [(7, 9), (3, 9), (u32::MAX, 0)]);
        assert_eq!(result, Err(Error::Failed { code: BUSY }));
    }
}

#[test]
fn an_operation_can_be_scripted_to_report_nothing() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::AddPackage).progress([]));
    assert_eq!(run(&dism, session), (vec![], Ok(Hresult::S_OK)));
}

#[test]
fn a_rule_without_progress_keeps_the_default_progress() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::AddPackage).answer(1));
    let (seen, result) = run(&dism, session);
    assert_eq!(seen.len(), 5);
    assert_eq!(result, Ok(Hresult::S_FALSE));
}

#[test]
fn an_operation_that_is_scripted_to_be_cancelled_fails_after_its_steps() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let aborted = Hresult::WIN32_REQUEST_ABORTED;
    let rule = Rule::on(Function::AddPackage).progress([Progress::new(30, 100)]).answer(aborted);
    let _rule = emulator.script(rule);
    let (seen, result) = run(&dism, session);
    assert_eq!(seen, [(30, 100)]);
    assert_eq!(result, Err(Error::Failed { code: aborted }));
    assert_eq!(dism.last_error(), Ok(Some(aborted)));
}

#[test]
fn a_callback_cancels_the_operation_with_break() {
    let (_, dism, session) = one_session(Contract::Documented);
    let mut calls = 0;
    let cancelled = dism.operation(session, Function::AddPackage).unwrap().run(|progress| {
        calls += 1;
        if progress.current < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(calls, 3, "it goes on after the cancel");
    let code = Hresult::new(0x8007_04D3);
    assert_eq!(cancelled, Err(Error::Failed { code }));
    assert_eq!(dism.last_error(), Ok(Some(code)));
    // P5: the session is as usable as after any failure.
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn a_cancel_overrides_the_scripted_answer() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = emulator.script(Rule::on(Function::AddPackage).answer(3010));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let cancelled = operation.run(|_| ControlFlow::Break(()));
    assert_eq!(cancelled.unwrap_err().code(), Hresult::WIN32_REQUEST_ABORTED);
    assert_eq!(rule.fired(), 1);
    // C6: nothing returned 3010.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    emulator.journal().replay().unwrap();
}

#[test]
fn a_callback_is_called_on_the_thread_of_the_operation() {
    let (_, dism, session) = one_session(Contract::Documented);
    let caller = thread::current().id();
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(thread::current().id(), caller);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn no_lock_is_held_during_a_callback() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert!(emulator.state().is_initialized());
        assert!(!emulator.journal().steps().is_empty());
        let other = dism.open_session(OTHER).unwrap();
        assert_eq!(dism.perform(other, Function::GetFeatures), Ok(Hresult::S_OK));
        // Another thread can make a call, too.
        thread::scope(|scope| {
            scope.spawn(|| dism.close_session(other).unwrap());
        });
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
    emulator.journal().replay().unwrap();
}

#[test]
fn p3_a_callback_cannot_operate_on_its_own_session() {
    let (_, dism, session) = one_session(Contract::Documented);
    let refused = Err(Error::PossibleDeadlock { session });
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(dism.perform(session, Function::GetFeatures), refused);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn c7_a_callback_cannot_close_its_own_session() {
    let (_, dism, session) = one_session(Contract::Documented);
    let refused = Err(Error::PossibleDeadlock { session });
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(dism.close_session(session), refused);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn p2_an_operation_ends_after_its_callback_returns() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let before = emulator.journal().steps().len();
    let _ = operation.run(|_| {
        assert_eq!(emulator.journal().steps().len(), before);
        ControlFlow::Continue(())
    });
    assert_eq!(emulator.journal().steps().len(), before + 1);
}

#[test]
fn x2_a_panic_in_a_callback_ends_the_operation_and_leaves_the_emulator_usable() {
    a_callback_panics(&Emulator::new());
}
