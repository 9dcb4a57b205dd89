//! The contract, rule by rule. The name of a test begins with the rule's id.

use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::{Barrier, mpsc};
use std::thread;

use dism_emu::{
    Call, Config, Contract, DISM_ONLINE_IMAGE, Effect, Emulator, Error, Function, Hresult,
    ImagePath, InvalidArgument, Journal, Machine, MountImage, OpenSession, Operation, OwnedSession,
    ReplayError, Session, State, ThreadId,
};

use crate::support::{CONTRACTS, IMAGE, OTHER, initialized, unverified, up, wait_for};

fn down(contract: Contract) -> Emulator {
    unverified().contract(contract).build()
}

fn invalid(session: Session) -> Error {
    Error::InvalidSession { session, code: Hresult::DISMAPI_E_INVALID_DISM_SESSION }
}

fn state(count: u32, open_sessions: usize) -> State {
    State::Up { count, open_sessions }
}

/// Runs `meanwhile` inside an operation on the session, while another thread's close waits for that
/// operation to end; gives what the close answered.
#[track_caller]
fn while_closing(
    dism: &Emulator,
    session: Session,
    meanwhile: impl FnOnce(Operation<'_>),
) -> Result<Hresult, Error> {
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let closer = scope.spawn(|| dism.close_session(session));
        wait_for(dism, |step| step.outcome == Ok(Effect::Closing { ready: false }));
        // Ends the operation also where an assertion fails, so that the scope can be left.
        meanwhile(operation);
        closer.join().unwrap()
    })
}

#[test]
fn i1_the_first_initialize_succeeds_with_s_ok() {
    for contract in CONTRACTS {
        let dism = down(contract);
        assert_eq!(dism.state(), State::Down);
        assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
        assert_eq!(dism.state(), state(1, 0));
    }
}

#[test]
fn i2_a_process_that_is_not_elevated_is_refused_and_nothing_changes() {
    for contract in CONTRACTS {
        let dism = unverified().contract(contract).elevated(false).build();
        assert_eq!(dism.initialize(), Err(Error::NotElevated));
        assert_eq!(Error::NotElevated.code(), Hresult::new(0x8007_02E4));
        assert_eq!(dism.state(), State::Down);
        assert_eq!(dism.open_session(IMAGE), Err(Error::NotInitialized));
    }
}

#[test]
fn i3_documented_a_second_initialize_fails_and_nothing_changes() {
    let dism = up(Contract::Documented);
    let session = dism.open_session(IMAGE).unwrap();
    let code = Hresult::new(0x8007_04DF);
    assert_eq!(dism.initialize(), Err(Error::AlreadyInitialized { code }));
    assert_eq!(dism.state(), state(1, 1));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.shutdown(), Ok(()));
    assert_eq!(dism.state(), State::Down);
}

#[test]
fn i3_documented_the_number_of_already_initialized_is_the_tests_choice() {
    let chosen = Hresult::new(0xC004_0008);
    let dism = initialized(unverified().already_initialized(chosen));
    assert_eq!(dism.initialize().unwrap_err().code(), chosen);
    assert_eq!(dism.last_error(), Ok(Some(chosen)));
}

#[test]
fn i3_recorded_a_second_initialize_counts_and_returns_s_false() {
    let dism = up(Contract::Recorded);
    assert_eq!(dism.initialize(), Ok(Hresult::S_FALSE));
    assert_eq!(dism.initialize(), Ok(Hresult::new(1)));
    assert_eq!(dism.state(), state(3, 0));
}

#[test]
fn i4_after_a_complete_shutdown_everything_starts_afresh() {
    for contract in CONTRACTS {
        let dism = up(contract);
        for _ in 0..3 {
            let session = dism.open_session(IMAGE).unwrap();
            assert_eq!(session.raw(), 2);
            dism.operation(session, Function::AddPackage).unwrap().end_with(3010_u32).unwrap();
            dism.close_session(session).unwrap();
            dism.shutdown().unwrap();
            assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
            assert_eq!(dism.close_session(session), Err(invalid(session)));
        }
    }
}

/// Lets `threads` threads make the same call at once.
fn at_once<T: Send>(threads: usize, call: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    let (barrier, call) = (&barrier, &call);
    thread::scope(|scope| {
        let start = || {
            barrier.wait();
            call()
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn i5_of_concurrent_initializes_exactly_one_gets_s_ok() {
    let dism = down(Contract::Documented);
    let results = at_once(8, || dism.initialize());
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1);

    let dism = down(Contract::Recorded);
    let results = at_once(8, || dism.initialize().unwrap());
    assert_eq!(results.iter().filter(|it| **it == Hresult::S_OK).count(), 1);
    assert_eq!(results.iter().filter(|it| **it == Hresult::S_FALSE).count(), 7);
    assert_eq!(dism.state(), state(8, 0));
}

#[test]
fn s1_shutdown_while_not_initialized_fails() {
    for contract in CONTRACTS {
        let dism = down(contract);
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
        dism.initialize().unwrap();
        dism.shutdown().unwrap();
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
    }
}

#[test]
fn s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        for _ in 0..3 {
            assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
            assert_eq!(dism.state(), state(1, 1));
            dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
            assert_eq!(dism.open_session(IMAGE), Ok(session));
            assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        }
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(()));
    }
}

#[test]
fn s2_a_session_that_is_being_closed_counts_as_open() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&dism, session, |_operation| {
            assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(()));
    }
}

#[test]
fn s3_recorded_a_shutdown_that_is_not_the_last_does_not_look_at_sessions() {
    let dism = up(Contract::Recorded);
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    assert_eq!(dism.shutdown(), Ok(()));
    assert_eq!(dism.state(), state(1, 1));
    // S2 again, now that it is the last.
    assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
    assert_eq!(dism.state(), state(1, 1));
    dism.close_session(session).unwrap();
    assert_eq!(dism.shutdown(), Ok(()));
}

