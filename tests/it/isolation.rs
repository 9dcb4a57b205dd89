//! Tests in one binary run at once and do not affect each other: each has its own emulator, with
//! its own rules, holds and journal.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Barrier;
use std::thread;

use dism_emu::machine::{Call, Machine, State};
use dism_emu::{
    Contract, Dism, Emulator, Error, Function, Hold, Hresult, Initialize, Journal, OpenSession,
    OwnedSession, Rule, Session, ThreadNumber,
};

use crate::support::{IMAGE, OTHER, up};

/// A client under test with threads of its own.
fn client(dism: &Dism, image: &str) -> Result<(), Error> {
    dism.initialize()?;
    let session = dism.open_session(image)?;
    let workers = [Function::GetFeatures, Function::GetPackages].map(|function| {
        let dism = dism.clone();
        thread::spawn(move || dism.perform(session, function))
    });
    let results = workers.map(|worker| worker.join().expect("no panic"));
    dism.close_session(session)?;
    dism.shutdown()?;
    results.into_iter().try_for_each(|result| result.map(drop))
}

/// One whole test, with a number that distinguishes it from all others: its rule fires, its hold
/// stops a thread, and its journal has only its own calls.
fn test(number: u32) {
    let image = format!(r"C:\mount\{number}");
    let code = Hresult::new(0x8BAD_0000 + number);
    let emulator = Emulator::new();
    let dism = emulator.dism();
    let rule = emulator.script(Rule::on(Function::GetFeatures).answer(code));
    let (held, result) = thread::scope(|scope| {
        let hold = emulator.hold(Hold::closing());
        let client = scope.spawn(|| client(&dism, &image));
        hold.wait();
        let held = emulator.state();
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        hold.release();
        (held, client.join().expect("no panic"))
    });
    assert_eq!(result, Err(Error::Failed { code }));
    assert_eq!(held.open_sessions(), 1);
    assert_eq!(rule.fired(), 1);

    let journal = emulator.journal();
    journal.replay().expect("the emulator keeps its contract");
    // Handles begin with 2, whatever other tests open.
    let session = Session::from_raw(2);
    let mut calls: Vec<_> = journal.steps().iter().map(|it| it.call.to_string()).collect();
    let begin = |function| Call::begin(session, function);
    let end = |result| Call::EndOperation { session, result };
    let mut expected = [
        Call::Initialize(Initialize::new()),
        Call::OpenSession(OpenSession::new(&image)),
        Call::Scripted { call: Box::new(begin(Function::GetFeatures)), answer: code.into() },
        end(code),
        begin(Function::GetPackages),
        end(Hresult::S_OK),
        Call::CloseSession { session },
        Call::Shutdown,
        Call::FinishClose { session },
        Call::Shutdown,
    ]
    .map(|call| call.to_string())
    .to_vec();
    calls.sort();
    expected.sort();
    assert_eq!(calls, expected, "{journal}");

    // The client, its two workers, and this test.
    let mut threads: Vec<ThreadNumber> = journal.steps().iter().map(|it| it.thread).collect();
    threads.sort();
    threads.dedup();
    assert_eq!(threads.len(), 4, "{journal}");
    // E1: the failures of other tests do not show, either.
    assert_eq!(dism.last_error(), Err(Error::NotInitialized));
    verified(&emulator);
}

/// Asserts that every rule has fired. The report may have the shutdown with an open session: the
/// test made it on purpose.
#[track_caller]
fn verified(emulator: &Emulator) {
    let report = emulator.verify().map_or_else(|report| report.to_string(), |_| String::new());
    assert!(!report.contains("never fired"), "{report}");
}

#[test]
fn one_test_sees_only_its_own_calls() {
    test(1);
}

#[test]
fn another_test_sees_only_its_own_calls() {
    test(2);
}

#[test]
fn a_third_test_sees_only_its_own_calls() {
    test(3);
}

#[test]
fn eight_tests_at_once_see_only_their_own_calls() {
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for number in 10..18 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                (0..5).for_each(|round| test(100 * round + number));
            });
        }
    });
}

#[test]
fn two_processes_used_by_one_thread_share_nothing() {
    let emulators = [Emulator::new(), Emulator::new()];
    let [one, two] = emulators.each_ref().map(Emulator::dism);
    let rule =
        emulators[0].script(Rule::on(Function::CleanupMountpoints).answer(Hresult::DISMAPI_E_BUSY));
    one.initialize().unwrap();
    assert!(!emulators[1].state().is_initialized());
    two.initialize().unwrap();
    assert!(one.cleanup_mountpoints().is_err());
    assert!(two.cleanup_mountpoints().is_ok());
    assert_eq!(two.last_error(), Ok(None));
    let memory = one.hand_out(Function::GetImageInfo).unwrap();
    let refused = two.delete(memory).unwrap_err();
    assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    one.delete(memory).unwrap();
    one.shutdown().unwrap();
    assert!(emulators[1].state().is_initialized());
    two.shutdown().unwrap();
    assert_eq!(rule.fired(), 1);
    assert_eq!(emulators.each_ref().map(|it| it.journal().steps().len()), [5, 5]);
    // Reports the refused delete, which was the test's own mistake, so that the drop does not.
    drop(emulators[1].verify());
}

/// So they can be in a static, go to another thread, and be printed by an assertion.
#[test]
fn public_types_can_be_shared_and_sent() {
    fn shared<T: Clone + Send + Sync + UnwindSafe + RefUnwindSafe + Debug>() {}
    shared::<Dism>();
    shared::<Session>();
    shared::<Journal>();
    shared::<Machine>();
    shared::<Error>();
    fn sent<T: Send + Sync + UnwindSafe + Debug>() {}
    sent::<Emulator>();
    sent::<OwnedSession>();
}

#[test]
fn processes_of_one_test_do_not_affect_each_other() {
    let emulators = Contract::ALL.map(up);
    let [one, other] = emulators.each_ref().map(Emulator::dism);
    let same = one.clone();
    let session = one.open_session(IMAGE).unwrap();
    assert_eq!(other.open_session(OTHER), Ok(session));
    one.open_session("").unwrap_err();
    assert_eq!(other.last_error(), Ok(None));
    same.close_session(session).unwrap();
    same.shutdown().unwrap();
    let [one, other] = emulators;
    assert_eq!(one.state(), State::Down);
    assert_eq!(other.state(), State::Up { count: 1, open_sessions: 1 });
    assert_eq!(
        format!("{one:?} {other:?}"),
        "Emulator { contract: Documented, state: Down, .. } \
         Emulator { contract: Recorded, state: Up { count: 1, open_sessions: 1 }, .. }"
    );
}
