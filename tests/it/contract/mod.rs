//! The contract, rule by rule, with a file for each section. The name of a test begins with the id
//! of its rule.

mod close;
mod initialize;
mod last_error;
mod memory;
mod open;
mod operations;
mod shutdown;
mod without_session;

use std::thread;

use dism_emu::machine::{Effect, State};
use dism_emu::{Contract, Emulator, Error, Function, Hresult, Operation, Session};

use crate::support::{unverified, wait_for};

fn down(contract: Contract) -> Emulator {
    unverified().contract(contract).build()
}

fn invalid(session: Session) -> Error {
    Error::InvalidSession { session, code: Hresult::DISMAPI_E_INVALID_DISM_SESSION }
}

fn state(count: u32, open_sessions: usize) -> State {
    State::Up { count, open_sessions }
}

/// Runs `meanwhile` inside an operation on the session, while the close of another thread waits for
/// that operation. Returns what the close returned.
#[track_caller]
fn while_closing(
    emulator: &Emulator,
    session: Session,
    meanwhile: impl FnOnce(Operation<'_>),
) -> Result<Hresult, Error> {
    let dism = emulator.dism();
    thread::scope(|scope| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let closer = scope.spawn(|| dism.close_session(session));
        wait_for(emulator, |step| step.outcome == Ok(Effect::Closing { ready: false }));
        // If an assertion fails, this drops the operation, so that the scope can end.
        meanwhile(operation);
        closer.join().unwrap()
    })
}