#[test]
fn s4_after_the_last_shutdown_everything_fails_until_the_next_initialize() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        // O1, C1, P1, S1, E5: whatever the arguments are.
        assert_eq!(dism.open_session(IMAGE), Err(Error::NotInitialized));
        assert_eq!(dism.open_session(""), Err(Error::NotInitialized));
        for session in [session, Session::DEFAULT, Session::from_raw(99)] {
            assert_eq!(dism.close_session(session), Err(Error::NotInitialized));
            for function in Function::ALL {
                let refused = dism.operation(session, *function).unwrap_err();
                assert_eq!(refused, Error::NotInitialized, "{function}");
            }
        }
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
        assert_eq!(dism.last_error(), Err(Error::NotInitialized));
        assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
        assert!(dism.open_session(IMAGE).is_ok());
    }
}

#[test]
fn s5_of_concurrent_shutdowns_exactly_one_wins() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let results = at_once(8, || dism.shutdown());
        assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(|it| **it == Err(Error::NotInitialized)).count(), 7);
    }
}

#[test]
fn s5_recorded_shutdowns_succeed_as_often_as_initializes() {
    let dism = up(Contract::Recorded);
    dism.initialize().unwrap();
    dism.initialize().unwrap();
    let results = at_once(8, || dism.shutdown());
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 3);
    assert_eq!(dism.state(), State::Down);
}

#[test]
fn s6_success_of_every_shutdown_is_exactly_s_ok() {
    let dism = up(Contract::Recorded);
    dism.initialize().unwrap();
    dism.shutdown().unwrap();
    dism.shutdown().unwrap();
    let journal = dism.journal();
    let shutdowns = journal.steps().iter().filter(|step| step.call == Call::Shutdown);
    let codes: Vec<_> = shutdowns.map(|step| step.outcome.unwrap().code()).collect();
    assert_eq!(codes, [Hresult::S_OK, Hresult::S_OK]);
}

#[test]
fn s7_shutdown_neither_sets_nor_clears_the_last_error() {
    for contract in CONTRACTS {
        let dism = down(contract);
        dism.shutdown().unwrap_err();
        assert_eq!(dism.last_error(), Ok(None));
        dism.initialize().unwrap();
        dism.open_session("").unwrap_err();
        let session = dism.open_session(IMAGE).unwrap();
        dism.shutdown().unwrap_err();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        dism.initialize().unwrap();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    }
}

#[test]
fn o1_open_while_not_initialized_fails() {
    for contract in CONTRACTS {
        assert_eq!(down(contract).open_session(IMAGE), Err(Error::NotInitialized));
    }
}

#[test]
fn o2_handles_count_from_2_and_none_is_given_out_again() {
    for contract in CONTRACTS {
        let dism = up(contract);
        for round in 0..40 {
            let session = dism.open_session(IMAGE).unwrap();
            assert_eq!(session.raw(), 2 + round);
            dism.close_session(session).unwrap();
        }
    }
}

#[test]
fn o3_an_open_image_gets_the_same_handle_and_one_reference_more() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.open_session(DISM_ONLINE_IMAGE), Ok(session));
        let steps = dism.journal();
        let last = steps.steps().last().unwrap();
        assert_eq!(last.outcome, Ok(Effect::Opened { session, references: 2 }));
        assert_eq!(dism.state(), state(1, 1));
    }
}

#[test]
fn o4_the_online_image_takes_no_windows_directory_and_no_system_drive() {
    let error = Error::InvalidArgument(InvalidArgument::OnlineImagePlacement);
    assert_eq!(error.code(), Hresult::E_INVALIDARG);
    let refused = Err(error);
    for contract in CONTRACTS {
        let dism = up(contract);
        let online = || OpenSession::new(DISM_ONLINE_IMAGE);
        assert_eq!(dism.open_session_with(online().windows_directory("Windows")), refused);
        assert_eq!(dism.open_session_with(online().system_drive("S:")), refused);
        // In any spelling of rule O6, and also where it is open already.
        let spelt = OpenSession::new(DISM_ONLINE_IMAGE.to_lowercase() + "/").system_drive("S:");
        dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.open_session_with(spelt), refused);

        let offline = OpenSession::new(IMAGE).windows_directory("Windows").system_drive("S:");
        assert!(dism.open_session_with(offline).is_ok());
    }
}

