//! Fault sweeps of a client that calls the C functions.

use std::cell::Cell;
use std::env;
use std::ffi::c_void;
use std::process::Command;

use dism_emu::{Contract, FaultSweep, Function, Hresult, Mistake};

use crate::c::{call, close, initialize, process, shutdown, try_open};
use crate::exports::Given;
use crate::support::{IMAGE, line_of_panic};

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

/// If the initialize fails, tries to shut down so often, which never succeeds. Returns the last code.
fn insist(times: u32) -> Hresult {
    let initialized = initialize();
    if initialized.is_success() {
        return shutdown();
    }
    (0..times).fold(initialized, |_, _| shutdown())
}

#[test]
fn a_client_that_does_not_end_is_cut_off() {
    let last = Cell::new(Hresult::S_OK);
    let sweep = FaultSweep::new().through_c().max_steps(50).only(1, [(1, 0x8007_0005)]);
    let report = sweep.run(|_| last.set(insist(60))).unwrap_err();
    let text = report.to_string();
    assert!(text.contains("fails with 0x80070005:\n    did not end, and was cut off"), "{text}");
    assert!(report.failed().all(|run| run.journal().steps().len() == 50));
    assert_eq!(last.get(), Hresult::E_UNEXPECTED);
}

/// Set in the program that ends.
const INNER: &str = "DISM_EMU_TEST_SWEEP";

/// No panic ends it, and a thread cannot be stopped from outside.
#[test]
fn a_client_that_goes_on_after_it_was_cut_off_ends_the_program() {
    if env::var_os(INNER).is_some() {
        // It ends some time, so that this test fails and does not hang.
        let _ = FaultSweep::new().through_c().max_steps(50).run(|_| insist(1_000));
        return;
    }
    let mut program = Command::new(env::current_exe().unwrap());
    let test = "sweep::a_client_that_goes_on_after_it_was_cut_off_ends_the_program";
    let ended = program.args([test, "--exact"]).env(INNER, "1").output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("`.only(1, [(1, 0x80070005)])`, under the contract Documented"),
        "{said}"
    );
}

#[test]
fn a_sweep_beside_a_process_of_the_same_thread_is_refused_at_its_line() {
    let _process = process(Contract::Documented);
    let sweep = FaultSweep::new().through_c();
    let line = line_of_panic(|| sweep.assert(|_| client(false))) - line!();
    assert_eq!(line, 0);
}
