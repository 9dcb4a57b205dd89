//! Fault sweeps of a client that calls the C functions.

use std::ffi::c_void;

use dism_emu::{Contract, FaultSweep, Function, Mistake};

use crate::c::{call, close, initialize, shutdown, try_open};
use crate::exports::Given;
use crate::support::IMAGE;

/// Opens and closes a session. With the mistake it leaves if the open fails.
fn client(leaves: bool) {
    if initialize().is_failure() {
        return;
    }
    match try_open(IMAGE) {
        Ok(session) => drop(close(session)),
        Err(_) if leaves => return,
        Err(_) => {}
    }
    shutdown();
}

#[test]
fn every_c_function_fails_once() {
    let sweep = FaultSweep::new().through_c();
    let report = sweep.run(|_| client(false)).unwrap();
    assert_eq!(report.runs(), Contract::ALL.len() * (1 + 4 + 1));
    let report = sweep.run(|_| client(true)).unwrap_err();
    assert_eq!(report.failed().count(), Contract::ALL.len());
    assert!(report.failed().all(|run| run.has(Mistake::LeftAfterFailedOpen)), "{report}");
}

/// The callback makes calls of its own, so the mount is not the next step after its first report.
#[test]
fn the_report_names_a_mount_whose_callback_makes_calls() {
    unsafe extern "system" fn list(_current: u32, _total: u32, _user: *mut c_void) {
        call(Function::GetMountedImageInfo, &Given::new(0, ""));
    }
    let client = || {
        if initialize().is_failure() {
            return;
        }
        let given = Given { progress: Some(list), ..Given::new(0, IMAGE) };
        if call(Function::MountImage, &given).is_success() {
            call(Function::UnmountImage, &Given::new(0, IMAGE));
            shutdown();
        }
    };
    let sweep = FaultSweep::new().through_c();
    let text = sweep.run(|_| client()).unwrap_err().to_string();
    assert!(text.contains("when call 2, mount "), "{text}");
}