#[test]
fn o5_an_empty_path_is_refused() {
    for contract in CONTRACTS {
        let refused = up(contract).open_session("").unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::EmptyPath));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn o6_paths_name_the_same_image_where_spelling_is_all_that_differs() {
    let same: &[&[&str]] = &[
        &[r"C:\mount", "C:/mount", r"c:\MOUNT", r"C:\mount\", r"C:\mount\/\"],
        &[r"C:\", "c:/", r"C:\\", r"C:\/"],
        &["C:", "c:"],
        &[r"\", "/", r"\\", "//"],
        &[r"\\server\share", "//SERVER/share/"],
        &[r"\\?\C:\", r"\\?\c:/"],
        &[r"\\.\C:\", r"//./c:/\"],
        &[r"\\?\C:"],
        // Only a drive's separator is a root's own.
        &[r"C:\mount\a:", r"C:\mount\a:\"],
        &["1:", r"1:\"],
        &["ab:", r"ab:\"],
        // Eight bytes and their neighbours: the words of the hash.
        &["abcdefg", "ABCDEFG"],
        &["abcdefgh", "ABCDEFGH", "abcdefgh/"],
        &["abcdefgh/ijklmnop", r"ABCDEFGH\IJKLMNOP"],
        // Longer than what an entry has room for.
        &[
            r"C:\a path that is longer than the others\x",
            "c:/A PATH THAT IS LONGER THAN THE OTHERS/X/",
        ],
        &[r"C:\bücher\straße", r"c:\BÜCHER\STRAßE\"],
        &[r"C:\BÜCHER\STRASSE"],
        &["\u{10428}", "\u{10400}"],
        // One spelling is ASCII and the other is not.
        &["ma\u{17f}ke with more behind", "MASKE WITH MORE BEHIND"],
        // What case folding in eight bytes at once could get wrong.
        &["@"],
        &["`"],
        &["["],
        &["{"],
        &["]"],
        &["}"],
        &["|"],
        &["~"],
        &["^"],
        &["_"],
        &["\u{7f}"],
        &["\u{1f}"],
        &["?"],
        &["\u{f}"],
        &["o"],
        &["0"],
        &["."],
        &["!"],
        &["a"],
        &["z"],
        &["\0"],
        &["a\0"],
        &["\u{e1}"],
        &["\u{61}\u{301}"],
        &[DISM_ONLINE_IMAGE, "dism_{53bfae52-b167-4e2f-a258-0a37b57ff845}"],
    ];
    for contract in CONTRACTS {
        let dism = up(contract);
        let mut images = Vec::new();
        for spellings in same {
            let session = dism.open_session(spellings[0]).unwrap();
            assert!(!images.contains(&session), "{spellings:?} is none of those before");
            for spelling in *spellings {
                assert_eq!(dism.open_session(spelling), Ok(session), "{spelling:?}");
            }
            images.push(session);
        }
        assert_eq!(dism.state().open_sessions(), same.len());
    }
}

#[cfg(unix)]
#[test]
fn o6_bytes_that_are_no_text_are_a_path_too() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let dism = up(Contract::Documented);
    let path = |bytes| OsStr::from_bytes(bytes);
    let session = dism.open_session(path(b"C:\\\xff\xfea")).unwrap();
    assert_eq!(dism.open_session(path(b"c:/\xff\xfeA/")), Ok(session));
    assert_ne!(dism.open_session(path(b"C:\\\xff\xffa")), Ok(session));
    assert_ne!(dism.open_session(path(b"C:\\\xff\xfe")), Ok(session));
    dism.journal().replay().unwrap();
}

#[test]
fn o7_an_open_that_fails_leaves_nothing_behind() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let online = OpenSession::new(DISM_ONLINE_IMAGE).system_drive("S:");
        dism.open_session("").unwrap_err();
        dism.open_session_with(online).unwrap_err();
        assert_eq!(dism.state(), state(1, 0));
        assert_eq!(dism.open_session(IMAGE).unwrap().raw(), 2);
    }
}

#[test]
fn o8_when_the_numbers_run_out_no_number_is_given_out_twice() {
    for contract in CONTRACTS {
        let dism = initialized(unverified().contract(contract).last_session(3));
        let first = dism.open_session(IMAGE).unwrap();
        let second = dism.open_session(OTHER).unwrap();
        assert_eq!((first.raw(), second.raw()), (2, 3));
        for _ in 0..2 {
            let refused = dism.open_session(r"E:\third").unwrap_err();
            assert_eq!(refused, Error::OutOfNumbers);
            assert_eq!(refused.code(), Hresult::E_OUTOFMEMORY);
        }
        // What is open can still be opened once more (O3), and a close makes no room.
        assert_eq!(dism.open_session(IMAGE), Ok(first));
        dism.close_session(second).unwrap();
        assert_eq!(dism.open_session(OTHER), Err(Error::OutOfNumbers));
        assert_eq!(dism.state(), state(1, 1));
    }
    let none = initialized(unverified().last_session(1));
    assert_eq!(none.open_session(IMAGE), Err(Error::OutOfNumbers));
}

#[test]
fn c1_close_while_not_initialized_fails() {
    for contract in CONTRACTS {
        let refused = down(contract).close_session(Session::from_raw(2));
        assert_eq!(refused, Err(Error::NotInitialized));
    }
}

#[test]
fn c2_a_number_that_is_not_an_open_session_is_invalid() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let closed = dism.open_session(IMAGE).unwrap();
        dism.close_session(closed).unwrap();
        for session in [0, 1, closed.raw(), 3, u32::MAX].map(Session::from_raw) {
            assert_eq!(dism.close_session(session), Err(invalid(session)));
            let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
            assert_eq!(refused, invalid(session));
            assert_eq!(refused.code(), Hresult::new(0xC004_0004));
        }
    }
}

#[test]
fn c2_the_code_for_a_closed_session_is_the_tests_choice() {
    let dism = initialized(unverified().closed_session(Hresult::E_INVALIDARG));
    let session = dism.open_session(IMAGE).unwrap();
    dism.close_session(session).unwrap();
    assert_eq!(dism.close_session(session).unwrap_err().code(), Hresult::E_INVALIDARG);
    let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
    assert_eq!(refused.code(), Hresult::E_INVALIDARG);
}

#[test]
fn c3_with_references_left_the_session_stays_open() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(dism.state(), state(1, 1));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.state(), state(1, 0));
    }
}

#[test]
fn c4_the_last_close_lets_operations_complete_and_accepts_no_new_one() {
    for (contract, closing) in CONTRACTS
        .into_iter()
        .zip([Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS])
    {
        let builder = unverified().contract(contract).closing_session(closing);
        let dism = initialized(builder);
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&dism, session, |_operation| {
            let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
            assert_eq!(refused, Error::SessionClosing { session, code: closing });
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.state(), state(1, 0));
        assert_eq!(dism.close_session(session), Err(invalid(session)));

        let journal = dism.journal();
        let place = |call| journal.steps().iter().position(|step| step.call == call).unwrap();
        let ended = place(Call::EndOperation { session, result: Hresult::S_OK });
        let gone = place(Call::FinishClose { session });
        assert!(ended < gone, "the close did not wait for the operation\n{journal}");
        journal.replay().unwrap();
    }
}

#[test]
fn c5_a_second_close_while_the_first_waits_finds_it_closed() {
    for contract in CONTRACTS {
        let closed = Hresult::E_INVALIDARG;
        let dism = initialized(unverified().contract(contract).closed_session(closed));
        let session = dism.open_session(IMAGE).unwrap();
        let first = while_closing(&dism, session, |_operation| {
            for _ in 0..2 {
                let refused = dism.close_session(session).unwrap_err();
                assert_eq!(refused, Error::InvalidSession { session, code: closed });
            }
        });
        assert_eq!(first, Ok(Hresult::S_OK));
    }
}

#[test]
fn c6_a_session_that_needs_a_reboot_says_so_at_its_last_close() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        dism.open_session(IMAGE).unwrap();
        let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        assert_eq!(operation.end_with(reboot), Ok(reboot));
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.close_session(session), Ok(reboot));
        // The next session of the image knows nothing of it.
        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let refused = dism.close_session(session).unwrap_err();
        assert_eq!(refused, Error::PossibleDeadlock { session });
        assert_eq!(refused.code(), Hresult::new(0x8007_046B));
        // With a reference to spare there is nothing to wait for (C3), and so on another session.
        dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        let other = dism.open_session(OTHER).unwrap();
        assert_eq!(dism.close_session(other), Ok(Hresult::S_OK));
        operation.end().unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn c8_a_close_does_not_unmount_the_image() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let mount = MountImage::new(IMAGE, "install.wim");
        dism.mount_image(mount.clone()).unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
    }
}

