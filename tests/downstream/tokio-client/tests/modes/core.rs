use std::sync::Arc;

use dism_emu::{Contract, Function, Rule, State};
use tokio_client::{Busy, Core};

use crate::explore;
use crate::process::{CONTRACTS, Process};
use crate::world::thread;

#[test]
fn of_two_jobs_each_succeeds_or_is_told_that_the_other_is_there() {
    for contract in CONTRACTS {
        explore(move || {
            let dism = Process::new(contract);
            let core = Arc::new(Core::new(dism.clone()));
            let other = thread::spawn({
                let core = core.clone();
                move || core.check_health(r"C:\mount")
            });
            let ended = [core.check_health(r"C:\mount"), other.join().unwrap()];
            assert!(ended.iter().all(|it| matches!(it, Ok(Ok(())) | Err(Busy))), "{ended:?}");
            // Not both of them: somebody has to have been first.
            assert!(ended.contains(&Ok(Ok(()))));
            assert_eq!(dism.0.state(), State::Down);
        });
    }
}

#[test]
fn a_failed_job_makes_way_for_the_next() {
    explore(|| {
        let dism = Process::new(Contract::Documented);
        let failing = Rule::on(Function::CheckImageHealth).nth(1).answer(0x800F_081F_u32);
        let _failing = dism.0.script(failing);
        let core = Core::new(dism);
        assert_eq!(core.check_health(r"C:\mount"), Ok(Err(0x800F_081F_u32 as i32)));
        assert_eq!(core.check_health(r"C:\mount"), Ok(Ok(())));
    });
}
