//! The recipe for tokio.

use dism_emu::{Dism, Emulator, Error, Function, Hold};
use recipes::enable_feature;
use tokio::task::spawn_blocking;

/// The code under test: DISM blocks, so it is called on a thread for blocking work.
async fn enable_feature_in_background(dism: Dism) -> Result<(), Error> {
    spawn_blocking(move || enable_feature(&dism)).await.expect("no call panics")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_job_is_refused_while_the_first_goes_on() {
    let emulator = Emulator::new();
    let hold = emulator.hold(Hold::performing(Function::EnableFeature));
    let first = tokio::spawn(enable_feature_in_background(emulator.dism()));
    hold.wait(); // Blocks this thread. The task runs on another one.
    let second = enable_feature_in_background(emulator.dism()).await;
    assert!(matches!(second, Err(Error::AlreadyInitialized { .. })));
    hold.release();
    assert_eq!(first.await.unwrap(), Ok(()));
}
