//! Outside Windows the linker takes the functions of this crate's dependency, not the library's, so
//! a guard is the process that they act on.

#![cfg(not(windows))]

use std::ptr::null;

use dism_emu::Emulator;
use dism_emu::capi::Process;
use dism_sys::{DismInitialize, DismShutdown};

#[test]
fn the_functions_act_on_the_guards_process() {
    let process = Process::start(Emulator::builder());
    // SAFETY: NULL is the default for both paths.
    unsafe {
        assert_eq!(DismInitialize(0, null(), null()), 0);
        assert!(process.emulator().state().is_initialized());
        assert_eq!(DismShutdown(), 0);
    }
}
