//! Functions without a session: rules N1 to N8.

use dism_emu::machine::{Call, Config, Effect, Machine};
use dism_emu::{
    CommitFlags, Contract, DISM_ONLINE_IMAGE, Dism, Error, Function, Hresult, ImagePath,
    Initialize, InvalidArgument, Memory, MountFlags, MountImage, Rule, Session, ThreadNumber,
};

use super::{down, while_closing};
use crate::methods::{WITHOUT_SESSION, call};
use crate::support::{BUSY, IMAGE, OTHER, replays, unverified, up};

/// The three functions that change what is mounted at a path.
fn mounting(dism: &Dism, path: &str) -> [Result<Hresult, Error>; 3] {
    let mounted = dism.mount_image(MountImage::new(path, "install.wim"));
    [mounted, dism.remount_image(path), dism.unmount_image(path, CommitFlags::DISCARD)]
}

#[test]
fn n1_mounting_needs_an_initialized_api() {
    for contract in Contract::ALL {
        let dism = down(contract).dism();
        let refused = || {
            // Even with arguments that would be refused.
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
fn n2_mounting_fails_on_a_path_with_an_open_session() {
    for contract in Contract::ALL {
        for is_mounted in [true, false] {
            let dism = up(contract).dism();
            if is_mounted {
                dism.mount_image(MountImage::new(IMAGE, "mounted.wim")).unwrap();
            }
            let session = dism.open_session("c:/MOUNT/").unwrap();
            // The session is checked before what is mounted there (N3).
            assert_eq!(codes(mounting(&dism, IMAGE)), IN_USE);
            assert_eq!(codes(mounting(&dism, OTHER)), [0; 3]);
            assert_eq!(dism.mounted_images().unwrap().len(), usize::from(is_mounted));
            dism.close_session(session).unwrap();
            let there = if is_mounted { 0xC142_0113 } else { 0 };
            assert_eq!(codes(mounting(&dism, IMAGE)), [there, 0, 0]);
        }
    }
}

#[test]
fn n2_mounting_fails_on_a_path_whose_session_is_being_closed() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&emulator, session, |_operation| {
            assert_eq!(codes(mounting(&dism, IMAGE)), IN_USE);
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(codes(mounting(&dism, IMAGE)), [0; 3]);
    }
}

#[test]
fn n3_unmount_and_remount_fail_if_nothing_is_mounted() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        dism.mount_image(MountImage::new(OTHER, "install.wim")).unwrap();
        for result in [dism.unmount_image(IMAGE, CommitFlags::DISCARD), dism.remount_image(IMAGE)] {
            assert_eq!(result, Err(Error::NothingMounted));
            assert_eq!(result.unwrap_err().code().number(), 0xC004_0007);
        }
        assert_eq!(dism.unmount_image(r"d:/OTHER\", CommitFlags::DISCARD), Ok(Hresult::S_OK));
        assert_eq!(dism.unmount_image(OTHER, CommitFlags::DISCARD), Err(Error::NothingMounted));
    }
}

#[test]
fn n4_an_image_stays_mounted_until_it_is_unmounted() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
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
        dism.unmount_image(IMAGE, CommitFlags::DISCARD).unwrap();
        assert_eq!(dism.mounted_images(), Ok(mounts[1..].to_vec()));
        let replayed = emulator.journal().replay().unwrap();
        assert_eq!(replayed.mounted(), &mounts[1..]);
    }
}

#[test]
fn n4_a_mount_that_is_refused_mounts_nothing() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
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
fn n4_nothing_is_mounted_at_the_online_image() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        for path in [DISM_ONLINE_IMAGE.to_owned(), DISM_ONLINE_IMAGE.to_lowercase() + "/"] {
            let mounted = dism.mount_image(MountImage::new(path, "install.wim"));
            assert_eq!(mounted.map_err(|it| it.code()), Err(Hresult::E_INVALIDARG));
        }
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        // P1.
        let committed = dism.perform(session, Function::CommitImage);
        assert_eq!(committed, Err(InvalidArgument::NotMounted { session }.into()));
    }
}

