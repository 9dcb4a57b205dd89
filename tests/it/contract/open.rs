//! Open a session: rules O1 to O11.

use dism_emu::machine::Effect;
use dism_emu::{
    CommitFlags, Contract, DISM_ONLINE_IMAGE, Emulator, Error, Function, Hresult, InvalidArgument,
    MountImage, OpenSession, Rule, Session,
};

use super::{down, invalid, state};
use crate::support::{
    BUSY, IMAGE, OTHER, failing, initialized, line_of_panic, replays, unverified, up,
};

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

/// Two paths that are declared to be [`IMAGE`], one of them by way of the other.
const JUNCTION: &str = r"E:\junction";
const RELATIVE: &str = r"..\mount";

/// Starts a process in which three paths are one image, and two files are one file.
fn with_junctions(contract: Contract) -> Emulator {
    let builder = unverified().contract(contract).same_image(RELATIVE, JUNCTION);
    // Symmetric, in any spelling, and said twice.
    let builder = builder.same_image("c:/MOUNT/", "e:/JUNCTION").same_image(IMAGE, RELATIVE);
    initialized(builder.same_image("install.wim", r"D:\install.wim"))
}

#[test]
fn o6_declared_paths_are_one_image_with_one_handle() {
    for contract in Contract::ALL {
        let emulator = with_junctions(contract);
        let dism = emulator.dism();
        let session = dism.open_session(JUNCTION).unwrap();
        for path in [IMAGE, RELATIVE, "e:/Junction/", "../MOUNT"] {
            assert_eq!(dism.open_session(path), Ok(session), "{path}");
        }
        let last = emulator.journal().steps().last().unwrap().outcome;
        assert_eq!(last, Ok(Effect::Opened { session, references: 5 }));
        assert_ne!(dism.open_session(r"E:\junction\below"), Ok(session));
        replays(&emulator);
    }
}

#[test]
fn o6_declared_paths_are_one_image_with_one_mount() {
    for contract in Contract::ALL {
        let emulator = with_junctions(contract);
        let dism = emulator.dism();
        let mount = MountImage::new(JUNCTION, "install.wim");
        dism.mount_image(mount.clone()).unwrap();
        let again = dism.mount_image(MountImage::new(IMAGE, "other.wim"));
        assert_eq!(again, Err(Error::AlreadyMounted));
        // The path is listed as it was passed.
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
        let session = dism.open_session(RELATIVE).unwrap();
        assert_eq!(dism.perform(session, Function::CommitImage), Ok(Hresult::S_OK));
        // N2.
        let unmount = || dism.unmount_image(IMAGE, CommitFlags::COMMIT);
        assert_eq!(unmount().unwrap_err().code().number(), 0xC004_000A);
        assert_eq!(dism.remount_image(IMAGE).unwrap_err().code().number(), 0xC004_000C);
        dism.close_session(session).unwrap();
        assert_eq!(dism.remount_image(RELATIVE), Ok(Hresult::S_OK));
        assert_eq!(unmount(), Ok(Hresult::S_OK));
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        replays(&emulator);
    }
}

#[test]
fn o6_declared_files_are_one_file() {
    for contract in Contract::ALL {
        let emulator = with_junctions(contract);
        let dism = emulator.dism();
        dism.mount_image(MountImage::new(IMAGE, "INSTALL.WIM")).unwrap();
        // N7.
        let second = || dism.mount_image(MountImage::new(OTHER, "d:/install.wim"));
        assert_eq!(second(), Err(Error::FileInUse));
        dism.unmount_image(IMAGE, CommitFlags::DISCARD).unwrap();
        assert_eq!(second(), Ok(Hresult::S_OK));
        let rule = Rule::on(Function::GetImageInfo).image("install.wim").fail(BUSY);
        let _rule = emulator.script(rule);
        assert!(dism.image_info(r"D:\Install.wim").is_err());
        assert!(dism.image_info(r"C:\install.wim").is_ok());
    }
}

#[test]
fn o6_declared_paths_share_a_lock() {
    for contract in Contract::ALL {
        let emulator = with_junctions(contract);
        lock(&emulator, JUNCTION);
        for path in [IMAGE, JUNCTION, RELATIVE] {
            assert_eq!(emulator.dism().open_session(path), Err(Error::ImageLocked), "{path}");
        }
    }
}

