//! Where in a call a hold stops it, and what the others see meanwhile.

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
fn before_a_call_nothing_has_happened_yet() {
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
fn before_returning_everything_has_happened_and_the_caller_does_not_know() {
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
fn a_refused_call_reaches_both_ends_too() {
    for &function in Function::ALL {
        // Everything but a last error and a delete is refused while down: the first initialize,
        // where the process is not elevated.
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
fn what_is_held_before_its_effect_finds_what_the_others_did_meanwhile() {
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
fn a_rule_is_asked_behind_the_hold_before_a_call() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = emulator.script(Rule::on(Function::AddPackage).answer(1));
    let function = Function::AddPackage;
    let made = || dism.perform(session, function);
    while_held(&emulator, Hold::before(function), made, || assert_eq!(rule.fired(), 0)).unwrap();
    while_held(&emulator, Hold::performing(function), made, || assert_eq!(rule.fired(), 2))
        .unwrap();
}

#[test]
fn p2_while_an_operation_is_performed_others_on_its_session_wait() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let other = dism.open_session(OTHER).unwrap();
        thread::scope(|scope| {
            let hold = emulator.hold(Hold::performing(Function::AddPackage));
            let first = scope.spawn(|| dism.perform(session, Function::AddPackage));
            hold.wait();
            let second = scope.spawn(|| dism.perform(session, Function::GetFeatures));
            wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
            // Other sessions have nothing to do with it.
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
fn every_operation_is_held_while_it_is_performed() {
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

/// A hold that can keep nobody tells whether anybody came to it.
#[test]
fn p2_an_operation_that_waits_for_its_turn_is_not_being_performed() {
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
fn p2_an_operation_is_held_once_its_turn_has_come() {
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
fn an_operation_that_is_refused_is_never_performed() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let hold = emulator.hold(Hold::performing(Function::CommitImage));
    // P1: it would be held for ten seconds otherwise, and the release would tell.
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
fn c4_a_session_between_closing_and_gone_takes_no_operation() {
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
fn c5_a_session_between_closing_and_gone_is_closed_for_another_close() {
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
fn c9_an_image_between_closing_and_gone_is_opened_anew() {
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
fn c4_a_close_that_is_let_go_waits_for_the_operations_that_are_left() {
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
fn c4_operations_go_on_while_their_close_is_held() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let hold = emulator.hold(Hold::closing());
        let closer = scope.spawn(|| dism.close_session(session));
        hold.wait();
        assert_eq!(operation.end(), Ok(Hresult::S_OK));
        // All that it would wait for is over, and it is still held.
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        hold.release();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn c3_a_close_that_is_not_the_last_is_not_held_between() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    dism.open_session(IMAGE).unwrap();
    let hold = emulator.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    // Had it been caught, this would tell that the deadline let it go.
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
fn an_owned_session_is_held_where_it_is_dropped() {
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
fn an_operation_that_is_dropped_is_held_before_it_returns() {
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
fn only_an_operation_is_ever_being_performed() {
    for &function in Function::ALL {
        let refused = catch_unwind(|| drop(Hold::performing(function))).is_err();
        assert_eq!(refused, !function.is_operation(), "{function}");
    }
}

#[test]
fn a_hold_that_cannot_be_fails_at_the_line_of_the_test() {
    assert_eq!(line_of_panic(|| drop(Hold::performing(Function::Initialize))), line!());
}

#[test]
fn a_hold_says_where_it_is() {
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
