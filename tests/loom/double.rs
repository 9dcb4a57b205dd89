//! What a test scripts and holds, in every schedule.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dism_emu::{Emulator, Error, Function, Hold, Hresult, Rule, Session, State};
use loom::thread;

use crate::explore;
use crate::named::under_both;
use crate::races::{ENDS, a_callback_panics, apart, held, shutdowns_during_a_close};
use crate::support::{BUSY, CONTRACTS, Guard, IMAGE, Lifecycle, OTHER, replays, start, unverified};

/// `call` from two threads, with a rule that fails one call of the function.
fn one_of_two_fails<D: Lifecycle, T: Send + 'static>(
    dism: &D,
    function: Function,
    call: impl Fn(&D) -> Result<T, Error> + Copy + Send + 'static,
) {
    let fired = dism.fail_once(function);
    let other = apart(dism, call);
    let results = [call(dism).err(), other.join().unwrap().err()];
    let failed = results.iter().flatten().filter(|it| it.code() == BUSY).count();
    assert_eq!(failed, 1, "fired for {results:?}");
    assert!(results.contains(&None), "{results:?}");
    assert_eq!(fired(), 1);
    replays(dism);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_initializes() {
    under_both("a rule for one of two initializes", |dism| {
        one_of_two_fails(&dism, Function::Initialize, Emulator::initialize);
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 });
    });
}