#[test]
fn c9_an_open_while_the_image_closes_gets_a_new_handle() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let anew = Session::from_raw(session.raw() + 1);
        let closed = while_closing(&dism, session, |_operation| {
            assert_eq!(dism.open_session(IMAGE), Ok(anew));
            assert_eq!(dism.state(), state(1, 2));
            // The new session has nothing to do with the old one's operation.
            dism.operation(anew, Function::GetFeatures).unwrap().end().unwrap();
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.open_session(IMAGE), Ok(anew));
    }
}

#[test]
fn p1_commit_has_a_code_of_its_own() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let refused = dism.operation(session, Function::CommitImage).unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::NotMounted { session }));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
        for session in [0, 1, 99].map(Session::from_raw) {
            let refused = dism.operation(session, Function::CommitImage).unwrap_err();
            let code = Hresult::E_INVALIDARG;
            assert_eq!(refused, Error::InvalidSession { session, code });
        }
        let closed = while_closing(&dism, session, |_operation| {
            let refused = dism.operation(session, Function::CommitImage).unwrap_err();
            let code = Hresult::E_INVALIDARG;
            assert_eq!(refused, Error::SessionClosing { session, code });
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
    }
}

#[test]
fn p1_a_commit_is_performed_on_a_mounted_image() {
    for contract in CONTRACTS {
        let dism = up(contract);
        dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
        // O6: in any spelling.
        let session = dism.open_session("c:/MOUNT/").unwrap();
        assert_eq!(dism.perform(session, Function::CommitImage), Ok(Hresult::S_OK));
        let other = dism.open_session(OTHER).unwrap();
        let refused = dism.perform(other, Function::CommitImage).unwrap_err();
        assert_eq!(refused, InvalidArgument::NotMounted { session: other }.into());
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn p1_a_commit_that_waits_for_its_turn_needs_the_image_as_it_arrives() {
    let dism = up(Contract::Documented);
    let session = dism.open_session(IMAGE).unwrap();
    let _operation = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        // Were it accepted, it would wait for the operation of this thread for ever.
        let commit = scope.spawn(|| dism.perform(session, Function::CommitImage).map(drop));
        let refused = InvalidArgument::NotMounted { session };
        assert_eq!(commit.join().unwrap(), Err(refused.into()));
    });
}

#[test]
fn p1_only_operations_are_performed_on_a_session() {
    let dism = up(Contract::Documented);
    let session = dism.open_session(IMAGE).unwrap();
    for &function in Function::ALL {
        let performed = dism.operation(session, function).map(|operation| {
            assert_eq!((operation.function(), operation.session()), (function, session));
            let shown = format!("Operation {{ function: {function:?}, session: Session(2), .. }}");
            assert_eq!(format!("{operation:?}"), shown);
        });
        let refused = match function {
            Function::CommitImage => InvalidArgument::NotMounted { session },
            function if function.is_operation() => {
                assert_eq!(performed, Ok(()), "{function}");
                continue;
            }
            function => InvalidArgument::NotAnOperation { function },
        };
        assert_eq!(performed, Err(Error::InvalidArgument(refused)), "{function}");
    }
}

#[test]
fn p2_operations_on_one_session_run_one_at_a_time_in_the_order_of_arrival() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let first = dism.operation(session, Function::AddPackage).unwrap();
        let (done, order) = mpsc::channel();
        thread::scope(|scope| {
            for number in 0..4 {
                let done = done.clone();
                let dism = &dism;
                let functions = [
                    Function::AddDriver,
                    Function::GetDrivers,
                    Function::GetPackages,
                    Function::GetFeatures,
                ];
                let function = functions[number];
                scope.spawn(move || {
                    let operation = dism.operation(session, function).unwrap();
                    done.send(number).unwrap();
                    operation.end().unwrap();
                });
                // Each stands in the queue before the next one comes.
                wait_for(dism, |step| {
                    step.call == Call::BeginOperation { session, function }
                        && step.outcome == Ok(Effect::Begun { ready: false })
                });
            }
            assert!(order.try_recv().is_err(), "nobody is performed while the first one runs");
            first.end().unwrap();
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}

#[test]
fn p2_operations_on_different_sessions_run_in_parallel() {
    let dism = up(Contract::Documented);
    let one = dism.open_session(IMAGE).unwrap();
    let other = dism.open_session(OTHER).unwrap();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for session in [one, other] {
            let (dism, barrier) = (&dism, &barrier);
            scope.spawn(move || {
                let _operation = dism.operation(session, Function::GetFeatures).unwrap();
                // Neither passes before the other's operation was begun.
                barrier.wait();
            });
        }
    });
}

