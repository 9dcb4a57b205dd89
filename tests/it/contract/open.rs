//! Open a session: rules O1 to O8.

use dism_emu::machine::Effect;
use dism_emu::{Contract, DISM_ONLINE_IMAGE, Error, Hresult, InvalidArgument, OpenSession};

use super::{down, state};
use crate::support::{IMAGE, OTHER, initialized, unverified, up};

#[test]
fn o1_open_while_not_initialized_fails() {
    for contract in Contract::ALL {
        assert_eq!(down(contract).dism().open_session(IMAGE), Err(Error::NotInitialized));
    }
}

#[test]
fn o2_handles_count_from_2_and_are_never_reused() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        for round in 0..40 {
            let session = dism.open_session(IMAGE).unwrap();
            assert_eq!(session.raw(), 2 + round);
            dism.close_session(session).unwrap();
        }
    }
}

#[test]
fn o3_an_open_of_an_open_image_returns_its_handle_and_adds_a_reference() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.open_session(DISM_ONLINE_IMAGE), Ok(session));
        let steps = emulator.journal();
        let last = steps.steps().last().unwrap();
        assert_eq!(last.outcome, Ok(Effect::Opened { session, references: 2 }));
        assert_eq!(emulator.state(), state(1, 1));
    }
}

#[test]
fn o4_the_online_image_takes_no_windows_directory_and_no_system_drive() {
    let error = Error::InvalidArgument(InvalidArgument::OnlineImagePlacement);
    assert_eq!(error.code(), Hresult::E_INVALIDARG);
    let refused = Err(error);
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let online = || OpenSession::new(DISM_ONLINE_IMAGE);
        assert_eq!(dism.open_session_with(online().windows_directory("Windows")), refused);
        assert_eq!(dism.open_session_with(online().system_drive("S:")), refused);
        // In any spelling (O6), and even if the image is already open.
        let spelled = OpenSession::new(DISM_ONLINE_IMAGE.to_lowercase() + "/").system_drive("S:");
        dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.open_session_with(spelled), refused);

        let offline = OpenSession::new(IMAGE).windows_directory("Windows").system_drive("S:");
        assert!(dism.open_session_with(offline).is_ok());
    }
}

#[test]
fn o5_an_empty_path_is_refused() {
    for contract in Contract::ALL {
        let refused = up(contract).dism().open_session("").unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::EmptyPath));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn o6_paths_that_differ_only_in_spelling_match_the_same_image() {
    let same: &[&[&str]] = &[
        &[r"C:\mount", "C:/mount", r"c:\MOUNT", r"C:\mount\", r"C:\mount\/\"],
        &[r"C:\", "c:/", r"C:\\", r"C:\/"],
        &["C:", "c:"],
        &[r"\", "/", r"\\", "//"],
        &[r"\\server\share", "//SERVER/share/"],
        &[r"\\?\C:\", r"\\?\c:/"],
        &[r"\\.\C:\", r"//./c:/\"],
        &[r"\\?\C:"],
        // Only the root of a drive keeps its separator.
        &[r"C:\mount\a:", r"C:\mount\a:\"],
        &["1:", r"1:\"],
        &["ab:", r"ab:\"],
        // Around eight bytes, the length of the hash's words.
        &["abcdefg", "ABCDEFG"],
        &["abcdefgh", "ABCDEFGH", "abcdefgh/"],
        &["abcdefgh/ijklmnop", r"ABCDEFGH\IJKLMNOP"],
        // Longer than a path that fits into an entry.
        &[
            r"C:\a path that is longer than the others\x",
            "c:/A PATH THAT IS LONGER THAN THE OTHERS/X/",
        ],
        &[r"C:\bücher\straße", r"c:\BÜCHER\STRAßE\"],
        &[r"C:\BÜCHER\STRASSE"],
        &["\u{10428}", "\u{10400}"],
        // Letters whose full upper case is two characters, and the simple one is one.
        &["\u{1f80}", "\u{1f88}"],
        &["\u{1f87}", "\u{1f8f}"],
        &["\u{1f90}", "\u{1f98}"],
        &["\u{1f97}", "\u{1f9f}"],
        &["\u{1fa0}", "\u{1fa8}"],
        &["\u{1fa7}", "\u{1faf}"],
        &["\u{1fb3}", "\u{1fbc}"],
        &["\u{1fc3}", "\u{1fcc}"],
        &["\u{1ff3}", "\u{1ffc}"],
        &["\u{1fb4}"],
        // One spelling is ASCII and the other is not.
        &["ma\u{17f}ke with more behind", "MASKE WITH MORE BEHIND"],
        // Characters that folding case in eight bytes at once could get wrong.
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
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mut images = Vec::new();
        for spellings in same {
            let session = dism.open_session(spellings[0]).unwrap();
            assert!(!images.contains(&session), "{spellings:?} is another image than those before");
            for spelling in *spellings {
                assert_eq!(dism.open_session(spelling), Ok(session), "{spelling:?}");
            }
            images.push(session);
        }
        assert_eq!(emulator.state().open_sessions(), same.len());
    }
}

#[cfg(unix)]
#[test]
fn o6_a_path_need_not_be_valid_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let path = |bytes| OsStr::from_bytes(bytes);
    let session = dism.open_session(path(b"C:\\\xff\xfea")).unwrap();
    assert_eq!(dism.open_session(path(b"c:/\xff\xfeA/")), Ok(session));
    assert_ne!(dism.open_session(path(b"C:\\\xff\xffa")), Ok(session));
    assert_ne!(dism.open_session(path(b"C:\\\xff\xfe")), Ok(session));
    emulator.journal().replay().unwrap();
}

#[test]
fn o7_an_open_that_fails_leaves_nothing_behind() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let online = OpenSession::new(DISM_ONLINE_IMAGE).system_drive("S:");
        dism.open_session("").unwrap_err();
        dism.open_session_with(online).unwrap_err();
        assert_eq!(emulator.state(), state(1, 0));
        assert_eq!(dism.open_session(IMAGE).unwrap().raw(), 2);
    }
}

#[test]
fn o8_no_number_is_reused_when_the_numbers_run_out() {
    for contract in Contract::ALL {
        let emulator = initialized(unverified().contract(contract).last_session(3));
        let dism = emulator.dism();
        let first = dism.open_session(IMAGE).unwrap();
        let second = dism.open_session(OTHER).unwrap();
        assert_eq!((first.raw(), second.raw()), (2, 3));
        for _ in 0..2 {
            let refused = dism.open_session(r"E:\third").unwrap_err();
            assert_eq!(refused, Error::OutOfNumbers);
            assert_eq!(refused.code(), Hresult::E_OUTOFMEMORY);
        }
        // An open image can still be opened again (O3), and a close frees no number.
        assert_eq!(dism.open_session(IMAGE), Ok(first));
        dism.close_session(second).unwrap();
        assert_eq!(dism.open_session(OTHER), Err(Error::OutOfNumbers));
        assert_eq!(emulator.state(), state(1, 1));
    }
    let none = initialized(unverified().last_session(1));
    assert_eq!(none.dism().open_session(IMAGE), Err(Error::OutOfNumbers));
}
