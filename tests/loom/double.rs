//! Rules, holds and verification in every schedule.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dism_emu::machine::State;
use dism_emu::{Dism, Emulator, Error, Function, Hold, Hresult, Memory, Rule, Session};
use loom::thread;

use crate::explore;
use crate::named::under_both;
use crate::races::{ENDS, a_callback_panics, apart, held, shutdowns_during_a_close};
use crate::support::{
    BUSY, Double, Guard, IMAGE, Lifecycle, OTHER, panic_message, replays, start, unverified,
};

/// Makes `call` on two threads, with a rule that makes one call of the function fail.
fn one_of_two_fails<D: Double, T: Send + 'static>(
    emulator: &D,
    function: Function,
    call: impl Fn(&D::Dism) -> Result<T, Error> + Copy + Send + 'static,
) {
    let dism = emulator.dism();
    let fired = emulator.fail_once(function);
    let other = apart(&dism, call);
    let results = [call(&dism).err(), other.join().unwrap().err()];
    let failed = results.iter().flatten().filter(|it| it.code() == BUSY).count();
    assert_eq!(failed, 1, "fired for {results:?}");
    assert!(results.contains(&None), "{results:?}");
    assert_eq!(fired(), 1);
    replays(emulator);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_initializes() {
    under_both("a rule for one of two initializes", |emulator| {
        one_of_two_fails(&emulator, Function::Initialize, Dism::initialize);
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
    });
}

pub(crate) fn a_rule_for_one_of_two_shutdowns(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    one_of_two_fails(&emulator, Function::Shutdown, Lifecycle::shutdown);
    assert_eq!(emulator.state(), State::Down);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_shutdowns() {
    under_both("a rule for one of two shutdowns", a_rule_for_one_of_two_shutdowns);
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_opens() {
    under_both("a rule for one of two opens", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        one_of_two_fails(&emulator, Function::OpenSession, |dism| dism.open_session(IMAGE));
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });
    });
}

/// O11: whichever open comes first leaves the lock that the other one meets. O10: each uses up a
/// number.
#[test]
fn o11_one_of_two_opens_leaves_a_lock_that_the_other_meets() {
    under_both("two opens of an image whose host does not come up", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let no_host = Rule::on(Function::OpenSession).nth(1).fail(Hresult::REGDB_E_CLASSNOTREG);
        let _no_host = emulator.script(no_host);
        let other = apart(&dism, |dism| dism.open_session(IMAGE));
        let results = [dism.open_session(IMAGE), other.join().unwrap()].map(Result::unwrap_err);
        let no_host = Error::Failed { code: Hresult::REGDB_E_CLASSNOTREG };
        assert!(results.contains(&no_host) && results.contains(&Error::ImageLocked), "{results:?}");
        assert_eq!(dism.open_session(OTHER).unwrap().raw(), 4);
        replays(&emulator);
    });
}

/// I6, S5: the initialization is matched once, though the shutdown that matches it fails.
#[test]
fn i6_a_shutdown_that_fails_in_effect_is_the_only_one() {
    under_both("two shutdowns, of which one fails in effect", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let _fails = emulator.script(Rule::on(Function::Shutdown).fail_in_effect(BUSY));
        let other = apart(&dism, Dism::shutdown);
        let results = [dism.shutdown(), other.join().unwrap()].map(Result::unwrap_err);
        let failed = Error::Failed { code: BUSY };
        assert!(
            results.contains(&failed) && results.contains(&Error::NotInitialized),
            "{results:?}"
        );
        assert_eq!(emulator.state(), State::Down);
        replays(&emulator);
    });
}

/// P7: it fails at its turn, and passes the turn on.
#[test]
fn p7_a_cancelled_operation_waits_for_its_turn_and_passes_it_on() {
    under_both("a cancelled operation between two others", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let _cancels = emulator.script(Rule::on(Function::AddPackage).cancel_after(0));
        let operation = dism.operation(session, Function::GetFeatures).unwrap();
        let cancelled = apart(&dism, move |dism| dism.perform(session, Function::AddPackage));
        operation.end().unwrap();
        assert_eq!(dism.perform(session, Function::GetDrivers), Ok(Hresult::S_OK));
        let code = Hresult::WIN32_REQUEST_ABORTED;
        assert_eq!(cancelled.join().unwrap(), Err(Error::Failed { code }));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        replays(&emulator);
    });
}

#[test]
fn a_rule_fires_for_exactly_one_of_two_operations() {
    under_both("a rule for one of two operations", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let function = Function::AddPackage;
        one_of_two_fails(&emulator, function, move |dism| dism.perform(session, function));
    });
}

