//! The tool's structure, filled with the crate's own functions: no library is loaded.

use std::ffi::c_void;

use dism_emu::capi::Process;
use dism_emu::capi::ffi::{
    DismCloseSession, DismDelete, DismGetPackages, DismInitialize, DismOpenSession, DismShutdown,
};
use dism_emu::{Contract, Emulator, Function, Hold, Hresult, Mistake, Rule};
use libloading_client::DismApi;

/// The functions of the process that a test has started.
fn emulated() -> DismApi {
    /// The tool has a type of its own for the structures, as most programs have.
    unsafe extern "system" fn get_packages(
        session: u32,
        packages: *mut *mut c_void,
        count: *mut u32,
    ) -> i32 {
        // SAFETY: guaranteed by the caller; the structures only have another name.
        unsafe { DismGetPackages(session, packages.cast(), count) }
    }
    DismApi {
        initialize: DismInitialize,
        shutdown: DismShutdown,
        open_session: DismOpenSession,
        close_session: DismCloseSession,
        get_packages,
        delete: DismDelete,
        library: None,
    }
}

#[test]
fn an_empty_image_has_no_packages() {
    for contract in Contract::ALL {
        let _process = Process::start(Emulator::builder().contract(contract));
        assert_eq!(emulated().count_packages(), Ok(0));
    }
}

#[test]
fn a_failing_list_leaves_nothing_open() {
    let process = Process::start(Emulator::builder());
    let busy = Rule::on(Function::GetPackages).fail(Hresult::DISMAPI_E_BUSY);
    let _busy = process.emulator().script(busy);
    assert_eq!(emulated().count_packages(), Err(0x800F_0902_u32 as i32));
    process.emulator().verify().unwrap();
}

#[test]
fn a_second_tool_in_the_process_is_refused_while_the_first_is_at_work() {
    // I3
    let process = Process::start(Emulator::builder());
    let hold = process.emulator().hold(Hold::performing(Function::GetPackages));
    let first = std::thread::spawn(|| emulated().count_packages());
    hold.wait();
    assert_eq!(emulated().count_packages(), Err(0x8007_04DF_u32 as i32));
    hold.release();
    assert_eq!(first.join().unwrap(), Ok(0));
}

#[test]
fn a_shutdown_that_is_missing_is_named() {
    let process = Process::start(Emulator::builder());
    // SAFETY: NULL is allowed for both paths.
    let code = unsafe { (emulated().initialize)(1, std::ptr::null(), std::ptr::null()) };
    assert_eq!(code, 0);
    let report = process.emulator().verify().unwrap_err();
    assert!(report.has(Mistake::NeverShutDown), "{report}");
}
