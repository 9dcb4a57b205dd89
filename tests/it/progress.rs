//! Progress callbacks: what is reported to them, what they may do, and rule P7.

use std::ops::ControlFlow;
use std::thread;

use dism_emu::machine::{Call, Effect};
use dism_emu::{
    CommitFlags, Contract, Dism, Emulator, Error, Function, Hresult, MountImage, Progress, Rule,
    Session,
};

use crate::races::a_callback_panics;
use crate::support::{BUSY, IMAGE, OTHER, line_of_panic, one_session, replays, up, wait_for};

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

/// Runs an operation whose callback cancels at the `at`th report. Returns how often the callback is
/// called, and the result.
fn cancel_at(dism: &Dism, session: Session, at: usize) -> (usize, Result<Hresult, Error>) {
    let mut calls = 0;
    let result = dism.operation(session, Function::AddPackage).unwrap().run(|_| {
        calls += 1;
        if calls == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (calls, result)
}

const ABORTED: Result<Hresult, Error> = Err(Error::Failed { code: Hresult::WIN32_REQUEST_ABORTED });

#[test]
fn p7_an_operation_that_fails_reports_no_100() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let _rule = emulator.script(Rule::on(Function::AddPackage).nth(1).fail(BUSY));
        let (seen, result) = run(&dism, session);
        assert_eq!(seen, [(0, 100), (25, 100), (50, 100), (75, 100)]);
        assert_eq!(result, Err(Error::Failed { code: BUSY }));
        assert_eq!(run(&dism, session).0.len(), 5);
    }
}

#[test]
fn p7_a_rule_cancels_after_some_reports() {
    for contract in Contract::ALL {
        for reports in 0..=5 {
            let (emulator, dism, session) = one_session(contract);
            let rule = Rule::on(Function::AddPackage).cancel_after(reports);
            let _rule = emulator.script(rule.answer(3010));
            let (seen, result) = run(&dism, session);
            assert_eq!(seen.len() as u32, reports);
            // Whatever the rule answers otherwise. C6: so nothing asks for a reboot.
            assert_eq!(result, ABORTED);
            assert_eq!(dism.last_error(), Ok(Some(Hresult::WIN32_REQUEST_ABORTED)));
            assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
            replays(&emulator);
        }
    }
}

/// The cancel comes after the call has ended.
#[test]
fn p7_a_call_with_fewer_reports_is_not_cancelled() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let rule = || Rule::on(Function::AddPackage).nth(1);
        let _success = emulator.script(rule().cancel_after(6).answer(3010));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (5, Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)));
        let _failure = emulator.script(rule().cancel_after(5).fail(BUSY));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (4, Err(Error::Failed { code: BUSY })));
        let _scripted = emulator.script(rule().progress([Progress::new(1, 2)]).cancel_after(2));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (1, Ok(Hresult::S_OK)));
    }
}

/// Only the functions of the list take a cancel event.
#[test]
fn p7_a_rule_cancels_no_call_that_cannot_be_cancelled() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let _rule = emulator.script(Rule::on_any_call().cancel_after(2));
        assert_eq!(dism.last_error(), Ok(None));
        let session = dism.open_session(IMAGE).unwrap();
        let cancelled: Vec<_> = Function::ALL
            .iter()
            .filter(|function| function.is_operation() && **function != Function::CommitImage)
            .filter(|function| dism.perform(session, **function) == ABORTED)
            .map(|function| function.name())
            .collect();
        assert_eq!(
            cancelled,
            [
                "DismAddCapability",
                "DismAddPackage",
                "DismCheckImageHealth",
                "DismDisableFeature",
                "DismEnableFeature",
                "DismRemoveCapability",
                "DismRemovePackage",
                "DismRestoreImageHealth",
            ]
        );
        dism.close_session(session).unwrap();
        assert_eq!(dism.mount_image(MountImage::new(IMAGE, "install.wim")), ABORTED);
        dism.shutdown().unwrap();
        replays(&emulator);
    }
}

