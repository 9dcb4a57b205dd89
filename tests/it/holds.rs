//! Holds: where they stop a thread, whom, what the others see meanwhile, and what becomes of a
//! hold that the test forgets.

use std::cell::Cell;
use std::mem;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::{
    Call, Contract, DISM_ONLINE_IMAGE, Effect, Emulator, Error, Function, Hold, HoldGuard, Hresult,
    Memory, Rule, Session, State, Step,
};

use crate::rules::{call, ready_for};
use crate::support::{
    CONTRACTS, IMAGE, OTHER, failing, one_session, told, unverified, up, wait_for,
};

/// For where the deadline itself is the claim.
const SHORT: Duration = Duration::from_millis(30);

/// Makes a call on a thread of its own, and `meanwhile` on this one while the other is held.
#[track_caller]
fn while_held<T: Send>(
    dism: &Emulator,
    hold: Hold,
    call: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(),
) -> T {
    thread::scope(|scope| {
        // Inside the scope, so that the thread is let go where an assertion fails.
        let hold = dism.hold(hold);
        let caller = scope.spawn(call);
        hold.wait();
        meanwhile();
        hold.release();
        caller.join().unwrap()
    })
}

fn steps(dism: &Emulator) -> Vec<Step> {
    dism.journal().steps().to_vec()
}

#[test]
fn before_a_call_nothing_has_happened_yet() {
    for contract in CONTRACTS {
        for &function in Function::ALL {
            let (dism, session, memory) = ready_for(function, contract);
            let (state, before) = (dism.state(), steps(&dism));
            let made = || call(&dism, function, session, memory);
            let _ = while_held(&dism, Hold::before(function), made, || {
                assert_eq!(steps(&dism), before, "{function}");
                assert_eq!(dism.state(), state, "{function}");
            });
            assert!(steps(&dism).len() > before.len(), "{function}");
            dism.journal().replay().unwrap();
        }
    }
}

#[test]
fn before_returning_everything_has_happened_and_the_caller_does_not_know() {
    for contract in CONTRACTS {
        for &function in Function::ALL {
            let (dism, session, memory) = ready_for(function, contract);
            let before = steps(&dism).len();
            let returned = AtomicBool::new(false);
            let made = || {
                let _ = call(&dism, function, session, memory);
                returned.store(true, Ordering::SeqCst);
            };
            let mut seen = Vec::new();
            while_held(&dism, Hold::returning(function), made, || {
                seen = steps(&dism);
                assert!(seen.len() > before, "{function}");
                assert!(!returned.load(Ordering::SeqCst), "{function}");
            });
            assert_eq!(steps(&dism), seen, "{function}");
            assert!(returned.load(Ordering::SeqCst), "{function}");
        }
    }
}

#[test]
fn a_refused_call_comes_to_both_ends_too() {
    for &function in Function::ALL {
        // Everything but a last error and a delete is refused while down: the first initialize,
        // where the process is not elevated.
        let dism = unverified().elevated(false).build();
        for hold in [Hold::before(function), Hold::returning(function)] {
            let made = || call(&dism, function, Session::DEFAULT, Memory::from_raw(1));
            let result = while_held(&dism, hold, made, || {});
            assert_eq!(result.is_ok(), function == Function::GetLastErrorMessage, "{function}");
        }
    }
}

#[test]
fn what_is_held_before_its_effect_finds_what_the_others_did_meanwhile() {
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        let hold = Hold::before(Function::OpenSession);
        let opened = while_held(
            &dism,
            hold,
            || dism.open_session(OTHER),
            || {
                dism.close_session(session).unwrap();
                assert_eq!(dism.shutdown(), Ok(()));
            },
        );
        assert_eq!(opened, Err(Error::NotInitialized));
    }
}

#[test]
fn a_rule_is_asked_behind_the_hold_before_a_call() {
    let (dism, session) = one_session(Contract::Documented);
    let rule = dism.script(Rule::on(Function::AddPackage).answer(1_u32));
    let function = Function::AddPackage;
    let made = || dism.perform(session, function);
    while_held(&dism, Hold::before(function), made, || assert_eq!(rule.fired(), 0)).unwrap();
    while_held(&dism, Hold::performing(function), made, || assert_eq!(rule.fired(), 2)).unwrap();
}