#[test]
fn o6_a_rule_for_an_image_matches_it_by_every_declared_path() {
    for contract in Contract::ALL {
        for (of, path) in [(IMAGE, JUNCTION), (JUNCTION, RELATIVE), (RELATIVE, IMAGE)] {
            let emulator = with_junctions(contract);
            let dism = emulator.dism();
            let session = dism.open_session(path).unwrap();
            let rule = |function| Rule::on(function).image(of).fail(BUSY);
            let functions = [Function::OpenSession, Function::AddPackage, Function::CloseSession];
            let _rules = functions.map(|function| emulator.script(rule(function)));
            assert!(dism.open_session(path).is_err(), "{of}");
            assert!(dism.perform(session, Function::AddPackage).is_err(), "{of}");
            assert!(dism.close_session(session).is_err(), "{of}");
            assert!(dism.open_session(OTHER).is_ok(), "{of}");
        }
    }
}

#[test]
fn o6_neither_nothing_nor_the_online_image_is_the_same_as_a_path() {
    let builder = unverified;
    assert_eq!(line_of_panic(|| drop(builder().same_image(IMAGE, ""))), line!());
    let online = DISM_ONLINE_IMAGE.to_lowercase();
    for path in [DISM_ONLINE_IMAGE, &online] {
        for (one, other) in [(IMAGE, path), (path, IMAGE)] {
            let message = failing(|| builder().same_image(one, other));
            assert_eq!(message, "the online image is an image of its own");
        }
    }
}

#[test]
fn o7_an_open_that_the_api_refuses_leaves_nothing_behind() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        let online = OpenSession::new(DISM_ONLINE_IMAGE).system_drive("S:");
        dism.open_session(IMAGE).unwrap_err();
        dism.initialize().unwrap();
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

/// Makes an open of the image fail because its servicing host does not come up.
fn lock(emulator: &Emulator, path: &str) {
    let code = Hresult::REGDB_E_CLASSNOTREG;
    let _no_host = emulator.script(Rule::on(Function::OpenSession).fail(code));
    assert_eq!(emulator.dism().open_session(path), Err(Error::Failed { code }));
}

/// Makes an open of the image fail with a code that leaves no lock.
fn fail(emulator: &Emulator, path: &str) {
    let _fails = emulator.script(Rule::on(Function::OpenSession).fail(BUSY));
    assert_eq!(emulator.dism().open_session(path), Err(Error::Failed { code: BUSY }));
}

#[test]
fn o10_an_open_that_fails_at_the_image_uses_up_a_number() {
    for contract in Contract::ALL {
        for image in [IMAGE, DISM_ONLINE_IMAGE] {
            let emulator = up(contract);
            let dism = emulator.dism();
            for _ in 0..2 {
                fail(&emulator, image);
            }
            assert_eq!(emulator.state(), state(1, 0));
            let session = dism.open_session(image).unwrap();
            assert_eq!(session.raw(), 4);
            // C2: the numbers in between count as never given out.
            for session in [2, 3].map(Session::from_raw) {
                assert_eq!(dism.close_session(session), Err(invalid(session)));
                assert!(dism.perform(session, Function::GetFeatures).is_err());
            }
            replays(&emulator);
        }
    }
}

#[test]
fn o10_a_failing_open_of_an_open_image_uses_no_number() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        fail(&emulator, IMAGE);
        assert_eq!(dism.open_session(OTHER).unwrap().raw(), session.raw() + 1);
    }
}

/// O8: also a number that a failing open uses up can be the last one.
#[test]
fn o10_a_failing_open_uses_up_the_last_number() {
    for contract in Contract::ALL {
        let emulator = initialized(unverified().contract(contract).last_session(2));
        fail(&emulator, IMAGE);
        assert_eq!(emulator.dism().open_session(IMAGE), Err(Error::OutOfNumbers));
    }
}

#[test]
fn o11_an_open_whose_host_does_not_come_up_locks_the_image() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        lock(&emulator, IMAGE);
        // O6: in any spelling. O10: each refusal uses up a number.
        for path in [IMAGE, "c:/MOUNT/"] {
            let refused = dism.open_session(path).unwrap_err();
            assert_eq!(refused, Error::ImageLocked);
            assert_eq!(refused.code().number(), 0x8007_00B7);
            assert_eq!(dism.last_error(), Ok(Some(refused.code())));
        }
        assert_eq!(emulator.state(), state(1, 0));
        assert_eq!(dism.open_session(OTHER).unwrap().raw(), 5);
        replays(&emulator);
    }
}

