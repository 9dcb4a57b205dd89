//! The guard by which a test has a process of its own, and the process without a guard.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::{env, ptr, thread};

use dism_emu::capi::Process;
use dism_emu::capi::ffi::DismGetMountedImageInfo;
use dism_emu::machine::State;
use dism_emu::{Builder, Contract, Emulator, Error, Function, Hold, Hresult, MountImage, Remark};

use crate::c::{close, initialize, open, process, shutdown, takes_its_turn, up};
use crate::races::at_once;
use crate::support::{IMAGE, failing, unverified};

#[test]
fn tests_with_a_process_of_their_own_take_turns() {
    let inside = Arc::new(AtomicUsize::new(0));
    at_once(4, move || (0..50).for_each(|_| takes_its_turn(&inside)));
}

#[test]
fn threads_that_the_code_under_test_starts_are_in_its_process() {
    let process = up(Contract::Documented);
    let session = thread::spawn(|| open(IMAGE)).join().unwrap();
    assert_eq!(process.emulator().state(), State::Up { count: 1, open_sessions: 1 });
    assert_eq!(close(session), Hresult::S_OK);
    assert_eq!(shutdown(), Hresult::S_OK);
}

/// A test that leaves a session open.
fn test(builder: Builder) {
    let _process = Process::start(builder);
    assert_eq!(initialize(), Hresult::S_OK);
    open(IMAGE);
}

#[test]
fn the_end_of_a_process_verifies_it() {
    let report = failing(|| test(Emulator::builder()));
    assert!(report.contains("session 2"), "{report}");
    test(unverified());
    // The next test has its turn, and a fresh process.
    let process = process(Contract::Documented);
    assert_eq!(process.emulator().state(), State::Down);
}

/// A thread that is still in a call has a handle, too. The end of the test counts, not that of the
/// call.
#[test]
fn the_end_of_a_process_verifies_it_though_a_handle_is_left() {
    let process = Process::start(Emulator::builder());
    let kept = process.emulator().dism();
    assert_eq!(initialize(), Hresult::S_OK);
    open(IMAGE);
    let report = failing(|| drop(process));
    assert!(report.contains("session 2"), "{report}");
    assert!(report.contains("1 handle to the emulator is still alive"), "{report}");
    assert_eq!(kept.shutdown(), Err(Error::OpenSessionHandles), "it is answered as ever");
}

/// Threads that are in a call may go on after the test.
#[test]
fn threads_that_are_in_a_c_function_are_handles_that_are_left() {
    let process = Process::start(Emulator::builder());
    assert_eq!(initialize(), Hresult::S_OK);
    let holds: Vec<_> =
        (0..2).map(|_| process.emulator().hold(Hold::returning(Function::CloseSession))).collect();
    let session = open(IMAGE);
    let threads: Vec<_> = holds
        .iter()
        .map(|hold| {
            let thread = thread::spawn(move || close(session));
            hold.wait();
            thread
        })
        .collect();
    assert_eq!(shutdown(), Hresult::S_OK);
    let (Ok(report) | Err(report)) = process.emulator().verify();
    let left = |remark: &Remark| matches!(remark, Remark::HandlesLeft { handles: 2, .. });
    assert!(report.remarks().iter().any(left), "{report}");
    drop(holds);
    assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
    let (Ok(report) | Err(report)) = process.emulator().verify();
    assert_eq!(report.remarks(), []);
}

/// X2: what a call returns can be read, though its process has ended meanwhile.
#[test]
fn x2_memory_of_a_call_that_outlives_its_process_can_be_read() {
    let process = Process::start(unverified());
    assert_eq!(initialize(), Hresult::S_OK);
    process.emulator().dism().mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
    let hold = process.emulator().hold(Hold::returning(Function::GetMountedImageInfo));
    let reader = thread::spawn(|| {
        let (mut info, mut count) = (ptr::null_mut(), 0);
        // SAFETY: both can be written to, and the emulator has just returned the text.
        unsafe {
            assert_eq!(DismGetMountedImageInfo(&mut info, &mut count), 0);
            assert_eq!(count, 1);
            let path = (*info).MountPath;
            (0..).map(|at| *path.add(at)).take_while(|unit| *unit != 0).collect::<Vec<u16>>()
        }
    });
    hold.wait();
    drop(process);
    drop(hold);
    assert_eq!(String::from_utf16(&reader.join().unwrap()).unwrap(), IMAGE);
}

#[test]
fn a_failing_test_fails_with_its_own_words() {
    let said = failing(|| {
        let _process = Process::start(Emulator::builder());
        assert_eq!(initialize(), Hresult::S_OK);
        panic!("the test's own words");
    });
    assert_eq!(said, "the test's own words");
}

#[test]
fn calls_through_the_c_functions_have_no_location_in_the_journal() {
    let process = up(Contract::Documented);
    process.emulator().dism().initialize().unwrap_err();
    let journal = process.emulator().journal();
    let locations: Vec<_> = journal.steps().iter().map(|it| it.location.is_some()).collect();
    assert_eq!(locations, [false, true]);
}

/// Runs one of the functions below in a program of its own, in which no other test has its turn.
fn in_a_child(test: &str, contract: Option<&str>) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([&format!("processes::{test}"), "--exact", "--nocapture"]);
    child.env(CHILD, test).env_remove("DISM_EMU_CONTRACT");
    if let Some(contract) = contract {
        child.env("DISM_EMU_CONTRACT", contract);
    }
    let output = child.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    // Otherwise the test would pass without having run as the child.
    assert!(printed.contains("in the child"), "{printed}");
}

const CHILD: &str = "CHILD_OF_TEST";

fn is_child(test: &str) -> bool {
    let is_child = env::var(CHILD).is_ok_and(|it| it == test);
    if is_child {
        println!("in the child");
    }
    is_child
}

#[test]
fn without_a_guard_the_process_follows_the_pages() {
    if !is_child("without_a_guard_the_process_follows_the_pages") {
        for contract in [None, Some("documented"), Some("")] {
            in_a_child("without_a_guard_the_process_follows_the_pages", contract);
        }
        return;
    }
    assert_eq!(initialize(), Hresult::S_OK);
    assert_eq!(initialize(), Hresult::WIN32_ALREADY_INITIALIZED);
    assert_eq!(shutdown(), Hresult::S_OK);
}

#[test]
fn without_a_guard_the_environment_chooses_the_contract() {
    if !is_child("without_a_guard_the_environment_chooses_the_contract") {
        for contract in ["recorded", "Recorded"] {
            in_a_child("without_a_guard_the_environment_chooses_the_contract", Some(contract));
        }
        return;
    }
    assert_eq!(initialize(), Hresult::S_OK);
    assert_eq!(initialize(), Hresult::S_FALSE);
    assert_eq!([shutdown(), shutdown()], [Hresult::S_OK; 2]);
}

#[test]
fn the_end_of_a_process_puts_back_what_was_there() {
    if !is_child("the_end_of_a_process_puts_back_what_was_there") {
        return in_a_child("the_end_of_a_process_puts_back_what_was_there", None);
    }
    assert_eq!(initialize(), Hresult::S_OK);
    let session = open(IMAGE);
    let process = process(Contract::Documented);
    assert_eq!(close(session), Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED);
    drop(process);
    assert_eq!(close(session), Hresult::S_OK);
    assert_eq!(shutdown(), Hresult::S_OK);
}