#[test]
fn p2_while_an_operation_is_performed_others_on_its_session_wait() {
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        let other = dism.open_session(OTHER).unwrap();
        thread::scope(|scope| {
            let hold = dism.hold(Hold::performing(Function::AddPackage));
            let first = scope.spawn(|| dism.perform(session, Function::AddPackage));
            hold.wait();
            let second = scope.spawn(|| dism.perform(session, Function::GetFeatures));
            wait_for(&dism, |step| step.outcome == Ok(Effect::Begun { ready: false }));
            // Other sessions have nothing to do with it.
            assert_eq!(dism.perform(other, Function::AddPackage), Ok(Hresult::S_OK));
            hold.release();
            assert_eq!(first.join().unwrap(), Ok(Hresult::S_OK));
            assert_eq!(second.join().unwrap(), Ok(Hresult::S_OK));
        });
        let journal = dism.journal();
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
        let (dism, session, _) = ready_for(function, Contract::Documented);
        let made = || dism.perform(session, function);
        while_held(&dism, Hold::performing(function), made, || {
            let last = steps(&dism).pop().unwrap();
            assert_eq!(last.outcome, Ok(Effect::Begun { ready: true }), "{function}");
        })
        .unwrap();
    }
}

/// A hold that can keep nobody tells whether anybody came to it.
#[test]
fn p2_an_operation_that_waits_for_its_turn_is_not_being_performed() {
    let (dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let first = dism.operation(session, Function::GetFeatures).unwrap();
        let hold = dism.hold(Hold::performing(Function::AddPackage).deadline(Duration::ZERO));
        let second = scope.spawn(|| dism.perform(session, Function::AddPackage));
        wait_for(&dism, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        hold.release();
        first.end().unwrap();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn p2_an_operation_is_held_once_its_turn_has_come() {
    let (dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let first = dism.operation(session, Function::GetFeatures).unwrap();
        let hold = dism.hold(Hold::performing(Function::AddPackage));
        let second = scope.spawn(|| dism.perform(session, Function::AddPackage));
        wait_for(&dism, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        first.end().unwrap();
        hold.wait();
        let last = steps(&dism).pop().unwrap();
        assert_eq!(last.call, Call::EndOperation { session, result: Hresult::S_OK });
        hold.release();
        second.join().unwrap().unwrap();
    });
}

#[test]
fn an_operation_that_is_refused_is_never_performed() {
    let (dism, session) = one_session(Contract::Documented);
    let hold = dism.hold(Hold::performing(Function::CommitImage));
    // P1: it would be held for ten seconds otherwise, and the release would tell.
    dism.perform(session, Function::CommitImage).unwrap_err();
    hold.release();
}

#[test]
fn s2_a_session_between_closing_and_gone_counts_as_open() {
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        let closed = while_held(
            &dism,
            Hold::closing(),
            || dism.close_session(session),
            || {
                for _ in 0..3 {
                    assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
                    assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 1 });
                }
            },
        );
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(()));
        dism.journal().replay().unwrap();
    }
}

#[test]
fn c4_a_session_between_closing_and_gone_takes_no_operation() {
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        while_held(
            &dism,
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
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        let closed = while_held(
            &dism,
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
    for contract in CONTRACTS {
        let (dism, session) = one_session(contract);
        let anew = Session::from_raw(session.raw() + 1);
        while_held(
            &dism,
            Hold::closing(),
            || dism.close_session(session),
            || {
                assert_eq!(dism.open_session(IMAGE), Ok(anew));
                assert_eq!(dism.perform(anew, Function::GetFeatures), Ok(Hresult::S_OK));
            },
        )
        .unwrap();
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 1 });
    }
}