#[test]
fn p5_a_dead_host_disconnects_exactly_one_of_two_operations() {
    under_both("two operations on a dead host", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let dead = emulator.script(Rule::dead_host(session));
        let function = Function::AddPackage;
        let other = apart(&dism, move |dism| dism.perform(session, function));
        let mut codes = [dism.perform(session, function), other.join().unwrap()]
            .map(|it| it.unwrap_err().code());
        codes.sort();
        assert_eq!(codes, [Hresult::RPC_E_DISCONNECTED, Hresult::WIN32_RPC_S_CALL_FAILED]);
        assert_eq!(dead.fired(), 2);
        replays(&emulator);
    });
}

#[test]
fn a_rule_that_is_taken_back_races_a_call() {
    under_both("a rule taken back against a call", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let rule = emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
        let other = apart(&dism, |dism| dism.cleanup_mountpoints());
        drop(rule);
        match other.join().unwrap() {
            Ok(Hresult::S_OK) | Err(Error::Failed { code: BUSY }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(dism.cleanup_mountpoints(), Ok(Hresult::S_OK));
        replays(&emulator);
    });
}

#[test]
fn a_rule_counts_the_calls_of_both_threads() {
    under_both("two calls against the second of a rule", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let rule = emulator.script(Rule::on(Function::CleanupMountpoints).nth(2).answer(BUSY));
        let other = apart(&dism, |dism| dism.cleanup_mountpoints().is_err());
        let failed = [dism.cleanup_mountpoints().is_err(), other.join().unwrap()];
        assert_eq!(failed.iter().filter(|failed| **failed).count(), 1);
        assert_eq!(rule.fired(), 1);
    });
}

pub(crate) fn a_hold_before_a_shutdown(emulator: impl Double) {
    let dism = emulator.dism();
    for end in [Guard::release, drop] {
        dism.initialize().unwrap();
        let act = || {
            assert!(emulator.state().is_initialized());
            assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        };
        let hold = emulator.hold_before(Function::Shutdown);
        // The hold catches only one thread, and it has already caught the other one.
        let shut_down = held(&dism, hold, Lifecycle::shutdown, act, end);
        assert_eq!(shut_down, Err(Error::NotInitialized));
    }
    replays(&emulator);
}

#[test]
fn a_thread_is_held_before_its_call_and_released() {
    under_both("a hold before a shutdown", a_hold_before_a_shutdown);
}

#[test]
fn a_thread_is_held_before_it_returns_and_released() {
    under_both("a hold before a shutdown returns", |emulator| {
        let dism = emulator.dism();
        for end in ENDS {
            dism.initialize().unwrap();
            let act = || {
                assert_eq!(emulator.state(), State::Down);
                dism.initialize().unwrap();
            };
            let hold = emulator.hold(Hold::returning(Function::Shutdown));
            assert_eq!(held(&dism, hold, Dism::shutdown, act, end), Ok(Hresult::S_OK));
            assert!(emulator.state().is_initialized());
            dism.shutdown().unwrap();
        }
        replays(&emulator);
    });
}

#[test]
fn p2_a_thread_is_held_in_an_operation_and_released() {
    under_both("a hold in an operation, another one waits", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let function = Function::AddPackage;
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let hold = emulator.hold(Hold::performing(function));
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
        replays(&emulator);
    });
}

#[test]
fn s2_a_close_that_is_held_between_closing_and_gone_fails_every_shutdown() {
    under_both("a hold in a close against shutdowns", |emulator| {
        shutdowns_during_a_close(&emulator)
    });
}

/// A third thread shuts down at any time. Its shutdown fails as long as the close is held, and
/// after that if and only if it comes before the session is gone.
#[test]
fn s2_a_close_that_is_held_races_a_shutdown() {
    under_both("a hold in a close, a shutdown at any time", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let hold = emulator.hold(Hold::closing());
        let closer = apart(&dism, move |dism| dism.close_session(session));
        let shutdown = apart(&dism, Dism::shutdown);
        hold.wait();
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        hold.release();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
        match shutdown.join().unwrap() {
            Ok(Hresult::S_OK) => assert_eq!(emulator.state(), State::Down),
            failed => {
                assert_eq!(failed, Err(Error::OpenSessionHandles));
                assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
            }
        }
        replays(&emulator);
    });
}

pub(crate) fn a_hold_in_a_close_against_an_operation(emulator: impl Double + 'static) {
    let dism = emulator.dism();
    let session = start(&dism);
    let hold = emulator.hold_closing();
    let mut others = None;
    let operated = dism.operate(session, || {
        let closer = apart(&dism, move |dism| dism.close(session));
        hold.wait();
        // The end of the operation and the release may each wake the closer. It needs both to go
        // on.
        others = Some((closer, thread::spawn(move || hold.release())));
    });
    operated.unwrap();
    let (closer, releaser) = others.unwrap();
    releaser.join().unwrap();
    assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    assert_eq!(emulator.state().open_sessions(), 0, "closed, and not gone");
    replays(&emulator);
}

