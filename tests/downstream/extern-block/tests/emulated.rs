//! The tool as it is, in an emulated process for each test.

use std::ptr::null;
use std::thread;

use dism_emu::capi::Process;
use dism_emu::{Contract, Emulator, Error, Function, Hold, Hresult, Mistake, Progress, Rule};
use extern_block::{dism, enable_feature};

#[test]
fn the_tool_enables_a_feature_under_both_contracts() {
    for contract in Contract::ALL {
        let process = Process::start(Emulator::builder().contract(contract));
        let mut seen = Vec::new();
        let needs_restart = enable_feature("NetFx3", |current, _| seen.push(current));
        assert_eq!(needs_restart, Ok(false));
        assert_eq!(seen, [0, 25, 50, 75, 100]);
        // What the tool called went to this process, and to no other.
        let enabled = process.emulator().journal().to_string();
        assert!(enabled.contains("DismEnableFeature"), "{enabled}");
    }
}

#[test]
fn a_feature_that_is_unknown_leaves_nothing_open() {
    let process = Process::start(Emulator::builder());
    let unknown = Rule::on(Function::EnableFeature)
        .progress([Progress::new(0, 100)])
        .fail(Hresult::DISMAPI_E_UNKNOWN_FEATURE);
    let _unknown = process.emulator().script(unknown);

    let failed = enable_feature("NoSuchFeature", |_, _| {}).unwrap_err();
    assert_eq!((failed.function, failed.code as u32), ("DismEnableFeature", 0x800F_080C));
    process.emulator().verify().unwrap();
}

#[test]
fn a_close_that_asks_for_a_restart_is_no_failure() {
    // C6
    let process = Process::start(Emulator::builder());
    let restart = Rule::on(Function::CloseSession).answer(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED);
    let _restart = process.emulator().script(restart);
    assert_eq!(enable_feature("NetFx3", |_, _| {}), Ok(true));
}

#[test]
fn without_elevation_nothing_is_opened() {
    // I2
    let _process = Process::start(Emulator::builder().elevated(false));
    let failed = enable_feature("NetFx3", |_, _| {}).unwrap_err();
    assert_eq!((failed.function, failed.code as u32), ("DismInitialize", 0x8007_02E4));
}

#[test]
fn a_shutdown_while_the_tool_closes_its_session_is_refused() {
    // S2
    let process = Process::start(Emulator::builder());
    let hold = process.emulator().hold(Hold::closing());
    let tool = thread::spawn(|| enable_feature("NetFx3", |_, _| {}));
    hold.wait();
    assert_eq!(process.emulator().dism().shutdown(), Err(Error::OpenSessionHandles));
    hold.release();
    assert_eq!(tool.join().unwrap(), Ok(false));
}

#[test]
fn a_handle_that_is_closed_twice_is_named() {
    let process = Process::start(Emulator::builder());
    let (image, mut session) = (dism::wide(dism::ONLINE_IMAGE), 0);
    // SAFETY: every NULL is allowed, the text has its 0, and the number has a variable.
    unsafe {
        assert_eq!(dism::DismInitialize(0, null(), null()), 0);
        assert_eq!(dism::DismOpenSession(image.as_ptr(), null(), null(), &mut session), 0);
        assert_eq!(dism::DismCloseSession(session), 0);
        assert_eq!(dism::DismCloseSession(session) as u32, 0xC004_0004);
        assert_eq!(dism::DismShutdown(), 0);
    }
    let report = process.emulator().verify().unwrap_err();
    assert!(report.has(Mistake::CloseTwice), "{report}");
}
