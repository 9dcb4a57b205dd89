//! Several threads race `shutdown` against an open session, against its close, and against each
//! other, under both contracts. Prints what each thread got.
//!
//!     cargo run --example race

use std::sync::Barrier;
use std::thread;

use dism_emu::machine::State;
use dism_emu::{Contract, DISM_ONLINE_IMAGE, Dism, Emulator, Error, Function, Hresult};

const RACERS: usize = 3;

/// Shuts down on all threads at once, while `meanwhile` runs. Returns what each thread got.
fn race(dism: &Dism, meanwhile: impl FnOnce() + Send) -> Vec<Hresult> {
    let barrier = Barrier::new(RACERS + 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            meanwhile();
        });
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    dism.shutdown().unwrap_or_else(Hresult::from)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("no call panics")).collect()
    })
}

fn successes(got: &[Hresult]) -> usize {
    got.iter().filter(|code| code.is_success()).count()
}

fn print(race: &str, cells: impl Iterator<Item = String>) {
    let row: String = cells.map(|cell| format!("{cell:<22}")).collect();
    println!("  {race:<22}{}", row.trim_end());
}

fn print_race(race: &str, got: &[Hresult]) {
    // Without the common prefix, for the table's width.
    let name = |code: &Hresult| {
        let name = code.name().expect("the contract has a name for the code");
        name.trim_start_matches("DISMAPI_E_").trim_start_matches("DISMAPI_").to_owned()
    };
    print(race, got.iter().map(name));
}

fn main() -> Result<(), Error> {
    for contract in Contract::ALL {
        let emulator = Emulator::builder().contract(contract).verify_on_drop(false).build();
        let dism = emulator.dism();
        dism.initialize()?;
        let again = dism.initialize().unwrap_or_else(Hresult::from);
        println!("{contract}: a second initialize got {again:?}");

        print("shutdown against", (1..=RACERS).map(|racer| format!("thread {racer}")));

        // S2, S3: with a session open only a shutdown that is not final can succeed.
        let session = dism.open_session(DISM_ONLINE_IMAGE)?;
        let got = race(&dism, || {
            let _operation = dism.operation(session, Function::GetFeatures);
        });
        print_race("an open session", &got);
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });

        // S2 before the session is gone, and S5 after.
        let got = race(&dism, || {
            dism.close_session(session).expect("it is open, and no other thread closes it");
        });
        print_race("its close", &got);
        assert!(successes(&got) <= 1);

        // S5: exactly one winner.
        if !emulator.state().is_initialized() {
            dism.initialize()?;
        }
        let got = race(&dism, || ());
        print_race("each other", &got);
        assert_eq!(successes(&got), 1);
        assert_eq!(emulator.state(), State::Down);

        emulator.journal().replay().expect("the journal explains what each thread got");
        println!();
    }
    Ok(())
}
