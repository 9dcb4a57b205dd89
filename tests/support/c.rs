//! Calls and races of C programs that several tests share.

#![allow(dead_code, unreachable_pub, reason = "each target uses its part")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use dism_emu::capi::Process;
use dism_emu::capi::ffi::DismString;
use dism_emu::machine::State;
use dism_emu::{Contract, Function, Hresult};

use crate::exports::{Given, code, export, first, text_at};
use crate::races::at_once;
use crate::support::unverified;

/// Starts a process that is not verified.
pub fn process(contract: Contract) -> Process {
    Process::start(unverified().contract(contract))
}

pub fn up(contract: Contract) -> Process {
    let process = process(contract);
    assert_eq!(initialize(), Hresult::S_OK);
    process
}

pub fn call(function: Function, given: &Given) -> Hresult {
    code((export(function).call)(given))
}

pub fn initialize() -> Hresult {
    call(Function::Initialize, &Given::new(0, ""))
}

pub fn shutdown() -> Hresult {
    call(Function::Shutdown, &Given::new(0, ""))
}

/// Opens a session on a path.
pub fn open(path: &str) -> u32 {
    try_open(path).unwrap()
}

pub fn try_open(path: &str) -> Result<u32, Hresult> {
    let given = Given::new(0, path);
    match call(Function::OpenSession, &given) {
        Hresult::S_OK => Ok(given.number_at(0)),
        code => Err(code),
    }
}

/// Mounts an image of a file of its own at the path.
pub fn mount(path: &str) {
    assert_eq!(call(Function::MountImage, &Given::new(0, path)), Hresult::S_OK);
}

pub fn close(session: u32) -> Hresult {
    call(Function::CloseSession, &Given::new(session, ""))
}

pub fn delete(address: usize) -> Hresult {
    let mut given = Given::new(0, "");
    given.memory = ptr::with_exposed_provenance_mut(address);
    call(Function::Delete, &given)
}

/// Returns the address of this thread's last error message, which is handed out; 0 if there is
/// none.
pub fn message() -> usize {
    let given = Given::new(0, "");
    assert_eq!(call(Function::GetLastErrorMessage, &given), Hresult::S_OK);
    given.outs()[0]
}

/// Returns the text of this thread's last error, if there is one.
pub fn last_error() -> Option<String> {
    let address = message();
    // SAFETY: an address that is not NULL was just handed out.
    (address != 0).then(|| unsafe { text_at(first::<DismString>(address).Value) })
}

/// D3: if two threads delete the same pointer, one of them succeeds.
pub fn deletes_race() {
    close(0);
    let address = message();
    let mut codes = at_once(2, move || delete(address));
    codes.sort();
    assert_eq!(codes, [Hresult::S_OK, Hresult::E_INVALIDARG]);
}

/// Acts as a test with a process of its own. `inside` counts the tests that are in one.
pub fn takes_its_turn(inside: &AtomicUsize) {
    let process = process(Contract::Documented);
    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "another test is in its process");
    // Would let in a test that does not wait. A model does not see it.
    std::thread::yield_now();
    assert_eq!(initialize(), Hresult::S_OK);
    assert_eq!(process.emulator().state(), State::Up { count: 1, open_sessions: 0 });
    assert_eq!(process.emulator().journal().steps().len(), 1);
    inside.fetch_sub(1, Ordering::SeqCst);
}