#[test]
fn c4_a_close_that_is_let_go_waits_for_the_operations_that_are_left() {
    let (dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let hold = dism.hold(Hold::closing());
        let closer = scope.spawn(|| dism.close_session(session));
        hold.wait();
        hold.release();
        assert!(!steps(&dism).iter().any(|it| it.call == Call::FinishClose { session }));
        operation.end().unwrap();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
    let calls: Vec<_> = steps(&dism).into_iter().map(|it| it.call).collect();
    let ended = Call::EndOperation { session, result: Hresult::S_OK };
    assert_eq!(calls[calls.len() - 2..], [ended, Call::FinishClose { session }]);
}

#[test]
fn c4_operations_go_on_while_their_close_is_held() {
    let (dism, session) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let hold = dism.hold(Hold::closing());
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
    let (dism, session) = one_session(Contract::Documented);
    dism.open_session(IMAGE).unwrap();
    let hold = dism.hold(Hold::closing().deadline(SHORT));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    // Had it been caught, this would tell that the deadline let it go.
    hold.release();
}

#[test]
fn a_close_is_held_at_each_of_its_points_in_turn() {
    let (dism, session) = one_session(Contract::Documented);
    let function = Function::CloseSession;
    thread::scope(|scope| {
        let holds = [Hold::returning(function), Hold::closing(), Hold::before(function)];
        let [returning, closing, before] = holds.map(|hold| dism.hold(hold));
        let begun = steps(&dism).len();
        let closer = scope.spawn(|| dism.close_session(session));
        for (hold, steps_taken) in [(before, 0), (closing, 1), (returning, 2)] {
            hold.wait();
            assert_eq!(steps(&dism).len(), begun + steps_taken);
            hold.release();
        }
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn an_owned_session_is_held_where_it_is_dropped() {
    let (dism, _) = one_session(Contract::Documented);
    let session = dism.open_owned_session(OTHER).unwrap();
    while_held(
        &dism,
        Hold::closing(),
        || drop(session),
        || {
            assert_eq!(dism.state().open_sessions(), 2);
        },
    );
    assert_eq!(dism.state().open_sessions(), 1);
}

#[test]
fn an_operation_that_is_dropped_is_held_before_it_returns() {
    let (dism, session) = one_session(Contract::Documented);
    let made = || drop(dism.operation(session, Function::AddPackage).unwrap());
    while_held(&dism, Hold::returning(Function::AddPackage), made, || {
        let last = steps(&dism).pop().unwrap();
        assert_eq!(last.call, Call::EndOperation { session, result: Hresult::S_OK });
    });
}

/// The thread that is to be held starts late, so a wait that does not wait is through long before.
#[test]
fn wait_returns_when_a_thread_is_held_and_not_before() {
    let dism = unverified().build();
    for _ in 0..20 {
        let before = steps(&dism).len();
        thread::scope(|scope| {
            let hold = dism.hold(Hold::returning(Function::GetLastErrorMessage));
            scope.spawn(|| {
                (0..1_000).for_each(|_| thread::yield_now());
                dism.last_error().unwrap();
            });
            hold.wait();
            assert_eq!(steps(&dism).len(), before + 1);
            hold.release();
        });
    }
}

#[test]
fn wait_returns_at_once_where_a_thread_is_held_already() {
    let (dism, _) = one_session(Contract::Documented);
    let hold = Hold::returning(Function::CleanupMountpoints);
    thread::scope(|scope| {
        let hold = dism.hold(hold);
        scope.spawn(|| dism.call(Function::CleanupMountpoints).unwrap());
        wait_for(&dism, |step| step.outcome == Ok(Effect::Called));
        for _ in 0..3 {
            hold.wait();
        }
        hold.release();
    });
}

#[test]
fn two_threads_can_wait_for_one_hold() {
    let (dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = Arc::new(dism.hold(Hold::before(Function::CleanupMountpoints)));
        let waiters = [(); 2].map(|()| {
            let hold = hold.clone();
            scope.spawn(move || hold.wait())
        });
        scope.spawn(|| dism.call(Function::CleanupMountpoints).unwrap());
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        drop(hold);
    });
}

#[test]
fn a_held_thread_holds_no_lock() {
    for hold in
        [Hold::before(Function::CleanupMountpoints), Hold::returning(Function::CleanupMountpoints)]
    {
        let (dism, session) = one_session(Contract::Documented);
        while_held(
            &dism,
            hold,
            || dism.call(Function::CleanupMountpoints),
            || {
                dism.perform(session, Function::GetFeatures).unwrap();
                dism.call(Function::CleanupMountpoints).unwrap();
                dism.close_session(session).unwrap();
                assert!(dism.journal().replay().is_ok());
                assert!(format!("{dism:?}").contains("Up"));
            },
        )
        .unwrap();
    }
}

#[test]
fn a_hold_catches_one_thread() {
    let (dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        let hold = dism.hold(Hold::before(Function::CleanupMountpoints));
        for _ in 0..4 {
            let (dism, done) = (&dism, done.clone());
            scope.spawn(move || done.send(dism.call(Function::CleanupMountpoints)).unwrap());
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
fn a_hold_catches_once() {
    let (dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let hold = dism.hold(Hold::before(Function::CleanupMountpoints));
        let caller = scope.spawn(|| {
            dism.call(Function::CleanupMountpoints).unwrap();
            dism.call(Function::CleanupMountpoints).unwrap();
        });
        hold.wait();
        hold.release();
        caller.join().unwrap();
    });
}

#[test]
fn two_holds_on_one_function_catch_two_threads_in_order() {
    let (dism, _) = one_session(Contract::Documented);
    thread::scope(|scope| {
        let holds = [(); 2].map(|()| dism.hold(Hold::before(Function::CleanupMountpoints)));
        let (done, results) = mpsc::channel();
        for (name, hold) in holds.iter().enumerate() {
            let (dism, done) = (&dism, done.clone());
            scope.spawn(move || {
                dism.call(Function::CleanupMountpoints).unwrap();
                done.send(name).unwrap();
            });
            hold.wait();
        }
        // The second thread first: neither hold lets the other's thread go.
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
fn a_hold_stops_calls_of_its_function_alone() {
    let (dism, session) = one_session(Contract::Documented);
    let function = Function::GetPackages;
    let holds = [Hold::before(function), Hold::performing(function), Hold::returning(function)];
    let holds = holds.map(|hold| dism.hold(hold.deadline(SHORT)));
    for &other in Function::ALL.iter().filter(|it| **it != function) {
        let _ = call(&dism, other, session, Memory::NULL);
    }
    // Had one of them caught this thread, it would tell that its deadline let it go.
    holds.into_iter().for_each(HoldGuard::release);
}

#[test]
fn a_session_narrows_a_hold_to_its_calls() {
    let (dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let function = Function::AddPackage;
    for hold in [Hold::before(function), Hold::performing(function), Hold::returning(function)] {
        let made = || {
            // The hold would catch this one first.
            dism.perform(other, function).unwrap();
            dism.perform(session, function).unwrap();
        };
        let before = steps(&dism).len();
        while_held(&dism, hold.session(session), made, || {
            let steps = steps(&dism);
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
        &dism,
        Hold::closing().session(session),
        || dism.close_session(session),
        || {
            dism.close_session(other).unwrap();
        },
    );
    assert_eq!(closed, Ok(Hresult::S_OK));
}

#[test]
fn an_open_names_no_session_to_hold() {
    let (dism, session) = one_session(Contract::Documented);
    let hold = Hold::before(Function::OpenSession).session(session).deadline(SHORT);
    let hold = dism.hold(hold);
    assert_eq!(dism.open_session(IMAGE), Ok(session));
    hold.release();
}

#[test]
fn a_hold_of_one_process_does_not_stop_another() {
    let (dism, _) = one_session(Contract::Documented);
    let hold = dism.hold(Hold::before(Function::CleanupMountpoints).deadline(SHORT));
    let (other, _) = one_session(Contract::Documented);
    other.call(Function::CleanupMountpoints).unwrap();
    hold.release();
}

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

thread_local! {
    /// The line at which this thread panicked last, in this file.
    static PANICKED_AT: Cell<u32> = const { Cell::new(0) };
}

/// The line of this file at which `test` panics.
#[track_caller]
fn line_of_panic(test: impl FnOnce()) -> u32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let here = panic.location().filter(|it| it.file() == file!());
            PANICKED_AT.set(here.map_or(0, |it| it.line()));
            others(panic);
        }));
    });
    failing(test);
    PANICKED_AT.get()
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

/// Rounds of threads that come, are held at random points and let go from elsewhere.
#[test]
fn x1_the_journal_of_held_threads_replays() {
    let dism = unverified().contract(Contract::Recorded).build();
    dism.initialize().unwrap();
    let functions = [
        Function::Initialize,
        Function::OpenSession,
        Function::GetFeatures,
        Function::CloseSession,
        Function::Shutdown,
    ];
    let barrier = Barrier::new(5);
    thread::scope(|scope| {
        let client = || {
            barrier.wait();
            for _ in 0..20 {
                let _ = dism.initialize();
                if let Ok(session) = dism.open_session(DISM_ONLINE_IMAGE) {
                    let _ = dism.perform(session, Function::GetFeatures);
                    let _ = dism.close_session(session);
                }
                let _ = dism.shutdown();
            }
        };
        for _ in 0..4 {
            scope.spawn(client);
        }
        barrier.wait();
        for _ in 0..20 {
            let holds = functions.map(|function| {
                let before = dism.hold(Hold::before(function));
                (before, dism.hold(Hold::returning(function)), dism.hold(Hold::closing()))
            });
            thread::yield_now();
            drop(holds);
        }
    });
    let machine = dism.journal().replay().unwrap();
    assert_eq!(machine.state(), dism.state());
}

/// P2: a thread that was queued before anything was scripted is held, too.
#[test]
fn a_hold_catches_an_operation_that_was_queued_before_it_was_set() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    let first = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        let queued = scope.spawn(|| dism.perform(session, Function::GetFeatures));
        wait_for(&dism, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        let hold = dism.hold(Hold::performing(Function::GetFeatures));
        first.end().unwrap();
        hold.wait();
        assert!(!queued.is_finished());
        hold.release();
        queued.join().unwrap().unwrap();
    });
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
}
