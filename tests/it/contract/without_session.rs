//! Functions without a session: rules N1 to N4.

use dism_emu::{
    Call, Config, Contract, Effect, Emulator, Error, Function, Hresult, ImagePath, InvalidArgument,
    Machine, MountImage, State, ThreadId,
};

use super::{down, while_closing};
use crate::methods::without_session;
use crate::support::{CONTRACTS, IMAGE, OTHER, unverified, up};

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
fn n1_a_function_without_a_session_needs_an_initialized_api() {
    assert_eq!(without_session().count(), 3);
    for contract in CONTRACTS {
        for function in without_session() {
            let dism = unverified().contract(contract).build();
            assert_eq!(dism.call(function), Err(Error::NotInitialized), "{function}");
            // E2.
            let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
            assert_eq!(dism.last_error(), Ok(Some(code)), "{function}");
            dism.initialize().unwrap();
            assert_eq!(dism.call(function), Ok(Hresult::S_OK), "{function}");
            dism.shutdown().unwrap();
            assert_eq!(dism.call(function), Err(Error::NotInitialized), "{function}");
        }
    }
}

#[test]
fn a_function_that_has_a_method_of_its_own_is_not_called_without_a_session() {
    for &function in Function::ALL.iter().filter(|it| !it.is_without_session()) {
        let dism = up(Contract::Documented);
        let refused = Error::InvalidArgument(InvalidArgument::TakesSession { function });
        assert_eq!(dism.call(function), Err(refused));
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 }, "{function}");
    }
}