#[test]
fn p3_an_operation_inside_one_of_the_same_session_and_thread_fails() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let other = dism.open_session(OTHER).unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
        assert_eq!(refused, Error::PossibleDeadlock { session });
        dism.operation(other, Function::GetFeatures).unwrap().end().unwrap();
        operation.end().unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    }
}

#[test]
fn p4_a_result_comes_back_unchanged_whatever_number_it_is() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let end = |number: u32| {
            dism.operation(session, Function::EnableFeature).unwrap().end_with(number)
        };
        for number in [0, 1, 3010, 0x7FFF_FFFF] {
            assert_eq!(end(number), Ok(Hresult::new(number)));
        }
        for code in [0x800F_080C, 0x8001_0108, 0x8007_06BE, 0x8000_0000].map(Hresult::new) {
            assert_eq!(end(code.number()), Err(Error::OperationFailed { code }));
            assert_eq!(Error::OperationFailed { code }.code(), code);
        }
    }
}

#[test]
fn p5_a_failing_operation_leaves_the_session_open_and_closable() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        for _ in 0..2 {
            let operation = dism.operation(session, Function::DisableFeature).unwrap();
            operation.end_with(0x8007_06BE_u32).unwrap_err();
        }
        assert_eq!(dism.state(), state(1, 1));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

/// The three functions that change what is mounted at a path.
fn mounting(dism: &Emulator, path: &str) -> [Result<Hresult, Error>; 3] {
    let mounted = dism.mount_image(MountImage::new(path, "install.wim"));
    [mounted, dism.remount_image(path), dism.unmount_image(path)]
}

#[test]
fn n1_mounting_needs_an_initialized_api() {
    for contract in CONTRACTS {
        let dism = down(contract);
        let refused = || {
            // Also with arguments that would be refused.
            for path in [IMAGE, ""] {
                assert_eq!(mounting(&dism, path), [Err(Error::NotInitialized); 3]);
            }
            assert_eq!(dism.mounted_images(), Err(Error::NotInitialized));
        };
        refused();
        dism.initialize().unwrap();
        assert_eq!(mounting(&dism, IMAGE), [Ok(Hresult::S_OK); 3]);
        dism.shutdown().unwrap();
        refused();
    }
}

/// The codes that N2 has for mount, remount and unmount.
const IN_USE: [u32; 3] = [0xC004_000B, 0xC004_000C, 0xC004_000A];

fn codes<const N: usize>(results: [Result<Hresult, Error>; N]) -> [u32; N] {
    results.map(|it| it.unwrap_or_else(|error| error.code()).number())
}

#[test]
fn n2_a_path_with_an_open_session_is_left_alone() {
    for contract in CONTRACTS {
        for is_mounted in [true, false] {
            let dism = up(contract);
            if is_mounted {
                dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
            }
            let session = dism.open_session("c:/MOUNT/").unwrap();
            // Before it is asked what is mounted there (N3).
            assert_eq!(codes(mounting(&dism, IMAGE)), IN_USE);
            assert_eq!(codes(mounting(&dism, OTHER)), [0; 3]);
            assert_eq!(dism.mounted_images().unwrap().len(), usize::from(is_mounted));
            dism.close_session(session).unwrap();
            let there = if is_mounted { 0x8007_00B7 } else { 0 };
            assert_eq!(codes(mounting(&dism, IMAGE)), [there, 0, 0]);
        }
    }
}

#[test]
fn n2_a_session_that_is_being_closed_is_still_on_its_path() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&dism, session, |_operation| {
            assert_eq!(codes(mounting(&dism, IMAGE)), IN_USE);
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(codes(mounting(&dism, IMAGE)), [0; 3]);
    }
}

#[test]
fn n3_unmount_and_remount_of_what_is_not_mounted_fail() {
    for contract in CONTRACTS {
        let dism = up(contract);
        dism.mount_image(MountImage::new(OTHER, "install.wim")).unwrap();
        for result in [dism.unmount_image(IMAGE), dism.remount_image(IMAGE)] {
            assert_eq!(result, Err(Error::NothingMounted));
            assert_eq!(result.unwrap_err().code().number(), 0xC004_0007);
        }
        assert_eq!(dism.unmount_image(r"d:/OTHER\"), Ok(Hresult::S_OK));
        assert_eq!(dism.unmount_image(OTHER), Err(Error::NothingMounted));
    }
}

#[test]
fn n4_what_is_mounted_lives_until_it_is_unmounted() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let mounts = [
            MountImage::new(IMAGE, "install.wim").index(3).read_only(),
            MountImage::new(OTHER, "boot.wim").name("Setup"),
        ];
        for mount in &mounts {
            assert_eq!(dism.mount_image(mount.clone()), Ok(Hresult::S_OK));
        }
        dism.remount_image(IMAGE).unwrap();
        assert_eq!(dism.mounted_images(), Ok(mounts.to_vec()));
        dism.shutdown().unwrap();
        dism.initialize().unwrap();
        assert_eq!(dism.mounted_images(), Ok(mounts.to_vec()));
        dism.unmount_image(IMAGE).unwrap();
        assert_eq!(dism.mounted_images(), Ok(mounts[1..].to_vec()));
        let replayed = dism.journal().replay().unwrap();
        assert_eq!(replayed.mounted(), &mounts[1..]);
    }
}

