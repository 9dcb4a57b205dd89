//! The client as it is often written. Do not copy it.

use std::sync::Arc;

use dism_emu::{Contract, Emulator, Mistake};
use tokio_client::Dism;

use crate::process::{Emulated, process};
use crate::world::sync::atomic::{AtomicBool, Ordering};
use crate::world::thread;

/// Wrong twice: it does not check whether another job is over, and it takes a failed initialize for
/// "already initialized".
pub fn check_health_regardless(dism: &Emulated, image: &str) -> Result<(), i32> {
    let _ = dism.initialize();
    let session = dism.open_session(image)?;
    let checked = dism.check_health(session);
    let _ = dism.close_session(session);
    let _ = dism.shutdown();
    checked.map(drop)
}

/// Returns whether two runs of it overlapped, so that one failed because of the other.
pub fn pairs_overlap(emulator: &Emulator) -> bool {
    emulator.verify().is_err_and(|report| report.has(Mistake::OverlappingPairs))
}

/// Wrong: checks in one step whether the core is taken, and takes it in another.
struct RacyCore {
    dism: Emulated,
    is_taken: AtomicBool,
}

impl RacyCore {
    fn check_health(&self) {
        if self.is_taken.load(Ordering::SeqCst) {
            return;
        }
        self.is_taken.store(true, Ordering::SeqCst);
        let _ = check_health_regardless(&self.dism, r"C:\mount");
        self.is_taken.store(false, Ordering::SeqCst);
    }
}

fn two_jobs_on_the_racy_core(both_at_once: bool) {
    // I3 Documented: under the other contract the pairs are counted, and do each other no harm.
    let emulator = process(Contract::Documented);
    let dism = Emulated(emulator.dism());
    let core = Arc::new(RacyCore { dism, is_taken: AtomicBool::new(false) });
    let other = thread::spawn({
        let core = core.clone();
        move || core.check_health()
    });
    if both_at_once {
        core.check_health();
        other.join().unwrap();
    } else {
        other.join().unwrap();
        core.check_health();
    }
    assert!(!pairs_overlap(&emulator), "the pairs overlap");
}

/// A test as people write it: the next job begins only when the last one is over.
#[test]
fn a_plain_test_finds_nothing_wrong_with_the_twin() {
    crate::explore(|| two_jobs_on_the_racy_core(false));
}

/// On plain threads this would nearly always pass, so it does not run there.
#[cfg(any(dism_loom, dism_shuttle))]
#[test]
#[should_panic(expected = "the pairs overlap")]
fn a_checker_catches_the_twin() {
    crate::explore(|| two_jobs_on_the_racy_core(true));
}
