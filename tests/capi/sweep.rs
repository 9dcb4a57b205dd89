//! Fault sweeps of a client that calls the C functions.

use dism_emu::{Contract, FaultSweep, Mistake};

use crate::c::{close, initialize, shutdown, try_open};
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
    assert_eq!(report.runs(), Contract::ALL.len() * (1 + 4));
    let report = sweep.run(|_| client(true)).unwrap_err();
    assert_eq!(report.failed().count(), Contract::ALL.len());
    assert!(report.failed().all(|run| run.has(Mistake::LeftAfterFailedOpen)), "{report}");
}
