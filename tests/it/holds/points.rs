//! The points at which a hold stops a call, and what other threads see meanwhile.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dism_emu::machine::{Call, Effect, State};
use dism_emu::{Contract, Error, Function, Hold, Hresult, Memory, Rule, Session};

use super::{SHORT, steps, while_held};
use crate::methods::{call, ready_for};
use crate::races::shutdowns_during_a_close;
use crate::support::{IMAGE, OTHER, line_of_panic, one_session, unverified, wait_for};

#[test]
fn a_call_held_before_its_effect_has_changed_nothing() {
    for contract in Contract::ALL {
        for &function in Function::ALL {
            let (emulator, dism, session, memory) = ready_for(function, contract);
            let (state, before) = (emulator.state(), steps(&emulator));
            let made = || call(&dism, function, session, memory);
            let _ = while_held(&emulator, Hold::before(function), made, || {
                assert_eq!(steps(&emulator), before, "{function}");
                assert_eq!(emulator.state(), state, "{function}");
            });
            assert!(steps(&emulator).len() > before.len(), "{function}");
            emulator.journal().replay().unwrap();
        }
    }
}

#[test]
fn a_call_held_before_it_returns_has_had_its_effect() {
    for contract in Contract::ALL {
        for &function in Function::ALL {
            let (emulator, dism, session, memory) = ready_for(function, contract);
            let before = steps(&emulator).len();
            let returned = AtomicBool::new(false);
            let made = || {
                let _ = call(&dism, function, session, memory);
                returned.store(true, Ordering::SeqCst);
            };
            let mut seen = Vec::new();
            while_held(&emulator, Hold::returning(function), made, || {
                seen = steps(&emulator);
                assert!(seen.len() > before, "{function}");
                assert!(!returned.load(Ordering::SeqCst), "{function}");
            });
            assert_eq!(steps(&emulator), seen, "{function}");
            assert!(returned.load(Ordering::SeqCst), "{function}");
        }
    }
}

#[test]
fn a_refused_call_can_be_held_before_and_after_its_refusal() {
    for &function in Function::ALL {
        // While the process is down, all of these calls but the last error are refused: the
        // initialize because the process is not elevated, the delete because nothing was handed
        // out.
        let emulator = unverified().elevated(false).build();
        let dism = emulator.dism();
        for hold in [Hold::before(function), Hold::returning(function)] {
            let made = || call(&dism, function, Session::DEFAULT, Memory::from_raw(1));
            let result = while_held(&emulator, hold, made, || {});
            assert_eq!(result.is_ok(), function == Function::GetLastErrorMessage, "{function}");
        }
    }
}

#[test]
fn a_call_held_before_its_effect_sees_what_others_do_meanwhile() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let hold = Hold::before(Function::OpenSession);
        let opened = while_held(
            &emulator,
            hold,
            || dism.open_session(OTHER),
            || {
                dism.close_session(session).unwrap();
                assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
            },
        );
        assert_eq!(opened, Err(Error::NotInitialized));
    }
}

#[test]
fn rules_apply_after_the_hold_before_a_call() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = emulator.script(Rule::on(Function::AddPackage).answer(1));
    let function = Function::AddPackage;
    let made = || dism.perform(session, function);
    while_held(&emulator, Hold::before(function), made, || assert_eq!(rule.fired(), 0)).unwrap();
    while_held(&emulator, Hold::performing(function), made, || assert_eq!(rule.fired(), 2))
        .unwrap();
}

#[test]
fn p2_other_operations_on_a_session_wait_while_one_is_held() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let other = dism.open_session(OTHER).unwrap();
        thread::scope(|scope| {
            let hold = emulator.hold(Hold::performing(Function::AddPackage));
            let first = scope.spawn(|| dism.perform(session, Function::AddPackage));
            hold.wait();
            let second = scope.spawn(|| dism.perform(session, Function::GetFeatures));
            wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
            // An operation on another session does not wait.
            assert_eq!(dism.perform(other, Function::AddPackage), Ok(Hresult::S_OK));
            hold.release();
            assert_eq!(first.join().unwrap(), Ok(Hresult::S_OK));
            assert_eq!(second.join().unwrap(), Ok(Hresult::S_OK));
        });
        let journal = emulator.journal();
        journal.replay().unwrap();
        // The one that was held ended first.
        let ends = journal.steps().iter().filter(
            |it| matches!(it.call, Call::EndOperation { session: on, .. } if on == session),
        );
        let begun = |at: usize| {
            let begins = journal.steps().iter().filter(
                |it| matches!(it.call, Call::BeginOperation { session: on, .. } if on == session),
            );
            begins.map(|it| it.thread).nth(at)
        };
        let ended: Vec<_> = ends.map(|it| Some(it.thread)).collect();
        assert_eq!(ended, [begun(0), begun(1)]);
    }
}