#[test]
fn n4_a_mount_that_is_refused_mounts_nothing() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let mount = || MountImage::new(IMAGE, "install.wim");
        let empty = Err(Error::InvalidArgument(InvalidArgument::EmptyPath));
        assert_eq!(dism.mount_image(MountImage::new("", "install.wim")), empty);
        assert_eq!(dism.mount_image(MountImage::new(IMAGE, "")), empty);
        assert_eq!(dism.mount_image(mount().index(0)), Err(Error::InvalidImageIndex));
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        dism.mount_image(mount()).unwrap();
        let again = MountImage::new("C:/Mount/", "other.wim");
        assert_eq!(dism.mount_image(again), Err(Error::AlreadyMounted));
        assert_eq!(dism.mounted_images(), Ok(vec![mount()]));
    }
}

#[test]
fn e2_mounting_that_fails_sets_the_last_error() {
    let dism = up(Contract::Documented);
    dism.unmount_image(IMAGE).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_0007);
    let _session = dism.open_session(IMAGE).unwrap();
    dism.remount_image(IMAGE).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_000C);
    dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_000B);
}

/// A null pointer of C: nothing but a failure comes of it, and not initialized comes first.
#[test]
fn n1_a_call_without_its_argument_only_fails() {
    for contract in CONTRACTS {
        let mut config = Config::default();
        config.contract = contract;
        let mut machine = Machine::new(config);
        let thread = ThreadId::new(1);
        let call = Call::CallWithoutArgument { function: Function::MountImage };
        assert_eq!(machine.apply(thread, &call), Err(Error::NotInitialized));
        machine.apply(thread, &Call::Initialize).unwrap();
        let missing = InvalidArgument::Missing { function: Function::MountImage };
        assert_eq!(machine.apply(thread, &call), Err(missing.into()));
        let last = Ok(Effect::LastError(Some(Hresult::E_INVALIDARG)));
        assert_eq!(machine.apply(thread, &Call::GetLastErrorMessage), last);
        // E2: the function that reads it does not set it.
        machine.apply(thread, &Call::UnmountImage { path: ImagePath::new(IMAGE) }).unwrap_err();
        let call = Call::CallWithoutArgument { function: Function::GetLastErrorMessage };
        machine.apply(thread, &call).unwrap_err();
        let last = Ok(Effect::LastError(Some(Hresult::new(0xC004_0007))));
        assert_eq!(machine.apply(thread, &Call::GetLastErrorMessage), last);
    }
}

#[test]
fn e1_the_last_error_is_per_thread() {
    for contract in CONTRACTS {
        let dism = up(contract);
        dism.open_session("").unwrap_err();
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(dism.last_error(), Ok(None));
                dism.close_session(Session::DEFAULT).unwrap_err();
                let code = Hresult::DISMAPI_E_INVALID_DISM_SESSION;
                assert_eq!(dism.last_error(), Ok(Some(code)));
            });
        });
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    }
}

#[test]
fn e2_every_failing_function_sets_the_last_error() {
    let builder = unverified().last_session(2).closed_session(0x8000_0001_u32);
    let dism = initialized(builder.closing_session(0x8000_0002_u32));
    let last = || dism.last_error().unwrap().unwrap();
    dism.initialize().unwrap_err();
    assert_eq!(last(), Hresult::ERROR_ALREADY_INITIALIZED);
    let session = dism.open_session(IMAGE).unwrap();
    dism.open_session(OTHER).unwrap_err();
    assert_eq!(last(), Hresult::E_OUTOFMEMORY);
    dism.close_session(Session::DEFAULT).unwrap_err();
    assert_eq!(last().number(), 0x8000_0001);
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    dism.close_session(session).unwrap_err();
    assert_eq!(last(), Hresult::ERROR_POSSIBLE_DEADLOCK);
    operation.end().unwrap();
    dism.operation(session, Function::CommitImage).unwrap_err();
    assert_eq!(last(), Hresult::E_INVALIDARG);
    let closed = while_closing(&dism, session, |operation| {
        dism.operation(session, Function::GetFeatures).unwrap_err();
        assert_eq!(last().number(), 0x8000_0002);
        operation.end_with(0x800F_080C_u32).unwrap_err();
        assert_eq!(last(), Hresult::DISMAPI_E_UNKNOWN_FEATURE);
    });
    assert_eq!(closed, Ok(Hresult::S_OK));
    // S7: but this one, and a failing last error itself, do not.
    dism.shutdown().unwrap();
    dism.shutdown().unwrap_err();
    dism.last_error().unwrap_err();
    dism.initialize().unwrap();
    assert_eq!(last(), Hresult::DISMAPI_E_UNKNOWN_FEATURE);
}

#[test]
fn e2_the_failure_of_the_first_initialize_can_be_read() {
    let dism = unverified().elevated(false).build();
    dism.initialize().unwrap_err();
    // E5: before the first initialize the last error is there to be read.
    assert_eq!(dism.last_error(), Ok(Some(Hresult::ERROR_ELEVATION_REQUIRED)));
}

#[test]
fn e3_a_success_does_not_clear_the_last_error() {
    for contract in CONTRACTS {
        let dism = up(contract);
        dism.open_session("").unwrap_err();
        let session = dism.open_session(IMAGE).unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        dism.close_session(session).unwrap();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    }
}

#[test]
fn e4_without_a_failure_there_is_none() {
    for contract in CONTRACTS {
        assert_eq!(down(contract).last_error(), Ok(None));
        assert_eq!(up(contract).last_error(), Ok(None));
    }
}

#[test]
fn e5_after_a_last_shutdown_the_last_error_is_out_of_reach() {
    for contract in CONTRACTS {
        let dism = up(contract);
        assert_eq!(dism.last_error(), Ok(None));
        dism.shutdown().unwrap();
        assert_eq!(dism.last_error(), Err(Error::NotInitialized));
        dism.initialize().unwrap();
        assert_eq!(dism.last_error(), Ok(None));
    }
}

