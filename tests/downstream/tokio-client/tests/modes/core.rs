use std::sync::Arc;

use dism_emu::machine::State;
use dism_emu::{Contract, Function, Rule};
use tokio_client::{Busy, Core};

use crate::explore;
use crate::process::{Emulated, process};
use crate::world::thread;

#[test]
fn of_two_jobs_each_succeeds_or_is_refused_since_the_other_is_there() {
    for contract in Contract::ALL {
        explore(move || {
            let emulator = process(contract);
            let core = Arc::new(Core::new(Emulated(emulator.dism())));
            let other = thread::spawn({
                let core = core.clone();
                move || core.check_health(r"C:\mount")
            });
            let ended = [core.check_health(r"C:\mount"), other.join().unwrap()];
            assert!(ended.iter().all(|it| matches!(it, Ok(Ok(())) | Err(Busy))), "{ended:?}");
            // Not both were refused, since one was first.
            assert!(ended.contains(&Ok(Ok(()))));
            assert_eq!(emulator.state(), State::Down);
        });
    }
}

#[test]
fn a_failed_job_makes_way_for_the_next() {
    explore(|| {
        let emulator = process(Contract::Documented);
        let failing = Rule::on(Function::CheckImageHealth).nth(1).fail(0x800F_081F);
        let _failing = emulator.script(failing);
        let core = Core::new(Emulated(emulator.dism()));
        assert_eq!(core.check_health(r"C:\mount"), Ok(Err(0x800F_081F_u32 as i32)));
        assert_eq!(core.check_health(r"C:\mount"), Ok(Ok(())));
    });
}
