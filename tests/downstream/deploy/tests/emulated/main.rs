//! The tool on an emulated process: when all goes well, when a call fails, and with a mistake
//! planted in it.
//!
//! Every test has a process of its own. When its emulator is dropped, it panics with a report if
//! the tool made one of the mistakes of `dism_emu::docs::mistakes`. So each test of the correct
//! tool also checks that it made none.

mod adapter;
mod all_goes_well;
mod calls_fail;
mod mistakes;

use std::ops::ControlFlow;

use adapter::Emulated;
use deploy::Plan;
use dism_emu::{Contract, Emulator};

/// Microsoft's pages and the genuine DLL disagree; a tool that passes under both is safe.
fn process(contract: Contract) -> Emulator {
    Emulator::builder().contract(contract).build()
}

fn plan() -> Plan {
    Plan {
        image: r"C:\mount".into(),
        packages: vec!["first.cab".into(), "second.cab".into()],
        features: vec!["NetFx3".into(), "TelnetClient".into()],
        retries: 3,
        ..Plan::default()
    }
}

/// A progress callback that looks at nothing and cancels nothing.
fn quiet(_current: u32, _total: u32) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
