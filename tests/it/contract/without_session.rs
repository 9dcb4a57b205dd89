//! Functions without a session: rules N1 to N4.

use dism_emu::machine::{Call, Config, Effect, Machine};
use dism_emu::{
    CommitFlags, Contract, Dism, Error, Function, Hresult, ImagePath, Initialize, InvalidArgument,
    Memory, MountImage, Session, ThreadNumber,
};

use super::{down, while_closing};
use crate::methods::{WITHOUT_SESSION, call};
use crate::support::{IMAGE, OTHER, unverified, up};

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