#[test]
fn e2_mounting_that_fails_sets_the_last_error() {
    let dism = up(Contract::Documented).dism();
    dism.unmount_image(IMAGE, CommitFlags::DISCARD).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_0007);
    let _session = dism.open_session(IMAGE).unwrap();
    dism.remount_image(IMAGE).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_000C);
    dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap_err();
    assert_eq!(dism.last_error().unwrap().unwrap().number(), 0xC004_000B);
}

/// A NULL pointer of C only makes the call fail. That the API is not initialized is checked first.
#[test]
fn n1_a_call_without_its_argument_fails() {
    for contract in Contract::ALL {
        let mut config = Config::default();
        config.contract = contract;
        let mut machine = Machine::new(config);
        let thread = ThreadNumber::new(1);
        let call = Call::CallWithoutArgument { function: Function::MountImage };
        assert_eq!(machine.apply(thread, &call), Err(Error::NotInitialized));
        machine.apply(thread, &Call::Initialize(Initialize::new())).unwrap();
        let missing = InvalidArgument::Missing { function: Function::MountImage };
        assert_eq!(machine.apply(thread, &call), Err(missing.into()));
        let last = Ok(Effect::LastError(Hresult::E_INVALIDARG));
        assert_eq!(machine.apply(thread, &Call::GetLastErrorMessage), last);
        // E2: the function that reads it does not set it.
        let (path, flags) = (ImagePath::new(IMAGE), CommitFlags::DISCARD);
        machine.apply(thread, &Call::UnmountImage { path, flags }).unwrap_err();
        let call = Call::CallWithoutArgument { function: Function::GetLastErrorMessage };
        machine.apply(thread, &call).unwrap_err();
        let last = Ok(Effect::LastError(Hresult::new(0xC004_0007)));
        assert_eq!(machine.apply(thread, &Call::GetLastErrorMessage), last);
    }
}

#[test]
fn n1_a_function_without_a_session_needs_an_initialized_api() {
    for contract in Contract::ALL {
        for function in WITHOUT_SESSION {
            let dism = unverified().contract(contract).build().dism();
            let call = || call(&dism, function, Session::DEFAULT, Memory::NULL);
            assert_eq!(call(), Err(Error::NotInitialized), "{function}");
            // E2.
            let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
            assert_eq!(dism.last_error(), Ok(Some(code)), "{function}");
            dism.initialize().unwrap();
            assert_eq!(call(), Ok(Hresult::S_OK), "{function}");
            dism.shutdown().unwrap();
            assert_eq!(call(), Err(Error::NotInitialized), "{function}");
        }
    }
}

/// That the API is not initialized is checked first.
#[test]
fn n1_image_info_of_an_empty_path_fails() {
    let dism = unverified().build().dism();
    assert_eq!(dism.image_info(""), Err(Error::NotInitialized));
    dism.initialize().unwrap();
    assert_eq!(dism.image_info(""), Err(InvalidArgument::EmptyPath.into()));
    assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
}

#[test]
fn n4_a_mount_onto_a_mount_fails() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mount = MountImage::new(IMAGE, "install.wim");
        dism.mount_image(mount.clone()).unwrap();
        for file in ["install.wim", "other.wim"] {
            let again = MountImage::new("c:/MOUNT/", file).read_only();
            let refused = dism.mount_image(again).unwrap_err();
            assert_eq!(refused, Error::AlreadyMounted);
            assert_eq!(refused.code().number(), 0xC142_0113);
            assert_eq!(dism.last_error(), Ok(Some(refused.code())));
        }
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
        replays(&emulator);
    }
}

