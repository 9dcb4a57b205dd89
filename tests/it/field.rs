//! Programs from the field: what people have met who use the API, and what each call returned.

use std::ops::ControlFlow;

use dism_emu::machine::State;
use dism_emu::{
    CommitFlags, Contract, DISM_ONLINE_IMAGE, Dism, Emulator, Error, Function, Hresult, Initialize,
    MountImage, Rule,
};

use crate::support::{IMAGE, OTHER, up};

/// Returns a process whose client makes no mistake: its drop says so.
fn verified(contract: Contract) -> Emulator {
    Emulator::builder().contract(contract).build()
}

fn mount(dism: &Dism, path: &str, index: u32) -> Result<Hresult, u32> {
    let mount = MountImage::new(path, r"D:\sources\boot.wim").index(index);
    dism.mount_image(mount).map_err(|it| it.code().number())
}

#[test]
fn a_wrapper_passes_the_mask_in_place_of_the_flag() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        mount(&dism, IMAGE, 1).unwrap();
        let mask = CommitFlags::from_bits_retain(0xFFFF_0000);
        let refused = dism.unmount_image(IMAGE, mask).unwrap_err();
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
        assert_eq!(dism.mounted_images().unwrap().len(), 1);
    }
}

#[test]
fn a_tool_mounts_a_file_that_its_last_run_has_left_mounted() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        mount(&dism, IMAGE, 2).unwrap();
        dism.shutdown().unwrap();
        dism.initialize().unwrap();
        for index in [2, 1] {
            assert_eq!(mount(&dism, OTHER, index), Err(0xC142_0127));
        }
        let beside = MountImage::new(OTHER, r"D:\sources\boot.wim").read_only();
        assert_eq!(dism.mount_image(beside), Ok(Hresult::S_OK));
    }
}

#[test]
fn a_tool_unmounts_what_its_last_run_has_left_mounted() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        dism.initialize().unwrap();
        mount(&dism, IMAGE, 2).unwrap();
        dism.shutdown().unwrap();

        dism.initialize().unwrap();
        assert_eq!(mount(&dism, OTHER, 2), Err(0xC142_0127));
        for left in dism.mounted_images().unwrap() {
            if left.file().to_string_lossy().ends_with("boot.wim") {
                dism.unmount_image(left.path(), CommitFlags::DISCARD).unwrap();
            }
        }
        assert_eq!(mount(&dism, OTHER, 2), Ok(Hresult::S_OK));
        dism.shutdown().unwrap();
    }
}

#[test]
fn a_tool_mounts_at_a_folder_with_a_mount() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        mount(&dism, IMAGE, 1).unwrap();
        assert_eq!(mount(&dism, IMAGE, 1), Err(0xC142_0113));
    }
}

#[test]
fn a_second_part_of_a_program_initializes_with_a_log_of_its_own() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let second = Initialize::new().log_level(2).log_file("b.log").scratch_directory("b");
        let code = dism.initialize_with(second).unwrap_or_else(|it| it.code()).number();
        assert_eq!(code, if contract == Contract::Recorded { 1 } else { 0x8007_04DF });
        let journal = emulator.journal().to_string();
        let shown = r#" initialize log level 2 log file "b.log" scratch directory "b" -> "#;
        assert!(journal.contains(shown), "{journal}");
    }
}

#[test]
fn an_operation_is_cancelled_in_time_or_too_late() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        let cancel = || {
            let operation = dism.operation(session, Function::AddPackage).unwrap();
            let cancelled = operation.run(|_| ControlFlow::Break(()));
            cancelled.unwrap_or_else(|it| it.code()).number()
        };
        assert_eq!(cancel(), 0x8007_04D3);
        let rule = || Rule::on(Function::AddPackage);
        let other_code = emulator.script(rule().cancelled_with(0x8007_04C7));
        assert_eq!(cancel(), 0x8007_04C7);
        drop(other_code);
        let _too_late = emulator.script(rule().cancellable_until(0));
        assert_eq!(cancel(), 0);
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
    }
}

#[test]
fn the_third_initialize_works() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        let _fails = emulator.script(Rule::on(Function::Initialize).times(2).fail(0x8000_4005));
        let codes = [(); 3].map(|()| dism.initialize().unwrap_or_else(|it| it.code()).number());
        assert_eq!(codes, [0x8000_4005, 0x8000_4005, 0]);
        dism.shutdown().unwrap();
    }
}

/// The client goes on and works, as the one in the field does.
#[test]
fn the_folder_of_the_log_is_missing_and_the_api_is_up() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        let code = Hresult::DISMAPI_E_LOGGING_DISABLED;
        let _no_log = emulator.script(Rule::on(Function::Initialize).fail_in_effect(code));
        assert_eq!(dism.initialize(), Err(Error::Failed { code }));
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        dism.perform(session, Function::GetFeatures).unwrap();
        dism.close_session(session).unwrap();
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        assert_eq!(emulator.state(), State::Down);
    }
}

#[test]
fn the_host_of_an_offline_image_does_not_come_up() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let no_host = Rule::on(Function::OpenSession).nth(1).fail(0x8004_0154);
        let _no_host = emulator.script(no_host);
        let code = || dism.open_session(IMAGE).map_err(|it| it.code().number());
        assert_eq!(code(), Err(0x8004_0154));
        // Another image opens, with the number behind.
        let other = dism.open_session(OTHER).unwrap();
        assert_eq!(other.raw(), 3);
        dism.close_session(other).unwrap();
        for _ in 0..3 {
            dism.shutdown().unwrap();
            dism.initialize().unwrap();
            assert_eq!(code(), Err(0x8007_00B7));
        }
        dism.shutdown().unwrap();
    }
}

#[test]
fn three_features_ask_for_a_reboot() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
        let _reboot = emulator.script(Rule::on(Function::EnableFeature).answer(reboot));
        for name in ["Telnet", "TFTP", "NetFx3"] {
            let operation = dism.operation(session, Function::EnableFeature.named(name)).unwrap();
            assert_eq!(operation.run(|_| ControlFlow::Continue(())), Ok(reboot));
        }
        assert_eq!(dism.close_session(session), Ok(reboot));
        dism.shutdown().unwrap();
    }
}

#[test]
fn twelve_threads_remove_twelve_packages() {
    for contract in Contract::ALL {
        let emulator = verified(contract);
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        std::thread::scope(|scope| {
            for number in 0..12 {
                let dism = &dism;
                scope.spawn(move || {
                    let package = format!("package{number}.cab");
                    let removed = dism.perform(session, Function::RemovePackage.named(&package));
                    assert_eq!(removed, Ok(Hresult::S_OK));
                });
            }
        });
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
    }
}
