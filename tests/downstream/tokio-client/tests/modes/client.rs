use std::time::Duration;

use dism_emu::machine::State;
use dism_emu::{Contract, Function, Hold};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_client::{Abandoned, Client, Error};

use crate::process::{Emulated, process};
use crate::twin::{check_health_regardless, pairs_overlap};

const IMAGE: &str = r"C:\mount";
const LONG: Duration = Duration::from_secs(60);
/// For a job that a hold stops: it cannot end before this has passed, however slow the machine is.
const SHORT: Duration = Duration::from_millis(1);

async fn give_up(client: &Client<Emulated>) -> Abandoned {
    match client.check_health(IMAGE, SHORT).await {
        Err(Error::TimedOut(abandoned)) => abandoned,
        ended => panic!("{ended:?}"),
    }
}

#[tokio::test]
async fn a_job_that_ends_in_time_has_a_result() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let client = Client::new(Emulated(emulator.dism()));
        client.check_health(IMAGE, LONG).await.unwrap();
        assert_eq!(emulator.state(), State::Down);
    }
}

#[tokio::test]
async fn no_job_begins_while_an_abandoned_one_goes_on() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let client = Client::new(Emulated(emulator.dism()));
        let hang = emulator.hold(Hold::performing(Function::CheckImageHealth));
        let abandoned = give_up(&client).await;
        // Blocks the runtime; the job has a thread of its own.
        hang.wait();
        assert!(matches!(client.check_health(IMAGE, LONG).await, Err(Error::Busy)));
        hang.release();
        abandoned.finish().await.unwrap();
    }
}

#[tokio::test]
async fn a_job_begins_once_the_abandoned_one_is_over() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let client = Client::new(Emulated(emulator.dism()));
        let hang = emulator.hold(Hold::before(Function::Shutdown));
        let abandoned = give_up(&client).await;
        hang.wait();
        hang.release();
        abandoned.finish().await.unwrap();
        client.check_health(IMAGE, LONG).await.unwrap();
    }
}

/// Mistake 4: a client that starts over after a timeout, as if that had ended the call.
#[tokio::test]
async fn a_client_that_starts_over_makes_mistake_4() {
    let emulator = process(Contract::Documented);
    let job = || {
        let dism = Emulated(emulator.dism());
        spawn_blocking(move || check_health_regardless(&dism, IMAGE))
    };
    let hang = emulator.hold(Hold::before(Function::OpenSession));
    let mut first = job();
    assert!(timeout(SHORT, &mut first).await.is_err());
    hang.wait();
    job().await.unwrap().unwrap();
    hang.release();
    // The second job has shut DISM down, so the calls of the first one fail.
    assert!(first.await.unwrap().is_err());
    assert!(pairs_overlap(&emulator));
}