/// The rules of a mount, and a call that fails for each reason from one on.
#[test]
fn n4_the_order_in_which_a_mount_is_refused() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        let unknown = MountFlags::from_bits_retain(0x10);
        let code = |mount: MountImage| dism.mount_image(mount).unwrap_err().code().number();
        let bad = |path: &str, file: &str| MountImage::new(path, file).index(0).flags(unknown);
        assert_eq!(code(bad("", "")), 0xC004_0001); // N1
        dism.initialize().unwrap();
        dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        emulator.script(Rule::on(Function::MountImage).fail(BUSY)).keep();
        let empty = Err(InvalidArgument::EmptyPath.into());
        assert_eq!(dism.mount_image(bad("", "install.wim")), empty);
        assert_eq!(dism.mount_image(bad(IMAGE, "")), empty);
        let online = Err(InvalidArgument::OnlineMount.into());
        assert_eq!(dism.mount_image(bad(DISM_ONLINE_IMAGE, "install.wim")), online);
        let refused = dism.mount_image(bad(IMAGE, "install.wim"));
        assert_eq!(refused, Err(InvalidArgument::UnknownFlags { flags: 0x10 }.into())); // N5
        let mount = |path: &str| MountImage::new(path, "install.wim");
        assert_eq!(code(mount(IMAGE).index(0)), 0xC004_000B); // N2
        dism.close_session(session).unwrap();
        assert_eq!(code(mount(IMAGE).index(0)), 0xC142_0113); // N4
        assert_eq!(code(mount(OTHER).index(0)), 0xC004_0005);
        assert_eq!(code(mount(OTHER).name("")), 0xC004_0006);
        assert_eq!(code(mount(OTHER)), 0xC142_0127); // N7
        assert_eq!(code(mount(OTHER).read_only()), BUSY.number());
        replays(&emulator);
    }
}

#[test]
fn n4_the_order_in_which_an_unmount_is_refused() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        let unknown = CommitFlags::from_bits_retain(2);
        let code = |path: &str, flags| dism.unmount_image(path, flags).unwrap_err().code().number();
        assert_eq!(code("", unknown), 0xC004_0001); // N1
        dism.initialize().unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        dism.mount_image(MountImage::new(OTHER, "install.wim").read_only()).unwrap();
        emulator.script(Rule::on(Function::UnmountImage).fail(BUSY)).keep();
        let empty = Err(InvalidArgument::EmptyPath.into());
        assert_eq!(dism.unmount_image("", unknown), empty);
        let refused = dism.unmount_image(IMAGE, unknown);
        assert_eq!(refused, Err(InvalidArgument::UnknownFlags { flags: 2 }.into())); // N5
        assert_eq!(code(IMAGE, CommitFlags::COMMIT), 0xC004_000A); // N2
        dism.close_session(session).unwrap();
        assert_eq!(code(IMAGE, CommitFlags::COMMIT), 0xC004_0007); // N3
        assert_eq!(code(OTHER, CommitFlags::COMMIT), 0xC142_010C); // N6
        assert_eq!(code(OTHER, CommitFlags::DISCARD), BUSY.number());
        replays(&emulator);
    }
}

#[test]
fn n4_the_order_in_which_a_commit_is_refused() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        dism.mount_image(MountImage::new(IMAGE, "install.wim").read_only()).unwrap();
        let [session, unmounted] = [IMAGE, OTHER].map(|path| dism.open_session(path).unwrap());
        let commit = |session, flags: u32| {
            let flags = CommitFlags::from_bits_retain(flags);
            dism.perform(session, Function::CommitImage.with_flags(flags))
        };
        let operations = [session, unmounted]
            .map(|session| dism.operation(session, Function::GetFeatures).unwrap());
        // P1.
        let refused = Err(InvalidArgument::NotMounted { session: unmounted }.into());
        assert_eq!(commit(unmounted, 2), refused);
        assert_eq!(commit(session, 2), Err(Error::PossibleDeadlock { session })); // P3
        drop(operations);
        assert_eq!(commit(session, 2), Err(InvalidArgument::UnknownFlags { flags: 2 }.into())); // N5
        assert_eq!(commit(session, 0), Err(Error::MountedReadOnly)); // N6
        assert_eq!(commit(session, 1), Ok(Hresult::S_OK));
    }
}

#[test]
fn n4_an_unmount_that_fails_leaves_the_mount_and_its_file_in_use() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mount = MountImage::new(IMAGE, "install.wim");
        dism.mount_image(mount.clone()).unwrap();
        let code = Hresult::WIMMOUNT_FILES_OPEN;
        assert_eq!(code.number(), 0xC142_0117);
        let _files_open = emulator.script(Rule::on(Function::UnmountImage).times(1).fail(code));
        let unmount = || dism.unmount_image(IMAGE, CommitFlags::COMMIT);
        assert_eq!(unmount(), Err(Error::Failed { code }));
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
        let elsewhere = || dism.mount_image(MountImage::new(OTHER, "install.wim"));
        assert_eq!(elsewhere(), Err(Error::FileInUse));
        assert_eq!(unmount(), Ok(Hresult::S_OK));
        assert_eq!(elsewhere(), Ok(Hresult::S_OK));
    }
}