#[test]
fn every_operation_can_be_held_while_it_is_performed() {
    for &function in Function::ALL.iter().filter(|it| it.is_operation()) {
        // P1: with a mounted image, so that a commit is performed, too.
        let (emulator, dism, session, _) = ready_for(function, Contract::Documented);
        let made = || dism.perform(session, function);
        while_held(&emulator, Hold::performing(function), made, || {
            let last = steps(&emulator).pop().unwrap();
            assert_eq!(last.outcome, Ok(Effect::Begun { ready: true }), "{function}");
        })
        .unwrap();
    }
}

/// With a deadline of zero, the release panics if a thread has reached the hold.
#[test]
fn p2_a_hold_does_not_catch_an_operation_that_waits_for_its_turn() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let first = dism.operation(session, Function::GetFeatures).unwrap();
        let hold = emulator.hold(Hold::performing(Function::AddPackage).deadline(Duration::ZERO));
        let second = scope.spawn(|| dism.perform(session, Function::AddPackage));
        wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        hold.release();
        first.end().unwrap();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn p2_a_hold_catches_an_operation_when_its_turn_comes() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let first = dism.operation(session, Function::GetFeatures).unwrap();
        let hold = emulator.hold(Hold::performing(Function::AddPackage));
        let second = scope.spawn(|| dism.perform(session, Function::AddPackage));
        wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        first.end().unwrap();
        hold.wait();
        let last = steps(&emulator).pop().unwrap();
        assert_eq!(last.call, Call::EndOperation { session, result: Hresult::S_OK });
        hold.release();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn a_hold_does_not_catch_a_refused_operation() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let hold = emulator.hold(Hold::performing(Function::CommitImage));
    // P1: if it were held, the release would panic after the deadline of ten seconds.
    dism.perform(session, Function::CommitImage).unwrap_err();
    hold.release();
}

#[test]
fn s2_a_session_between_closing_and_gone_counts_as_open() {
    for contract in Contract::ALL {
        shutdowns_during_a_close(&unverified().contract(contract).build());
    }
}

#[test]
fn c4_an_operation_fails_between_closing_and_gone() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        while_held(
            &emulator,
            Hold::closing(),
            || dism.close_session(session),
            || {
                let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
                let code = Hresult::DISMAPI_E_INVALID_DISM_SESSION;
                assert_eq!(refused, Error::SessionClosing { session, code });
            },
        )
        .unwrap();
    }
}

#[test]
fn c5_another_close_fails_between_closing_and_gone() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let closed = while_held(
            &emulator,
            Hold::closing(),
            || dism.close_session(session),
            || {
                let code = Hresult::DISMAPI_E_INVALID_DISM_SESSION;
                let refused = dism.close_session(session);
                assert_eq!(refused, Err(Error::InvalidSession { session, code }));
            },
        );
        assert_eq!(closed, Ok(Hresult::S_OK));
    }
}

#[test]
fn c9_an_open_between_closing_and_gone_returns_a_new_handle() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let anew = Session::from_raw(session.raw() + 1);
        while_held(
            &emulator,
            Hold::closing(),
            || dism.close_session(session),
            || {
                assert_eq!(dism.open_session(IMAGE), Ok(anew));
                assert_eq!(dism.perform(anew, Function::GetFeatures), Ok(Hresult::S_OK));
            },
        )
        .unwrap();
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });
    }
}