#[test]
fn p7_a_rule_cancels_a_call_without_a_callback() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let rule = emulator.script(Rule::on(Function::AddPackage).cancel_after(2));
        assert_eq!(dism.perform(session, Function::AddPackage), ABORTED);
        // Or one that an adapter ends.
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        assert_eq!(operation.end_with(3010), ABORTED);
        drop(dism.operation(session, Function::AddPackage).unwrap());
        let result = Hresult::WIN32_REQUEST_ABORTED;
        let ended = emulator.journal().steps().last().unwrap().call.clone();
        assert_eq!(ended, Call::EndOperation { session, result });
        assert_eq!(rule.fired(), 3);
        replays(&emulator);
    }
}

#[test]
fn p7_a_cancel_that_comes_too_late_changes_nothing() {
    for contract in Contract::ALL {
        for until in 0..=6 {
            for at in 1..=5 {
                let (emulator, dism, session) = one_session(contract);
                let rule = Rule::on(Function::AddPackage).cancellable_until(until);
                let _rule = emulator.script(rule.answer(3010));
                let expected = if at < until {
                    (at as usize, ABORTED)
                } else {
                    // It still calls its callback.
                    (5, Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED))
                };
                assert_eq!(cancel_at(&dism, session, at as usize), expected, "{at}, {until}");
            }
        }
    }
}

#[test]
fn p7_a_cancel_of_a_rule_comes_too_late_as_that_of_a_client() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let rule = |until| Rule::on(Function::AddPackage).cancel_after(2).cancellable_until(until);
        let late = emulator.script(rule(2));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (5, Ok(Hresult::S_OK)));
        drop(late);
        let _in_time = emulator.script(rule(3));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (2, ABORTED));
    }
}

#[test]
fn p7_a_test_chooses_the_code_of_a_cancelled_call() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let code = Hresult::WIN32_CANCELLED;
        assert_eq!(code.number(), 0x8007_04C7);
        let cancelled = Err(Error::Failed { code });
        let rule = || Rule::on(Function::AddPackage).nth(1).cancelled_with(code);
        // A cancel of the client.
        let _by_client = emulator.script(rule().fail(BUSY));
        assert_eq!(cancel_at(&dism, session, 1), (1, cancelled));
        let _by_rule = emulator.script(rule().cancel_after(1));
        let (seen, result) = run(&dism, session);
        assert_eq!((seen.len(), result), (1, cancelled));
        // Without a cancel the code means nothing.
        let _none = emulator.script(rule());
        assert_eq!(run(&dism, session).1, Ok(Hresult::S_OK));
    }
}

#[test]
fn p7_a_cancelled_call_fails() {
    let rule = || Rule::on(Function::AddPackage);
    assert_eq!(line_of_panic(|| drop(rule().cancelled_with(0))), line!());
}

#[test]
fn p7_a_call_that_waits_for_its_turn_and_is_cancelled_fails_at_its_turn() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let _rule = emulator.script(Rule::on(Function::AddPackage).cancel_after(0));
        let operation = dism.operation(session, Function::GetFeatures).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| dism.perform(session, Function::AddPackage));
            wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
            assert!(!waiting.is_finished());
            operation.end().unwrap();
            assert_eq!(waiting.join().unwrap(), ABORTED);
        });
        replays(&emulator);
    }
}

#[test]
fn p7_a_mount_or_an_unmount_that_is_cancelled_changes_nothing() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mount = MountImage::new(IMAGE, "install.wim");
        let cancel = |function| Rule::on(function).nth(1).cancel_after(3).answer(1);
        let _mount = emulator.script(cancel(Function::MountImage));
        assert_eq!(dism.mount_image(mount.clone()), ABORTED);
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        assert_eq!(dism.mount_image(mount.clone()), Ok(Hresult::S_OK));
        // Cancelled, it does not take the effect that its failure would have.
        let rule = Rule::on(Function::UnmountImage).nth(1).cancel_after(3);
        let _unmount = emulator.script(rule.fail_in_effect(BUSY));
        assert_eq!(dism.unmount_image(IMAGE, CommitFlags::DISCARD), ABORTED);
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
        let late = Rule::on(Function::UnmountImage).cancel_after(3).cancellable_until(3);
        let _late = emulator.script(late);
        assert_eq!(dism.unmount_image(IMAGE, CommitFlags::DISCARD), Ok(Hresult::S_OK));
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        replays(&emulator);
    }
}