#[test]
fn n5_a_mount_takes_the_flags_of_the_header() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        for bits in 0..=0xF {
            let flags = MountFlags::from_bits(bits).unwrap();
            let mount = MountImage::new(IMAGE, "install.wim").flags(flags);
            assert_eq!(dism.mount_image(mount.clone()), Ok(Hresult::S_OK), "{bits:#x}");
            assert_eq!(dism.mounted_images(), Ok(vec![mount]));
            dism.unmount_image(IMAGE, CommitFlags::DISCARD).unwrap();
        }
        for bit in 4..32 {
            let flags = MountFlags::from_bits_retain(1 << bit | 1);
            let mount = MountImage::new(IMAGE, "install.wim").flags(flags);
            let refused = dism.mount_image(mount).unwrap_err();
            assert_eq!(refused.code(), Hresult::E_INVALIDARG, "{bit}");
            assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        }
    }
}

#[test]
fn n5_an_unmount_and_a_commit_take_the_flags_of_the_header() {
    const KNOWN: u32 = 0x7_0001;
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let mount = || dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
        let commit = |flags: CommitFlags| {
            let session = dism.open_session(IMAGE).unwrap();
            let committed = dism.perform(session, Function::CommitImage.with_flags(flags));
            dism.close_session(session).unwrap();
            committed.map_err(|it| it.code())
        };
        let unmount = |flags| dism.unmount_image(IMAGE, flags).map_err(|it| it.code());
        for flags in [0, 1, 0x1_0000, 0x2_0000, 0x4_0000, KNOWN].map(CommitFlags::from_bits_retain)
        {
            mount();
            assert_eq!(commit(flags), Ok(Hresult::S_OK), "{flags}");
            assert_eq!(unmount(flags), Ok(Hresult::S_OK), "{flags}");
        }
        mount();
        for bit in (0..32).map(|bit| 1_u32 << bit).filter(|bit| bit & KNOWN == 0) {
            // Discarding makes no flag known.
            for flags in [bit, bit | 1].map(CommitFlags::from_bits_retain) {
                assert_eq!(commit(flags), Err(Hresult::E_INVALIDARG), "{flags}");
                assert_eq!(unmount(flags), Err(Hresult::E_INVALIDARG), "{flags}");
            }
        }
        assert_eq!(dism.mounted_images().unwrap().len(), 1);
    }
}

#[test]
fn n6_a_commit_of_an_image_that_is_mounted_for_reading_fails() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mount = MountImage::new(IMAGE, "install.wim").read_only();
        dism.mount_image(mount.clone()).unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        let commit =
            |flags: CommitFlags| dism.perform(session, Function::CommitImage.with_flags(flags));
        let commits = [CommitFlags::COMMIT, CommitFlags::APPEND];
        let discards = [CommitFlags::DISCARD, CommitFlags::DISCARD | CommitFlags::APPEND];
        assert_eq!(commits.map(commit), [Err(Error::MountedReadOnly); 2]);
        assert_eq!(Error::MountedReadOnly.code().number(), 0xC142_010C);
        assert_eq!(discards.map(commit), [Ok(Hresult::S_OK); 2]);
        dism.close_session(session).unwrap();
        let unmount = |flags: CommitFlags| dism.unmount_image(IMAGE, flags);
        assert_eq!(commits.map(unmount), [Err(Error::MountedReadOnly); 2]);
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
        assert_eq!(unmount(discards[1]), Ok(Hresult::S_OK));
        replays(&emulator);
    }
}

