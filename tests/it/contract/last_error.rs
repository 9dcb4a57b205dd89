//! The last error: rules E1 to E5.

use dism_emu::machine::Effect;
use dism_emu::{Contract, Error, Function, Hresult, Session};

use super::{down, while_closing};
use crate::races::two_threads_fail;
use crate::support::{IMAGE, OTHER, initialized, replays, unverified, up};

#[test]
fn e1_the_last_error_is_per_thread() {
    for contract in Contract::ALL {
        two_threads_fail(&down(contract).dism());
    }
}

#[test]
fn e2_every_failing_function_sets_the_last_error() {
    let builder = unverified().last_session(2).closed_session(0x8000_0001);
    let emulator = initialized(builder.closing_session(0x8000_0002));
    let dism = emulator.dism();
    let last = || dism.last_error().unwrap().unwrap();
    dism.initialize().unwrap_err();
    assert_eq!(last(), Hresult::WIN32_ALREADY_INITIALIZED);
    let session = dism.open_session(IMAGE).unwrap();
    dism.open_session(OTHER).unwrap_err();
    assert_eq!(last(), Hresult::E_OUTOFMEMORY);
    dism.close_session(Session::DEFAULT).unwrap_err();
    assert_eq!(last().number(), 0x8000_0001);
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    dism.close_session(session).unwrap_err();
    assert_eq!(last(), Hresult::WIN32_POSSIBLE_DEADLOCK);
    operation.end().unwrap();
    dism.operation(session, Function::CommitImage).unwrap_err();
    assert_eq!(last(), Hresult::E_INVALIDARG);
    let closed = while_closing(&emulator, session, |operation| {
        dism.operation(session, Function::GetFeatures).unwrap_err();
        assert_eq!(last().number(), 0x8000_0002);
        operation.end_with(0x800F_080C).unwrap_err();
        assert_eq!(last(), Hresult::DISMAPI_E_UNKNOWN_FEATURE);
    });
    assert_eq!(closed, Ok(Hresult::S_OK));
    // S7: a failing shutdown and a failing last error do not set it.
    dism.shutdown().unwrap();
    dism.shutdown().unwrap_err();
    dism.last_error().unwrap_err();
    dism.initialize().unwrap();
    assert_eq!(last(), Hresult::DISMAPI_E_UNKNOWN_FEATURE);
}

#[test]
fn e2_the_failure_of_the_first_initialize_can_be_read() {
    let dism = unverified().elevated(false).build().dism();
    dism.initialize().unwrap_err();
    // E5: before the first initialize the last error can be read.
    assert_eq!(dism.last_error(), Ok(Some(Hresult::WIN32_ELEVATION_REQUIRED)));
}

#[test]
fn e3_a_success_does_not_clear_the_last_error() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        dism.open_session("").unwrap_err();
        let session = dism.open_session(IMAGE).unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        dism.close_session(session).unwrap();
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    }
}

#[test]
fn e4_there_is_no_last_error_without_a_failure() {
    for contract in Contract::ALL {
        assert_eq!(down(contract).dism().last_error(), Ok(None));
        assert_eq!(up(contract).dism().last_error(), Ok(None));
    }
}

#[test]
fn e5_the_last_error_cannot_be_read_after_a_last_shutdown() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        assert_eq!(dism.last_error(), Ok(None));
        dism.shutdown().unwrap();
        assert_eq!(dism.last_error(), Err(Error::NotInitialized));
        dism.initialize().unwrap();
        assert_eq!(dism.last_error(), Ok(None));
    }
}

#[test]
fn e4_a_test_can_choose_the_code_for_no_message() {
    for contract in Contract::ALL {
        for code in [Hresult::S_OK, Hresult::S_FALSE] {
            let emulator = initialized(unverified().contract(contract).no_message(code));
            let dism = emulator.dism();
            assert_eq!(dism.last_error(), Ok(None));
            let step = emulator.journal().steps().last().unwrap().clone();
            assert_eq!(step.outcome, Ok(Effect::NoLastError { code }));
            assert_eq!(step.code(), code);
            // Beside a message there is always S_OK.
            dism.open_session("").unwrap_err();
            assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
            assert_eq!(emulator.journal().steps().last().unwrap().code(), Hresult::S_OK);
            replays(&emulator);
        }
    }
}