#[test]
fn x2_a_panic_inside_an_operation_leaves_the_emulator_usable() {
    let dism = up(Contract::Documented);
    let session = dism.open_session(IMAGE).unwrap();
    let panicked = thread::scope(|scope| {
        let callback = || {
            let _operation = dism.operation(session, Function::AddPackage).unwrap();
            panic!("a client's callback");
        };
        scope.spawn(callback).join()
    });
    assert!(panicked.is_err());
    dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    let caught = catch_unwind(|| {
        let _operation = dism.operation(session, Function::AddPackage).unwrap();
        panic!("a callback that the client catches");
    });
    assert!(caught.is_err());
    dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.shutdown(), Ok(()));
}

#[test]
fn x2_an_operation_ends_once() {
    let dism = up(Contract::Documented);
    let session = dism.open_session(IMAGE).unwrap();
    let begin = || dism.operation(session, Function::GetFeatures).unwrap();
    begin().end().unwrap();
    drop(begin());
    begin().end_with(Hresult::S_OK).unwrap();
    let ends = |call: &Call| matches!(call, Call::EndOperation { .. });
    let journal = dism.journal();
    assert_eq!(journal.steps().iter().filter(|step| ends(&step.call)).count(), 3);
    assert_eq!(dism.last_error(), Ok(None));
}

