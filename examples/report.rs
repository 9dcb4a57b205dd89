//! A small tool with two mistakes, as its test sees it: prints the report that names them.
//!
//!     cargo run --example report

use std::ops::ControlFlow;

use dism_emu::{DISM_ONLINE_IMAGE, Dism, Emulator, Error, Function, Hresult, Progress, Rule};

/// The tool: installs a package on the running system.
fn install(dism: &Dism) -> Result<(), Error> {
    dism.initialize()?;
    let installed = add_package(dism);
    // The first mistake. There may be a session open, and nobody looks at the answer.
    let _ = dism.shutdown();
    installed
}

fn add_package(dism: &Dism) -> Result<(), Error> {
    let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    dism.operation(session, Function::AddPackage)?.run(|_| {
        // The second. On Windows this call waits for the one that it is made from.
        let _ = dism.perform(session, Function::GetPackageInfo);
        ControlFlow::Continue(())
    })?; // What led to the first: this returns early, with the session open.
    dism.close_session(session)?;
    Ok(())
}

/// The test: the servicing stack is busy, and the tool has to cope.
pub(crate) fn report() -> String {
    let emulator = Emulator::new();
    let busy = Rule::on(Function::AddPackage)
        .progress([Progress::new(40, 100)])
        .fail(Hresult::DISMAPI_E_BUSY);
    let _busy = emulator.script(busy);
    let failed = install(&emulator.dism()).unwrap_err();
    assert_eq!(failed.code(), Hresult::DISMAPI_E_BUSY);
    // If it is dropped without this, the emulator panics with the same report.
    emulator.verify().expect_err("it has two mistakes").to_string()
}

fn main() {
    print!("{}", report());
}
