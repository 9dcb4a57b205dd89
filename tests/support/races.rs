//! Races between threads, written once: on plain threads they run in one schedule, under loom in
//! every schedule, and under shuttle in many.

#![allow(dead_code, unreachable_pub, reason = "each target uses its part")]

use std::sync::{Arc, Barrier};

use dism_emu::machine::{Call, Effect, State};
use dism_emu::{
    Contract, Dism, Emulator, Error, Function, HoldGuard, Hresult, MODEL_CHECKED, Rule, Session,
};
#[cfg(any(loom, dism_loom))]
use loom::thread::{self, JoinHandle};
#[cfg(any(shuttle, dism_shuttle))]
use shuttle::thread::{self, JoinHandle};
#[cfg(not(any(loom, dism_loom, shuttle, dism_shuttle)))]
use std::thread::{self, JoinHandle};

use crate::support::{BUSY, Double, Guard, IMAGE, Lifecycle, failing, replays, start};

/// Makes a call on a thread of its own.
pub fn apart<D: Lifecycle, T: Send + 'static>(
    dism: &D,
    call: impl FnOnce(&D) -> T + Send + 'static,
) -> JoinHandle<T> {
    let dism = dism.clone();
    thread::spawn(move || call(&dism))
}

/// Makes the same call on so many threads at once, including this one.
pub fn at_once<T: Send + 'static>(
    threads: usize,
    call: impl FnOnce() -> T + Clone + Send + 'static,
) -> Vec<T> {
    let line = Arc::new(Barrier::new(threads));
    let call = move || {
        // A model tries every order anyway, and does not see a barrier of std.
        if !MODEL_CHECKED {
            line.wait();
        }
        call()
    };
    let others: Vec<_> = (1..threads).map(|_| thread::spawn(call.clone())).collect();
    let mut results = vec![call()];
    results.extend(others.into_iter().map(|other| other.join().unwrap()));
    results
}

/// I5: exactly one initialize is the first; the others are refused or counted (I3).
pub fn initializes_race(emulator: &impl Double, racers: u32) {
    let racer = emulator.dism();
    let results = at_once(racers as usize, move || racer.initialize());
    let of = |result| results.iter().filter(|it| **it == result).count() as u32;
    let code = Hresult::WIN32_ALREADY_INITIALIZED;
    let (others, count) = match emulator.config().contract {
        Contract::Recorded => (Ok(Hresult::S_FALSE), racers),
        _ => (Err(Error::AlreadyInitialized { code }), 1),
    };
    assert_eq!((of(Ok(Hresult::S_OK)), of(others)), (1, racers - 1), "firsts, and others");
    assert_eq!(emulator.state(), State::Up { count, open_sessions: 0 });
}

/// S5: exactly one caller succeeds, and every other one gets NOT_INITIALIZED.
pub fn shutdowns_race(emulator: &impl Double, racers: usize) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let results = at_once(racers, move || dism.shutdown());
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1, "winners");
    let losers = results.iter().filter(|it| **it == Err(Error::NotInitialized)).count();
    assert_eq!(losers, racers - 1);
    assert_eq!(emulator.state(), State::Down);
}

/// E1: a thread never sees the last error of another.
pub fn two_threads_fail<D: Lifecycle>(dism: &D) {
    dism.initialize().unwrap();
    dism.open("").unwrap_err();
    let other = apart(dism, |dism: &D| {
        assert_eq!(dism.last_error(), Ok(None));
        dism.close(Session::DEFAULT).unwrap_err();
        let code = Hresult::DISMAPI_E_INVALID_DISM_SESSION;
        assert_eq!(dism.last_error(), Ok(Some(code)));
    });
    dism.open("").unwrap_err();
    let code = Hresult::E_INVALIDARG;
    assert_eq!(dism.last_error(), Ok(Some(code)));
    other.join().unwrap();
    assert_eq!(dism.last_error(), Ok(Some(code)));
}

/// Both ways in which a guard releases its thread.
pub const ENDS: [fn(HoldGuard); 2] = [HoldGuard::release, drop];

/// Holds a call of another thread, acts on this one, and then releases the other.
pub fn held<D: Lifecycle, G: Guard, T: Send + 'static>(
    dism: &D,
    hold: G,
    call: impl FnOnce(&D) -> T + Send + 'static,
    act: impl FnOnce(),
    end: fn(G),
) -> T {
    let other = apart(dism, call);
    hold.wait();
    act();
    end(hold);
    other.join().unwrap()
}

/// S2: a session between closing and gone counts as open.
pub fn shutdowns_during_a_close(emulator: &Emulator) {
    let dism = emulator.dism();
    dism.initialize().unwrap();
    for end in ENDS {
        let session = dism.open_session(IMAGE).unwrap();
        let act = || {
            let closing = Ok(Effect::Closing { ready: true });
            assert_eq!(emulator.journal().steps().last().unwrap().outcome, closing);
            for _ in 0..2 {
                assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
                assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 1 });
            }
        };
        let close = move |dism: &Dism| dism.close_session(session);
        assert_eq!(held(&dism, emulator.hold_closing(), close, act, end), Ok(Hresult::S_OK));
    }
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    replays(emulator);
}

/// X2: a panic in a callback ends its operation as scripted, takes back the rules whose guards it
/// drops, and leaves the session usable for every thread.
pub fn a_callback_panics(emulator: &Emulator) {
    let dism = emulator.dism();
    let session = start(&dism);
    let _fails = emulator.script(Rule::on(Function::AddPackage).times(1).answer(BUSY));
    let message = failing(|| {
        let _refused = emulator.script(Rule::on(Function::OpenSession).answer(BUSY).optional());
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        operation.run(|_| panic!("in the callback"))
    });
    assert_eq!(message, "in the callback");
    let ended = emulator.journal().steps().last().unwrap().call.clone();
    assert_eq!(ended, Call::EndOperation { session, result: BUSY });
    // If the operation had not ended, this call would wait for it.
    let other = apart(&dism, move |dism: &Dism| dism.perform(session, Function::AddPackage));
    assert_eq!(dism.open_session(IMAGE), Ok(session));
    assert_eq!(other.join().unwrap(), Ok(Hresult::S_OK));
    dism.close_session(session).unwrap();
    dism.close_session(session).unwrap();
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    replays(emulator);
}