#[test]
fn n7_a_file_is_mounted_for_writing_once() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let mount = |path: &str| MountImage::new(path, r"D:\install.wim").index(2);
        dism.mount_image(mount(IMAGE)).unwrap();
        let in_use = Err(Error::FileInUse);
        assert_eq!(Error::FileInUse.code().number(), 0xC142_0127);
        assert_eq!(dism.mount_image(mount(OTHER)), in_use);
        // Whichever image of the file it is, and however the file is spelled.
        assert_eq!(dism.mount_image(MountImage::new(OTHER, "d:/INSTALL.wim").name("Pro")), in_use);
        assert_eq!(dism.mount_image(mount(OTHER).read_only()), Ok(Hresult::S_OK));
        assert_eq!(dism.mount_image(mount(r"E:\third").read_only()), Ok(Hresult::S_OK));
        // What is mounted for reading is in nobody's way.
        dism.unmount_image(IMAGE, CommitFlags::COMMIT).unwrap();
        assert_eq!(dism.mount_image(mount(IMAGE)), Ok(Hresult::S_OK));
        dism.unmount_image(OTHER, CommitFlags::DISCARD).unwrap();
        assert_eq!(dism.mount_image(mount(OTHER)), in_use);
        assert_eq!(dism.mount_image(MountImage::new(OTHER, "boot.wim")), Ok(Hresult::S_OK));
        replays(&emulator);
    }
}

#[test]
fn n8_the_journal_says_whether_an_unmount_or_a_commit_discards() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let flags = [CommitFlags::COMMIT, CommitFlags::DISCARD | CommitFlags::APPEND];
        for flags in flags {
            let _ = dism.unmount_image(IMAGE, flags);
            let _ = dism.perform(session, Function::CommitImage.with_flags(flags));
        }
        dism.perform(session, Function::GetFeatures).unwrap();
        let journal = emulator.journal();
        let seen: Vec<_> = journal.steps().iter().filter_map(|it| it.call.commit_flags()).collect();
        assert_eq!(seen, [flags[0], flags[0], flags[1], flags[1]]);
        let text = journal.to_string();
        for shown in [
            r#" unmount "C:\mount" COMMIT -> "#,
            " begin DismCommitImage COMMIT on session 2 -> ",
            r#" unmount "C:\mount" DISCARD | APPEND -> "#,
            " begin DismCommitImage DISCARD | APPEND on session 2 -> ",
        ] {
            assert!(text.contains(shown), "{shown}\n{text}");
        }
    }
}

#[test]
fn n8_a_rule_can_ask_whether_an_unmount_or_a_commit_discards() {
    for contract in Contract::ALL {
        for discards in [true, false] {
            let emulator = up(contract);
            let dism = emulator.dism();
            let rule = |function| {
                let rule = Rule::on(function).fail(BUSY);
                emulator.script(if discards { rule.discarding() } else { rule.committing() })
            };
            let rules = [Function::UnmountImage, Function::CommitImage].map(rule);
            for flags in [CommitFlags::COMMIT, CommitFlags::APPEND, CommitFlags::DISCARD] {
                dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
                let session = dism.open_session(IMAGE).unwrap();
                let committed = dism.perform(session, Function::CommitImage.with_flags(flags));
                dism.close_session(session).unwrap();
                let unmounted = dism.unmount_image(IMAGE, flags);
                let expected = if flags.discards() == discards {
                    dism.unmount_image(IMAGE, flags ^ CommitFlags::DISCARD).unwrap();
                    Err(Error::Failed { code: BUSY })
                } else {
                    Ok(Hresult::S_OK)
                };
                assert_eq!([committed, unmounted], [expected; 2], "{flags}");
            }
            let times = if discards { 1 } else { 2 };
            assert_eq!(rules.map(|rule| rule.fired()), [times; 2]);
        }
    }
}

/// A rule that asks for it matches no call that neither commits nor discards.
#[test]
fn n8_only_an_unmount_and_a_commit_discard() {
    for discards in [true, false] {
        let emulator = up(Contract::Documented);
        let rule = Rule::on_any_operation().optional().fail(BUSY);
        let rule = emulator.script(if discards { rule.discarding() } else { rule.committing() });
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.perform(session, Function::AddPackage), Ok(Hresult::S_OK));
        assert_eq!(rule.fired(), 0);
    }
}
