//! Shutdown: rules S1 to S7.

use dism_emu::machine::{Call, State};
use dism_emu::{Contract, Error, Function, Hresult, Session};

use super::{down, state, while_closing};
use crate::races::{at_once, shutdowns_race};
use crate::support::{IMAGE, up};

#[test]
fn s1_shutdown_while_not_initialized_fails() {
    for contract in Contract::ALL {
        let dism = down(contract).dism();
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
        dism.initialize().unwrap();
        dism.shutdown().unwrap();
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
    }
}

#[test]
fn s2_a_last_shutdown_with_a_session_open_fails_and_changes_nothing() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        for _ in 0..3 {
            assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
            assert_eq!(emulator.state(), state(1, 1));
            dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
            assert_eq!(dism.open_session(IMAGE), Ok(session));
            assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        }
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    }
}

#[test]
fn s2_a_session_that_is_being_closed_counts_as_open() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&emulator, session, |_operation| {
            assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    }
}

#[test]
fn s3_recorded_a_shutdown_that_is_not_the_last_ignores_open_sessions() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    assert_eq!(emulator.state(), state(1, 1));
    // S2 again, now that it is the last.
    assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
    assert_eq!(emulator.state(), state(1, 1));
    dism.close_session(session).unwrap();
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
}

#[test]
fn s4_after_the_last_shutdown_everything_fails_until_the_next_initialize() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        // O1, C1, P1, S1, E5: with any arguments.
        assert_eq!(dism.open_session(IMAGE), Err(Error::NotInitialized));
        assert_eq!(dism.open_session(""), Err(Error::NotInitialized));
        for session in [session, Session::DEFAULT, Session::from_raw(99)] {
            assert_eq!(dism.close_session(session), Err(Error::NotInitialized));
            for function in Function::ALL {
                let refused = dism.operation(session, *function).unwrap_err();
                assert_eq!(refused, Error::NotInitialized, "{function}");
            }
        }
        assert_eq!(dism.shutdown(), Err(Error::NotInitialized));
        assert_eq!(dism.last_error(), Err(Error::NotInitialized));
        assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
        assert!(dism.open_session(IMAGE).is_ok());
    }
}

#[test]
fn s5_exactly_one_of_concurrent_shutdowns_succeeds() {
    for contract in Contract::ALL {
        shutdowns_race(&down(contract), 8);
    }
}

#[test]
fn s5_recorded_shutdowns_succeed_as_often_as_initializes() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    dism.initialize().unwrap();
    dism.initialize().unwrap();
    let racer = dism.clone();
    let results = at_once(8, move || racer.shutdown());
    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 3);
    assert_eq!(emulator.state(), State::Down);
}

#[test]
fn s6_every_successful_shutdown_returns_s_ok() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    dism.initialize().unwrap();
    dism.shutdown().unwrap();
    dism.shutdown().unwrap();
    let journal = emulator.journal();
    let shutdowns = journal.steps().iter().filter(|step| step.call == Call::Shutdown);
    let codes: Vec<_> = shutdowns.map(|step| step.outcome.unwrap().code()).collect();
    assert_eq!(codes, [Hresult::S_OK, Hresult::S_OK]);
}

#[test]
fn s7_shutdown_neither_sets_nor_clears_the_last_error() {
    for contract in Contract::ALL {
        let dism = down(contract).dism();
        dism.shutdown().unwrap_err();
        assert_eq!(dism.last_error(), Ok(None));
        dism.initialize().unwrap();
        dism.open_session("").unwrap_err();
        let session = dism.open_session(IMAGE).unwrap();
        dism.shutdown().unwrap_err();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        dism.initialize().unwrap();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    }
}
