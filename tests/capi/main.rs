//! The contract once more, through the C functions.

// These run on plain threads, which a model's build of the emulator does not.
#![cfg(not(any(loom, dism_loom, shuttle, dism_shuttle)))]
#![allow(unsafe_code, reason = "it stands for a program that calls C functions")]
#![allow(dead_code, unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/exports.rs"]
mod exports;
#[path = "../it/sequences.rs"]
mod sequences;
#[path = "../support/strategies.rs"]
mod strategies;
#[path = "../support/mod.rs"]
mod support;

mod careless;
mod gates;
mod image;
mod memory;
mod processes;
mod progress;
mod same;

use dism_emu::capi::Process;
use dism_emu::{Contract, Function, Hresult};

use exports::{Given, code, export};
use support::{IMAGE, unverified};

/// A process of which nobody verifies anything.
fn process(contract: Contract) -> Process {
    Process::start(unverified().contract(contract))
}

fn up(contract: Contract) -> Process {
    let process = process(contract);
    assert_eq!(call(Function::Initialize, &Given::new(0, "")), Hresult::S_OK);
    process
}

fn call(function: Function, given: &Given) -> Hresult {
    code((export(function).call)(given))
}

/// Opens a session on a path.
fn open(path: &str) -> u32 {
    let given = Given::new(0, path);
    assert_eq!(call(Function::OpenSession, &given), Hresult::S_OK);
    given.number_at(0)
}

/// The text of this thread's last error, if there is one.
fn last_error() -> Option<String> {
    let given = Given::new(0, "");
    assert_eq!(call(Function::GetLastErrorMessage, &given), Hresult::S_OK);
    let address = given.outs()[0];
    // SAFETY: what is not NULL was just handed out.
    (address != 0).then(|| unsafe {
        exports::text_at(exports::first::<dism_emu::capi::DismString>(address).Value)
    })
}