#[test]
fn c4_a_close_that_is_released_waits_for_the_remaining_operation() {
    under_both("a hold in a close against an operation", a_hold_in_a_close_against_an_operation);
}

fn a_hold_dropped<D: Double>(emulator: &D, session: Session, hold: D::Guard) {
    let closer = apart(&emulator.dism(), move |dism| dism.close(session));
    drop(hold);
    assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    replays(emulator);
}

pub(crate) fn a_hold_dropped_before_a_close(emulator: impl Double) {
    let dism = emulator.dism();
    let session = start(&dism);
    a_hold_dropped(&emulator, session, emulator.hold_before(Function::CloseSession));
}

#[test]
fn a_hold_that_is_dropped_races_a_thread() {
    let points = [
        ("before", Hold::before(Function::CloseSession)),
        ("closing", Hold::closing()),
        ("returning", Hold::returning(Function::CloseSession)),
    ];
    for (name, hold) in points {
        let schedules = explore(move || {
            let emulator = Emulator::builder().verify_on_drop(false).build();
            let dism = emulator.dism();
            let session = start(&dism);
            a_hold_dropped(&emulator, session, emulator.hold(hold.clone()));
        });
        println!("a hold dropped as a thread comes, {name}: {schedules} schedules");
        assert!(schedules > 1, "a race has more than one schedule");
    }
}

#[test]
fn a_hold_in_an_operation_that_is_dropped_races_a_thread() {
    under_both("a hold in an operation dropped as a thread comes", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let hold = emulator.hold(Hold::performing(Function::AddPackage));
        let other = apart(&dism, move |dism| dism.perform(session, Function::AddPackage));
        drop(hold);
        assert_eq!(other.join().unwrap(), Ok(Hresult::S_OK));
    });
}

pub(crate) fn a_hold_on_two_threads(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let hold = emulator.hold_before(Function::GetLastErrorMessage);
    let through = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let callers = [0, 1].map(|at| {
        let through = through[at].clone();
        apart(&dism, move |dism| {
            dism.last_error().unwrap();
            through.store(true, Ordering::SeqCst);
        })
    });
    hold.wait();
    let passed = through.iter().filter(|it| it.load(Ordering::SeqCst)).count();
    assert!(passed < 2, "no thread is held");
    // If this third thread were caught, too, no thread would be left to release the hold.
    dism.last_error().unwrap();
    hold.release();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
}

#[test]
fn a_hold_catches_exactly_one_of_two_threads() {
    under_both("a hold on two threads", a_hold_on_two_threads);
}

/// Each hold wakes its own thread, in whatever order the holds are released. A release that wakes
/// only one waiting thread may wake the wrong one.
pub(crate) fn two_holds(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let functions = [Function::GetLastErrorMessage, Function::Delete];
    let holds = functions.map(|function| emulator.hold_before(function));
    let through = Arc::new(AtomicBool::new(false));
    let flag = through.clone();
    let one = apart(&dism, move |dism| {
        let answer = dism.last_error();
        flag.store(true, Ordering::SeqCst);
        answer
    });
    let two = apart(&dism, |dism| dism.delete(Memory::NULL));
    holds.iter().for_each(Guard::wait);
    let [first, second] = holds;
    second.release();
    assert_eq!(two.join().unwrap(), Ok(Hresult::S_OK));
    assert!(!through.load(Ordering::SeqCst), "it was released by the hold of another thread");
    first.release();
    assert_eq!(one.join().unwrap(), Ok(None));
}

#[test]
fn two_holds_release_one_thread_each() {
    under_both("two holds, the second released first", two_holds);
}

#[test]
fn e1_the_last_error_of_a_scripted_failure_is_per_thread() {
    under_both("scripted last errors", |emulator| {
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let fail = |function, code: Hresult| emulator.script(Rule::on(function).answer(code));
        let _rules = [
            fail(Function::CleanupMountpoints, BUSY),
            fail(Function::GetMountedImageInfo, Hresult::DISMAPI_E_NEEDS_REMOUNT),
        ];
        let other = apart(&dism, |dism| {
            assert_eq!(dism.last_error(), Ok(None));
            dism.mounted_images().unwrap_err();
            assert_eq!(dism.last_error(), Ok(Some(Hresult::DISMAPI_E_NEEDS_REMOUNT)));
        });
        dism.cleanup_mountpoints().unwrap_err();
        assert_eq!(dism.last_error(), Ok(Some(BUSY)));
        other.join().unwrap();
        replays(&emulator);
    });
}