#[test]
fn o11_a_lock_outlives_the_period() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        lock(&emulator, IMAGE);
        for _ in 0..2 {
            dism.shutdown().unwrap();
            dism.initialize().unwrap();
            assert_eq!(dism.open_session(IMAGE), Err(Error::ImageLocked));
        }
        // I4: the numbers start afresh, and the refusal has used one up.
        let session = dism.open_session(OTHER).unwrap();
        assert_eq!(session.raw(), 3);
        replays(&emulator);
    }
}

#[test]
fn o11_the_online_image_has_no_lock() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        lock(&emulator, DISM_ONLINE_IMAGE);
        assert_eq!(emulator.dism().open_session(DISM_ONLINE_IMAGE).unwrap().raw(), 3);
    }
}

#[test]
fn o11_other_codes_leave_no_lock() {
    for contract in Contract::ALL {
        for code in [0x8004_0155, 0x8007_00B7, 0x8001_0108, 0x8007_0005] {
            let emulator = up(contract);
            let _fails = emulator.script(Rule::on(Function::OpenSession).nth(1).fail(code));
            let dism = emulator.dism();
            assert_eq!(dism.open_session(IMAGE).unwrap_err().code().number(), code);
            assert_eq!(dism.open_session(IMAGE).unwrap().raw(), 3);
        }
    }
}

/// O3: the image of an open session has its host, so no host fails to come up.
#[test]
fn o11_a_failing_open_of_an_open_image_leaves_no_lock() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        lock(&emulator, IMAGE);
        assert_eq!(dism.open_session(IMAGE), Ok(session));
        dism.close_session(session).unwrap();
        dism.close_session(session).unwrap();
        assert!(dism.open_session(IMAGE).is_ok());
    }
}

#[test]
fn o11_a_lock_asks_no_rule() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        lock(&emulator, IMAGE);
        let rule = emulator.script(Rule::on(Function::OpenSession).answer(0).optional());
        assert_eq!(emulator.dism().open_session(IMAGE), Err(Error::ImageLocked));
        assert_eq!(rule.fired(), 0);
    }
}

#[test]
fn o11_a_lock_does_not_affect_mounts() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        lock(&emulator, IMAGE);
        assert_eq!(dism.mount_image(MountImage::new(IMAGE, "install.wim")), Ok(Hresult::S_OK));
        assert_eq!(dism.remount_image(IMAGE), Ok(Hresult::S_OK));
        assert_eq!(dism.unmount_image(IMAGE, CommitFlags::COMMIT), Ok(Hresult::S_OK));
        assert_eq!(dism.open_session(IMAGE), Err(Error::ImageLocked));
    }
}

#[test]
fn o11_no_other_emulator_sees_a_lock() {
    for contract in Contract::ALL {
        lock(&up(contract), IMAGE);
        assert!(up(contract).dism().open_session(IMAGE).is_ok());
    }
}

/// O1, O5, O4, O3, O8, O11, and then the rules: each call fails for all reasons from one on.
#[test]
fn o10_the_order_in_which_an_open_is_refused() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).last_session(4).build();
        let dism = emulator.dism();
        let open = |path: &str| dism.open_session_with(OpenSession::new(path).system_drive("S:"));
        let code = |path: &str| open(path).unwrap_err().code();
        // O1.
        assert_eq!(open(""), Err(Error::NotInitialized));
        assert_eq!(open(DISM_ONLINE_IMAGE), Err(Error::NotInitialized));
        dism.initialize().unwrap();
        lock(&emulator, IMAGE);
        let open_image = dism.open_session(OTHER).unwrap();
        emulator.script(Rule::on(Function::OpenSession).fail(BUSY)).keep();
        // O11 comes before the rules, and the rules answer for an open image.
        assert_eq!(open(IMAGE), Err(Error::ImageLocked));
        assert_eq!(code(OTHER), BUSY);
        // O8 comes before O11: 2 and 4 were used up, and 3 is open.
        assert_eq!(open_image.raw(), 3);
        assert_eq!(open(IMAGE), Err(Error::OutOfNumbers));
        assert_eq!(open("new"), Err(Error::OutOfNumbers));
        // O3 comes before O8, O5 and O4 before both.
        assert_eq!(code(OTHER), BUSY);
        assert_eq!(open(""), Err(InvalidArgument::EmptyPath.into()));
        assert_eq!(open(DISM_ONLINE_IMAGE), Err(InvalidArgument::OnlineImagePlacement.into()));
        replays(&emulator);
    }
}
