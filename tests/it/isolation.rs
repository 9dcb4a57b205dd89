//! Tests in one binary run at once and never see each other: each has its own emulator, and what
//! it scripts, holds and reads is its own.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Barrier;
use std::thread;

use dism_emu::machine::{Call, Machine, State};
use dism_emu::{
    Contract, Dism, Emulator, Error, Function, Hold, Hresult, Journal, OpenSession, OwnedSession,
    Rule, Session, ThreadNumber,
};

use crate::support::{IMAGE, OTHER, up};

/// What a client under test does with its own threads.
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

/// One whole test, told apart from all others by its number: a rule answers it, a hold stops it,
/// and the journal has its calls and no other.
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
    // Handles begin with 2 whatever the others open.
    let session = Session::from_raw(2);
    let mut calls: Vec<_> = journal.steps().iter().map(|it| it.call.to_string()).collect();
    let begin = |function| Call::BeginOperation { session, function };
    let end = |result| Call::EndOperation { session, result };
    let mut expected = [
        Call::Initialize,
        Call::OpenSession(OpenSession::new(&image)),
        Call::Scripted { call: Box::new(begin(Function::GetFeatures)), answer: code },
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
    // E1: nor do other tests' failures show.
    assert_eq!(dism.last_error(), Err(Error::NotInitialized));
    verified(&emulator);
}

/// The shutdown with a session open was the test's own, and is no mistake of the client's; what
/// the test left in force is.
#[track_caller]
fn verified(emulator: &Emulator) {
    let report = emulator.verify().map_or_else(|report| report.to_string(), |_| String::new());
    assert!(!report.contains("never fired"), "{report}");
}

#[test]
fn one_test_sees_its_own_calls_alone() {
    test(1);
}

#[test]
fn another_test_sees_its_own_calls_alone() {
    test(2);
}

#[test]
fn a_third_test_sees_its_own_calls_alone() {
    test(3);
}

#[test]
fn eight_tests_at_once_see_their_own_calls_alone() {
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
    // What was deleted in vain was the test's own mistake.
    drop(emulators[1].verify());
}

/// For statics, for threads, and for assertions that print.
#[test]
fn what_is_shared_can_be_shared() {
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
fn processes_side_by_side_know_nothing_of_each_other() {
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