#[test]
fn an_owned_session_closes_itself_once() {
    let dism = up(Contract::Documented);
    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.handle();
    assert_eq!(format!("{session:?}"), "OwnedSession(2)");
    drop(session);
    assert_eq!(dism.close_session(handle), Err(invalid(handle)));

    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.into_raw();
    assert_eq!(dism.state().open_sessions(), 1);
    assert_eq!(dism.close_session(handle), Ok(Hresult::S_OK));

    let session = dism.open_owned_session(IMAGE).unwrap();
    let operation = dism.operation(session.handle(), Function::AddPackage).unwrap();
    operation.end_with(3010_u32).unwrap();
    assert_eq!(session.close(), Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
    let closes = |call: &Call| matches!(call, Call::CloseSession { .. });
    let journal = dism.journal();
    assert_eq!(journal.steps().iter().filter(|step| closes(&step.call)).count(), 4);
}

#[test]
fn an_owned_session_that_could_not_be_closed_is_still_open() {
    let dism = up(Contract::Documented);
    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.handle();
    let operation = dism.operation(handle, Function::AddPackage).unwrap();
    assert_eq!(session.close(), Err(Error::PossibleDeadlock { session: handle }));
    operation.end().unwrap();
    assert_eq!(dism.close_session(handle), Ok(Hresult::S_OK));
}

/// For statics, for threads, and for assertions that print.
#[test]
fn what_is_shared_can_be_shared() {
    fn shared<T: Clone + Send + Sync + UnwindSafe + RefUnwindSafe + Debug>() {}
    shared::<Emulator>();
    shared::<Session>();
    shared::<Journal>();
    shared::<Machine>();
    shared::<Error>();
    fn sent<T: Send + Sync + UnwindSafe + Debug>() {}
    sent::<OwnedSession>();
}

#[test]
fn processes_side_by_side_know_nothing_of_each_other() {
    let one = up(Contract::Documented);
    let other = up(Contract::Recorded);
    let same = one.clone();
    let session = one.open_session(IMAGE).unwrap();
    assert_eq!(other.open_session(OTHER), Ok(session));
    one.open_session("").unwrap_err();
    assert_eq!(other.last_error(), Ok(None));
    same.close_session(session).unwrap();
    same.shutdown().unwrap();
    assert_eq!(one.state(), State::Down);
    assert_eq!(other.state(), state(1, 1));
    assert_eq!(
        format!("{one:?} {other:?}"),
        "Emulator { contract: Documented, state: Down, .. } \
         Emulator { contract: Recorded, state: Up { count: 1, open_sessions: 1 }, .. }"
    );
}

#[test]
fn a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay() {
    let dism = initialized(unverified().journal_limit(3));
    assert_eq!(dism.journal().dropped(), 0);
    dism.journal().replay().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
    let journal = dism.journal();
    assert_eq!(journal.dropped(), 2);
    assert_eq!(journal.steps().len(), 3);
    assert_eq!(journal.replay().unwrap_err(), ReplayError::Incomplete { dropped: 2 });
    let thread = journal.steps()[0].thread;
    assert_eq!(
        journal.to_string(),
        format!(
            "(2 earlier steps dropped)\n\
             {thread} close session 2 -> closing\n\
             {thread} finish closing session 2 -> closed\n\
             {thread} shutdown -> shut down\n"
        )
    );

    let whole = initialized(unverified().journal_limit(1));
    assert_eq!(
        whole.journal().to_string(),
        format!("{thread} initialize -> initialized, count 1\n")
    );

    let off = initialized(unverified().journal_limit(0));
    assert_eq!((off.journal().steps(), off.journal().dropped()), (&[][..], 0));
    assert_eq!(off.journal().replay().unwrap_err(), ReplayError::Off);
}

#[test]
fn a_journal_shows_the_first_step_that_differs() {
    let dism = up(Contract::Documented);
    dism.shutdown().unwrap();
    dism.shutdown().unwrap_err();
    let mut steps = dism.journal().steps().to_vec();
    steps.swap(1, 2);
    let differs = dism_emu::replay(*dism.journal().config(), &steps).unwrap_err();
    let ReplayError::Differs { at: 1, step, replayed } = &differs else { panic!("{differs}") };
    assert_eq!(**step, steps[1]);
    assert_eq!(*replayed, Ok(Effect::ShutDown { count: 0 }));
    let thread = steps[1].thread;
    assert_eq!(
        differs.to_string(),
        format!(
            "step 1, {thread} shutdown -> 0xC0040001 (DISMAPI_E_DISMAPI_NOT_INITIALIZED): the \
             DISM API is not initialized in this process, replays as shut down"
        )
    );
}

#[test]
fn calls_read_well() {
    let thread = ThreadId::new(7);
    assert_eq!((thread.number(), thread.to_string()), (7, "t7".to_owned()));
    let shown = |open: OpenSession| Call::OpenSession(open).to_string();
    assert_eq!(shown(OpenSession::new(DISM_ONLINE_IMAGE)), "open online");
    let placed = OpenSession::new(IMAGE).windows_directory("W").system_drive("S:");
    assert_eq!(shown(placed), r#"open "C:\mount" windows directory "W" system drive "S:""#);
    let session = Session::from_raw(2);
    let begin = Call::BeginOperation { session, function: Function::ExportDriver };
    assert_eq!(begin.to_string(), "begin _DismExportDriver on session 2");
    let end = Call::EndOperation { session, result: Hresult::new(3010) };
    let shown = "end the operation on session 2 with 0x00000BC2 (ERROR_SUCCESS_REBOOT_REQUIRED)";
    assert_eq!(end.to_string(), shown);
}

/// P1: what takes a session and is not the close, told apart by name and not by the table that is
/// tested.
#[test]
fn p1_all_functions_are_operations_but_these() {
    let others: Vec<_> = (Function::ALL.iter())
        .filter(|function| !function.is_operation())
        .map(|function| function.name())
        .collect();
    assert_eq!(
        others,
        [
            "DismCleanupMountpoints",
            "DismCloseSession",
            "DismDelete",
            "DismGetImageInfo",
            "DismGetLastErrorMessage",
            "DismGetMountedImageInfo",
            "DismInitialize",
            "DismMountImage",
            "DismOpenSession",
            "DismRemountImage",
            "DismShutdown",
            "DismUnmountImage",
        ]
    );
    assert_eq!(Function::ALL.len(), 36 + 4 + 3);
}

/// The contract's table of values, written a second time.
#[test]
fn numbers_are_those_of_the_header() {
    let table = [
        (0, "S_OK", false),
        (1, "S_FALSE", true),
        (3010, "ERROR_SUCCESS_REBOOT_REQUIRED", false),
        (0xC004_0001, "DISMAPI_E_DISMAPI_NOT_INITIALIZED", true),
        (0xC004_0002, "DISMAPI_E_SHUTDOWN_IN_PROGRESS", true),
        (0xC004_0003, "DISMAPI_E_OPEN_SESSION_HANDLES", true),
        (0xC004_0004, "DISMAPI_E_INVALID_DISM_SESSION", true),
        (0xC004_0005, "DISMAPI_E_INVALID_IMAGE_INDEX", true),
        (0xC004_0006, "DISMAPI_E_INVALID_IMAGE_NAME", true),
        (0xC004_0007, "DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH", true),
        (0xC004_0009, "DISMAPI_E_LOGGING_DISABLED", true),
        (0xC004_000A, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH", true),
        (0xC004_000B, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH", true),
        (0xC004_000C, "DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH", true),
        (0xC004_000D, "DISMAPI_E_PARENT_FEATURE_DISABLED", true),
        (0xC004_000E, "DISMAPI_E_MUST_SPECIFY_ONLINE_IMAGE", true),
        (0xC004_000F, "DISMAPI_E_INVALID_PRODUCT_KEY", false),
        (0xC151_0114, "DISMAPI_E_NEEDS_REMOUNT", true),
        (0x800F_080C, "DISMAPI_E_UNKNOWN_FEATURE", false),
        (0x800F_0902, "DISMAPI_E_BUSY", false),
        (0x8007_02E4, "ERROR_ELEVATION_REQUIRED", false),
        (0x8007_00B7, "ERROR_ALREADY_EXISTS", false),
        (0x8007_04DF, "ERROR_ALREADY_INITIALIZED", false),
        (0x8007_0057, "E_INVALIDARG", false),
        (0x8007_000E, "E_OUTOFMEMORY", false),
        (0x8007_046B, "ERROR_POSSIBLE_DEADLOCK", false),
    ];
    for (number, name, has_text) in table {
        let code = Hresult::new(number);
        assert_eq!((code.name(), code.message().is_some()), (Some(name), has_text));
    }
    for gap in [2, 0xC004_0000, 0xC004_0008, 0xC004_0010] {
        assert_eq!(Hresult::new(gap).name(), None);
    }
    // The names that the crate itself answers with.
    assert_eq!(Error::NotInitialized.code(), Hresult::new(0xC004_0001));
    assert_eq!(Error::OpenSessionHandles.code(), Hresult::new(0xC004_0003));
    assert_eq!(Error::OutOfNumbers.code(), Hresult::new(0x8007_000E));
    assert_eq!(Error::from(InvalidArgument::EmptyPath).code(), Hresult::new(0x8007_0057));
    assert_eq!(Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS.number(), 0xC004_0002);
}

#[test]
fn names_and_texts_stand_in_one_table() {
    let code = Hresult::DISMAPI_E_OPEN_SESSION_HANDLES;
    assert_eq!(
        format!("{code} {code:?}"),
        "0xC0040003 0xC0040003 (DISMAPI_E_OPEN_SESSION_HANDLES)"
    );
    assert_eq!(
        code.message(),
        Some("A DismShutdown was called while there were open DismSession handles")
    );
    assert_eq!(format!("{:?}", Hresult::new(0x8BAD_F00D)), "0x8BADF00D");
    assert_eq!(Hresult::new(0x8BAD_F00D).message(), None);
    assert_eq!(Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED.name(), Some("S_FALSE"));
    assert_eq!(i32::from(code), -1_073_479_677);
    assert_eq!(Hresult::from(-1_073_479_677_i32), code);
    assert_eq!(u32::from(code), 0xC004_0003);
    for (number, is_success) in [(0, true), (0x7FFF_FFFF, true), (0x8000_0000, false)] {
        let code = Hresult::new(number);
        assert_eq!((code.is_success(), code.is_failure()), (is_success, !is_success));
    }
    assert_eq!(format!("{code:>12}|{code:<12}"), "  0xC0040003|0xC0040003  ");
}