pub(crate) fn two_deletes(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let memory = dism.hand_out().unwrap();
    let other = apart(&dism, move |dism| dism.delete(memory).map_err(|it| it.code()));
    let mine = dism.delete(memory).map_err(|it| it.code());
    let results = [mine, other.join().unwrap()];
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1, "winners");
    assert!(results.contains(&Err(Hresult::E_INVALIDARG)));
    replays(&emulator);
}

#[test]
fn d3_one_of_two_deletes_of_the_same_memory_succeeds() {
    under_both("two deletes", two_deletes);
}

pub(crate) fn two_hand_outs(emulator: impl Double) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let other = apart(&dism, |dism| dism.hand_out());
    let mine = dism.hand_out().unwrap();
    let shut_down = dism.shutdown();
    match other.join().unwrap() {
        Ok(theirs) => assert_ne!(mine, theirs),
        // D4.
        refused => assert_eq!(refused, Err(Error::NotInitialized)),
    }
    assert_eq!(shut_down, Ok(Hresult::S_OK));
    replays(&emulator);
}

#[test]
fn d1_two_threads_are_never_handed_the_same_memory() {
    under_both("two hand-outs against a shutdown", two_hand_outs);
}

#[test]
fn no_lock_is_held_during_a_progress_callback() {
    under_both("a progress callback against an operation", |emulator| {
        let dism = emulator.dism();
        let session = start(&dism);
        let other_session = dism.open_session(OTHER).unwrap();
        let performing = Arc::new(AtomicBool::new(false));
        let flag = performing.clone();
        let other = apart(&dism, move |dism| {
            let _operation = dism.operation(session, Function::GetFeatures).unwrap();
            // P2: an operation lasts as long as its callback.
            assert!(!flag.load(Ordering::SeqCst), "two operations at once");
        });
        let _steps = emulator
            .script(Rule::on(Function::AddPackage).progress([dism_emu::Progress::new(1, 2)]));
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
        replays(&emulator);
    });
}

/// Runs two threads that use a session each and make no mistake.
fn two_blameless_threads(dism: &Dism) {
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
    under_both("verify", |emulator| {
        let dism = emulator.dism();
        two_blameless_threads(&dism);
        assert!(emulator.verify().is_ok());
    });
}

#[test]
fn a_rule_that_never_fired_is_reported_in_every_schedule() {
    under_both("verify with a rule", |emulator| {
        let dism = emulator.dism();
        emulator.script(Rule::on(Function::CleanupMountpoints)).keep();
        two_blameless_threads(&dism);
        assert!(emulator.verify().is_err());
    });
}

/// Dropping the emulator verifies what its client did until then. It neither waits for the client
/// nor stops it. One contract is enough: nothing here differs between the two.
#[test]
fn an_emulator_is_dropped_while_another_thread_is_in_a_call() {
    // How often the drop came after the shutdown, and how often before it.
    let verdicts = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let counters = verdicts.clone();
    let schedules = explore(move || {
        let emulator = Emulator::new();
        let dism = emulator.dism();
        let session = start(&dism);
        let operation = dism.operation(session, Function::GetFeatures).unwrap();
        let client = apart(&dism, move |dism| {
            assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
            assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        });
        // From here on the close may be at any point: it may have been woken and not returned yet.
        assert_eq!(operation.end(), Ok(Hresult::S_OK));
        let verdict = catch_unwind(AssertUnwindSafe(|| drop(emulator))).map_err(panic_message);
        counters[usize::from(verdict.is_err())].fetch_add(1, Ordering::Relaxed);
        if let Err(report) = verdict {
            assert!(report.contains("never shut down"), "{report}");
            assert!(report.contains("2 handles to the emulator are still alive"), "{report}");
        }
        client.join().unwrap();
    });
    let [after, before] = verdicts.map(|it| it.load(Ordering::Relaxed));
    println!("dropped during a call: {schedules} schedules, {before} before the shutdown");
    assert!(after > 0 && before > 0, "the drop comes at any time");
}

/// A model has no deadline, so a hold that is never released is reported as a deadlock.
#[test]
#[should_panic(expected = "deadlock")]
fn a_hold_that_is_never_released_is_a_deadlock() {
    explore(|| {
        let emulator = unverified().build();
        let dism = emulator.dism();
        // Its drop calls loom while loom panics, and must not hide loom's message.
        let _hold = emulator.hold(Hold::before(Function::Initialize));
        dism.initialize().unwrap();
    });
}

#[test]
fn x2_a_panic_in_a_callback_that_is_caught_ends_the_operation() {
    explore(|| a_callback_panics(&Emulator::new()));
}