pub(crate) fn a_rule_for_one_of_two_shutdowns(dism: impl Lifecycle) {
    dism.initialize().unwrap();
    one_of_two_fails(&dism, Function::Shutdown, Lifecycle::shutdown);
    assert_eq!(dism.state(), State::Down);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_shutdowns() {
    under_both("a rule for one of two shutdowns", a_rule_for_one_of_two_shutdowns);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_opens() {
    under_both("a rule for one of two opens", |dism| {
        dism.initialize().unwrap();
        one_of_two_fails(&dism, Function::OpenSession, |dism| dism.open_session(IMAGE));
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 1 });
    });
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_operations() {
    under_both("a rule for one of two operations", |dism| {
        let session = start(&dism);
        let function = Function::AddPackage;
        one_of_two_fails(&dism, function, move |dism| dism.perform(session, function));
    });
}

#[test]
fn p5_a_dead_host_disconnects_exactly_one_of_two_operations() {
    under_both("two operations on a dead host", |dism| {
        let session = start(&dism);
        let dead = dism.kill_host(session);
        let function = Function::AddPackage;
        let other = apart(&dism, move |dism| dism.perform(session, function));
        let mut codes = [dism.perform(session, function), other.join().unwrap()]
            .map(|it| it.unwrap_err().code());
        codes.sort();
        assert_eq!(codes, [Hresult::RPC_E_DISCONNECTED, Hresult::RPC_S_CALL_FAILED]);
        assert_eq!(dead.fired(), 2);
        replays(&dism);
    });
}

#[test]
fn a_rule_that_is_taken_back_meets_a_call_or_does_not() {
    under_both("a rule taken back against a call", |dism| {
        dism.initialize().unwrap();
        let rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
        let other = apart(&dism, |dism| dism.call(Function::CleanupMountpoints));
        drop(rule);
        match other.join().unwrap() {
            Ok(Hresult::S_OK) | Err(Error::Scripted { code: BUSY }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(dism.call(Function::CleanupMountpoints), Ok(Hresult::S_OK));
        replays(&dism);
    });
}

#[test]
fn a_rule_counts_every_one_of_two_callers() {
    under_both("two calls against the second of a rule", |dism| {
        dism.initialize().unwrap();
        let rule = dism.script(Rule::on(Function::CleanupMountpoints).nth(2).answer(BUSY));
        let other = apart(&dism, |dism| dism.call(Function::CleanupMountpoints).is_err());
        let failed = [dism.call(Function::CleanupMountpoints).is_err(), other.join().unwrap()];
        assert_eq!(failed.iter().filter(|failed| **failed).count(), 1);
        assert_eq!(rule.fired(), 1);
    });
}

pub(crate) fn a_hold_before_a_shutdown(dism: impl Lifecycle) {
    for end in [Guard::release, drop] {
        dism.initialize().unwrap();
        let act = || {
            assert!(dism.state().is_initialized());
            assert_eq!(dism.shutdown(), Ok(()));
        };
        let hold = dism.hold_before(Function::Shutdown);
        // The hold catches one thread, and that is the other one by now.
        let shut_down = held(&dism, hold, Lifecycle::shutdown, act, end);
        assert_eq!(shut_down, Err(Error::NotInitialized));
    }
    replays(&dism);
}

#[test]
fn a_thread_is_held_before_its_call_and_let_go() {
    under_both("a hold before a shutdown", a_hold_before_a_shutdown);
}

#[test]
fn a_thread_is_held_before_it_returns_and_let_go() {
    under_both("a hold before a shutdown returns", |dism| {
        for end in ENDS {
            dism.initialize().unwrap();
            let act = || {
                assert_eq!(dism.state(), State::Down);
                dism.initialize().unwrap();
            };
            let hold = dism.hold(Hold::returning(Function::Shutdown));
            assert_eq!(held(&dism, hold, Emulator::shutdown, act, end), Ok(()));
            assert!(dism.state().is_initialized());
            dism.shutdown().unwrap();
        }
        replays(&dism);
    });
}

#[test]
fn p2_a_thread_is_held_in_an_operation_and_let_go() {
    under_both("a hold in an operation, another one waits", |dism| {
        let session = start(&dism);
        let function = Function::AddPackage;
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let hold = dism.hold(Hold::performing(function));
        let performing = apart(&dism, move |dism| {
            let operation = dism.operation(session, function).unwrap();
            flag.store(true, Ordering::SeqCst);
            operation.end()
        });
        hold.wait();
        let flag = ended.clone();
        let waiting = apart(&dism, move |dism| {
            let _operation = dism.operation(session, Function::GetFeatures).unwrap();
            assert!(flag.load(Ordering::SeqCst), "two operations at once");
        });
        assert!(!ended.load(Ordering::SeqCst), "it is held");
        hold.release();
        assert_eq!(performing.join().unwrap(), Ok(Hresult::S_OK));
        waiting.join().unwrap();
        replays(&dism);
    });
}

#[test]
fn s2_a_close_that_is_held_between_closing_and_gone_fails_every_shutdown() {
    under_both("a hold in a close against shutdowns", |dism| shutdowns_during_a_close(&dism));
}

/// The shutdown comes from a third thread, at any time: it fails as long as the close is held, and
/// otherwise if and only if it comes before the session is gone.
#[test]
fn s2_a_close_that_is_held_races_a_shutdown() {
    under_both("a hold in a close, a shutdown at any time", |dism| {
        let session = start(&dism);
        let hold = dism.hold(Hold::closing());
        let closer = apart(&dism, move |dism| dism.close_session(session));
        let shutdown = apart(&dism, Emulator::shutdown);
        hold.wait();
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        hold.release();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
        match shutdown.join().unwrap() {
            Ok(()) => assert_eq!(dism.state(), State::Down),
            failed => {
                assert_eq!(failed, Err(Error::OpenSessionHandles));
                assert_eq!(dism.shutdown(), Ok(()));
            }
        }
        replays(&dism);
    });
}

pub(crate) fn a_hold_in_a_close_against_an_operation(dism: impl Lifecycle) {
    let session = start(&dism);
    let hold = dism.hold_closing();
    let mut others = None;
    let operated = dism.operate(session, || {
        let closer = apart(&dism, move |dism| dism.close(session));
        hold.wait();
        // Both may wake the closer, and only both together let it go.
        others = Some((closer, thread::spawn(move || hold.release())));
    });
    operated.unwrap();
    let (closer, releaser) = others.unwrap();
    releaser.join().unwrap();
    assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    assert_eq!(dism.state().open_sessions(), 0, "closed, and not gone");
    replays(&dism);
}

#[test]
fn c4_a_close_that_is_let_go_waits_for_the_operation_that_is_left() {
    under_both("a hold in a close against an operation", a_hold_in_a_close_against_an_operation);
}

fn a_hold_dropped<D: Lifecycle>(dism: &D, session: Session, hold: D::Guard) {
    let closer = apart(dism, move |dism| dism.close(session));
    drop(hold);
    assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    replays(dism);
}

pub(crate) fn a_hold_dropped_before_a_close(dism: impl Lifecycle) {
    let session = start(&dism);
    a_hold_dropped(&dism, session, dism.hold_before(Function::CloseSession));
}

#[test]
fn a_hold_that_is_dropped_meets_a_thread_or_does_not() {
    let points = [
        ("before", Hold::before(Function::CloseSession)),
        ("closing", Hold::closing()),
        ("returning", Hold::returning(Function::CloseSession)),
    ];
    for (name, hold) in points {
        let schedules = explore(move || {
            let dism = Emulator::builder().verify_on_drop(false).build();
            let session = start(&dism);
            a_hold_dropped(&dism, session, dism.hold(hold.clone()));
        });
        println!("a hold dropped as a thread comes, {name}: {schedules} schedules");
        assert!(schedules > 1, "a race has more than one schedule");
    }
}

#[test]
fn a_hold_in_an_operation_that_is_dropped_meets_a_thread_or_does_not() {
    under_both("a hold in an operation dropped as a thread comes", |dism| {
        let session = start(&dism);
        let hold = dism.hold(Hold::performing(Function::AddPackage));
        let other = apart(&dism, move |dism| dism.perform(session, Function::AddPackage));
        drop(hold);
        assert_eq!(other.join().unwrap(), Ok(Hresult::S_OK));
    });
}

pub(crate) fn a_hold_on_two_threads(dism: impl Lifecycle) {
    dism.initialize().unwrap();
    let hold = dism.hold_before(Function::CleanupMountpoints);
    let through = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let callers = [0, 1].map(|at| {
        let through = through[at].clone();
        apart(&dism, move |dism| {
            dism.call(Function::CleanupMountpoints).unwrap();
            through.store(true, Ordering::SeqCst);
        })
    });
    hold.wait();
    let passed = through.iter().filter(|it| it.load(Ordering::SeqCst)).count();
    assert!(passed < 2, "nobody is held");
    // The third to come: were it caught too, nobody would be left to let it go.
    dism.call(Function::CleanupMountpoints).unwrap();
    hold.release();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
}

#[test]
fn a_hold_catches_exactly_one_of_two_threads() {
    under_both("a hold on two threads", a_hold_on_two_threads);
}

/// Each hold wakes its own thread, in whatever order they are released: who wakes only one of
/// those that wait may wake the wrong one.
pub(crate) fn two_holds(dism: impl Lifecycle) {
    dism.initialize().unwrap();
    let functions = [Function::CleanupMountpoints, Function::GetImageInfo];
    let holds = functions.map(|function| dism.hold_before(function));
    let through = Arc::new(AtomicBool::new(false));
    let flag = through.clone();
    let one = apart(&dism, move |dism| {
        let answer = dism.call(Function::CleanupMountpoints);
        flag.store(true, Ordering::SeqCst);
        answer
    });
    let two = apart(&dism, |dism| dism.call(Function::GetImageInfo));
    holds.iter().for_each(Guard::wait);
    let [first, second] = holds;
    second.release();
    assert_eq!(two.join().unwrap(), Ok(Hresult::S_OK));
    assert!(!through.load(Ordering::SeqCst), "it was let go by another's hold");
    first.release();
    assert_eq!(one.join().unwrap(), Ok(Hresult::S_OK));
}

#[test]
fn two_holds_let_go_one_thread_each() {
    under_both("two holds, the second released first", two_holds);
}

#[test]
fn e1_the_last_error_of_a_scripted_failure_is_per_thread() {
    under_both("scripted last errors", |dism| {
        dism.initialize().unwrap();
        let fail = |function, code: Hresult| dism.script(Rule::on(function).answer(code));
        let _rules = [
            fail(Function::CleanupMountpoints, BUSY),
            fail(Function::GetMountedImageInfo, Hresult::DISMAPI_E_NEEDS_REMOUNT),
        ];
        let other = apart(&dism, |dism| {
            assert_eq!(dism.last_error(), Ok(None));
            dism.call(Function::GetMountedImageInfo).unwrap_err();
            assert_eq!(dism.last_error(), Ok(Some(Hresult::DISMAPI_E_NEEDS_REMOUNT)));
        });
        dism.call(Function::CleanupMountpoints).unwrap_err();
        assert_eq!(dism.last_error(), Ok(Some(BUSY)));
        other.join().unwrap();
        replays(&dism);
    });
}

pub(crate) fn two_deletes(dism: impl Lifecycle) {
    dism.initialize().unwrap();
    let memory = dism.hand_out().unwrap();
    let other = apart(&dism, move |dism| dism.delete(memory).map_err(|it| it.code()));
    let mine = dism.delete(memory).map_err(|it| it.code());
    let results = [mine, other.join().unwrap()];
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1, "winners");
    assert!(results.contains(&Err(Hresult::E_INVALIDARG)));
    replays(&dism);
}

#[test]
fn d3_memory_that_two_threads_delete_has_one_winner() {
    under_both("two deletes", two_deletes);
}

pub(crate) fn two_hand_outs(dism: impl Lifecycle) {
    dism.initialize().unwrap();
    let other = apart(&dism, |dism| dism.hand_out());
    let mine = dism.hand_out().unwrap();
    let shut_down = dism.shutdown();
    match other.join().unwrap() {
        Ok(theirs) => assert_ne!(mine, theirs),
        // D4.
        refused => assert_eq!(refused, Err(Error::NotInitialized)),
    }
    assert_eq!(shut_down, Ok(()));
    replays(&dism);
}

#[test]
fn d1_two_threads_are_never_handed_the_same_memory() {
    under_both("two hand-outs against a shutdown", two_hand_outs);
}

#[test]
fn a_progress_callback_runs_under_no_lock() {
    under_both("a progress callback against an operation", |dism| {
        let session = start(&dism);
        let other_session = dism.open_session(OTHER).unwrap();
        let performing = Arc::new(AtomicBool::new(false));
        let flag = performing.clone();
        let other = apart(&dism, move |dism| {
            let _operation = dism.operation(session, Function::GetFeatures).unwrap();
            // P2: the callback's operation lasts as long as its callback.
            assert!(!flag.load(Ordering::SeqCst), "two operations at once");
        });
        let _steps =
            dism.script(Rule::on(Function::AddPackage).progress([dism_emu::Progress::new(1, 2)]));
        let result = dism.operation(session, Function::AddPackage).unwrap().run(|_| {
            performing.store(true, Ordering::SeqCst);
            assert_eq!(dism.perform(other_session, Function::GetFeatures), Ok(Hresult::S_OK));
            let refused = dism.perform(session, Function::GetFeatures);
            assert_eq!(refused, Err(Error::PossibleDeadlock { session }));
            performing.store(false, Ordering::SeqCst);
            ControlFlow::Continue(())
        });
        assert_eq!(result, Ok(Hresult::S_OK));
        other.join().unwrap();
        replays(&dism);
    });
}

/// Two threads that use a session each, and make no mistake.
fn two_blameless_threads(dism: &Emulator) {
    dism.initialize().unwrap();
    let other = apart(dism, |dism| {
        let session = dism.open_session(OTHER).unwrap();
        dism.close_session(session).unwrap();
    });
    let session = dism.open_session(IMAGE).unwrap();
    dism.close_session(session).unwrap();
    other.join().unwrap();
    dism.shutdown().unwrap();
}

#[test]
fn a_client_is_verified_in_every_schedule() {
    under_both("verify", |dism| {
        two_blameless_threads(&dism);
        assert!(dism.verify().is_ok());
    });
}

#[test]
fn a_rule_that_never_fired_is_told_in_every_schedule() {
    under_both("verify with a rule", |dism| {
        dism.script(Rule::on(Function::CleanupMountpoints)).keep();
        two_blameless_threads(&dism);
        assert!(dism.verify().is_err());
    });
}

/// Whichever thread drops the last handle verifies, and trips over nothing of the model's.
#[test]
fn a_client_is_verified_where_the_last_handle_is_dropped() {
    for contract in CONTRACTS {
        let schedules = explore(move || {
            let dism = Emulator::builder().contract(contract).build();
            let other = dism.clone();
            let other = thread::spawn(move || other.last_error().unwrap());
            dism.last_error().unwrap();
            drop(dism);
            other.join().unwrap();
        });
        println!("verified at the drop, {contract:?}: {schedules} schedules");
        assert!(schedules > 1, "either thread can be the last");
    }
}

/// That a hold which nobody releases is found, as its docs say: a model has no deadline.
#[test]
#[should_panic(expected = "deadlock")]
fn a_hold_that_is_never_released_is_a_deadlock() {
    explore(|| {
        let dism = unverified().build();
        // Its drop calls loom as loom gives up, and must not hide what loom has to say.
        let _hold = dism.hold(Hold::before(Function::Initialize));
        dism.initialize().unwrap();
    });
}

#[test]
fn x2_a_panic_in_a_callback_that_is_caught_ends_the_operation() {
    explore(|| a_callback_panics(&Emulator::new()));
}