#[test]
fn c4_a_close_that_is_released_waits_for_the_remaining_operations() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let hold = emulator.hold(Hold::closing());
        let closer = scope.spawn(|| dism.close_session(session));
        hold.wait();
        hold.release();
        assert!(!steps(&emulator).iter().any(|it| it.call == Call::FinishClose { session }));
        operation.end().unwrap();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
    let calls: Vec<_> = steps(&emulator).into_iter().map(|it| it.call).collect();
    let ended = Call::EndOperation { session, result: Hresult::S_OK };
    assert_eq!(calls[calls.len() - 2..], [ended, Call::FinishClose { session }]);
}

#[test]
fn c4_operations_continue_while_a_close_is_held() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let hold = emulator.hold(Hold::closing());
        let closer = scope.spawn(|| dism.close_session(session));
        hold.wait();
        assert_eq!(operation.end(), Ok(Hresult::S_OK));
        // The operation is over, and the close is still held.
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        hold.release();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn c3_only_a_last_close_is_held_between_closing_and_gone() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    dism.open_session(IMAGE).unwrap();
    let hold = emulator.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    // If it had caught the close, its release would panic, since its deadline has passed.
    hold.release();
}

#[test]
fn a_close_is_held_at_each_of_its_points_in_turn() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let function = Function::CloseSession;
    thread::scope(|scope| {
        let holds = [Hold::returning(function), Hold::closing(), Hold::before(function)];
        let [returning, closing, before] = holds.map(|hold| emulator.hold(hold));
        let begun = steps(&emulator).len();
        let closer = scope.spawn(|| dism.close_session(session));
        for (hold, steps_taken) in [(before, 0), (closing, 1), (returning, 2)] {
            hold.wait();
            assert_eq!(steps(&emulator).len(), begun + steps_taken);
            hold.release();
        }
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn the_drop_of_an_owned_session_can_be_held() {
    let (emulator, dism, _) = one_session(Contract::Documented);
    let session = dism.open_owned_session(OTHER).unwrap();
    while_held(
        &emulator,
        Hold::closing(),
        || drop(session),
        || {
            assert_eq!(emulator.state().open_sessions(), 2);
        },
    );
    assert_eq!(emulator.state().open_sessions(), 1);
}

#[test]
fn the_drop_of_an_operation_can_be_held() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let made = || drop(dism.operation(session, Function::AddPackage).unwrap());
    while_held(&emulator, Hold::returning(Function::AddPackage), made, || {
        let last = steps(&emulator).pop().unwrap();
        assert_eq!(last.call, Call::EndOperation { session, result: Hresult::S_OK });
    });
}

#[test]
fn a_held_thread_holds_no_lock() {
    for hold in
        [Hold::before(Function::CleanupMountpoints), Hold::returning(Function::CleanupMountpoints)]
    {
        let (emulator, dism, session) = one_session(Contract::Documented);
        while_held(
            &emulator,
            hold,
            || dism.cleanup_mountpoints(),
            || {
                dism.perform(session, Function::GetFeatures).unwrap();
                dism.cleanup_mountpoints().unwrap();
                dism.close_session(session).unwrap();
                assert!(emulator.journal().replay().is_ok());
                assert!(format!("{emulator:?}").contains("Up"));
            },
        )
        .unwrap();
    }
}

#[test]
fn only_an_operation_can_be_held_while_it_is_performed() {
    for &function in Function::ALL {
        let refused = catch_unwind(|| drop(Hold::performing(function))).is_err();
        assert_eq!(refused, !function.is_operation(), "{function}");
    }
}

#[test]
fn an_impossible_hold_panics_at_the_line_of_the_test() {
    assert_eq!(line_of_panic(|| drop(Hold::performing(Function::Initialize))), line!());
}

#[test]
fn a_hold_is_shown_in_words() {
    let shown = [
        (Hold::before(Function::Initialize), "DismInitialize, before it takes effect"),
        (Hold::closing(), "DismCloseSession, between closing and gone"),
        (
            Hold::performing(Function::AddPackage).session(Session::from_raw(2)),
            "DismAddPackage of session 2, while it is being performed",
        ),
        (Hold::returning(Function::Shutdown), "DismShutdown, before it returns"),
    ];
    for (hold, text) in shown {
        assert_eq!(hold.to_string(), text);
    }
}
