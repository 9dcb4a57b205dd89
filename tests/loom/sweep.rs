//! One run of a fault sweep in a model.

use dism_emu::{Dism, FaultSweep};

use crate::explore;

/// Two threads of a client, of which the second one closes only a session that it has opened.
fn client(dism: &Dism, forgets: bool) {
    if dism.initialize().is_err() {
        return;
    }
    let opener = loom::thread::spawn({
        let dism = dism.clone();
        move || dism.open_session("image").map(|session| dism.close_session(session))
    });
    let opened = opener.join().unwrap();
    if opened.is_err() && forgets {
        return;
    }
    let _ = dism.shutdown();
}

#[test]
fn a_run_of_a_sweep_is_explored() {
    let sweep = || FaultSweep::new().only(1, [(2, 0x8007_0005)]);
    let schedules = explore(move || sweep().assert(|dism| client(dism, false)));
    assert!(schedules > 0);
}

#[test]
#[should_panic(expected = "never shut down")]
fn a_run_of_a_sweep_with_a_mistake_fails_the_model() {
    let sweep = || FaultSweep::new().only(1, [(2, 0x8007_0005)]);
    explore(move || sweep().assert(|dism| client(dism, true)));
}

#[test]
#[should_panic(expected = "makes one run in each model")]
fn a_whole_sweep_is_refused() {
    explore(|| FaultSweep::new().assert(|dism| client(dism, false)));
}
