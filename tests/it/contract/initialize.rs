//! Initialize: rules I1 to I5.

use dism_emu::machine::State;
use dism_emu::{Contract, Error, Function, Hresult};

use super::{down, invalid, state};
use crate::races::initializes_race;
use crate::support::{IMAGE, initialized, unverified, up};

#[test]
fn i1_the_first_initialize_succeeds_with_s_ok() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        assert_eq!(emulator.state(), State::Down);
        assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
        assert_eq!(emulator.state(), state(1, 0));
    }
}

#[test]
fn i2_a_process_that_is_not_elevated_is_refused_and_nothing_changes() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).elevated(false).build();
        let dism = emulator.dism();
        assert_eq!(dism.initialize(), Err(Error::NotElevated));
        assert_eq!(Error::NotElevated.code(), Hresult::new(0x8007_02E4));
        assert_eq!(emulator.state(), State::Down);
        assert_eq!(dism.open_session(IMAGE), Err(Error::NotInitialized));
    }
}

#[test]
fn i3_documented_a_second_initialize_fails_and_nothing_changes() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let session = dism.open_session(IMAGE).unwrap();
    let code = Hresult::new(0x8007_04DF);
    assert_eq!(dism.initialize(), Err(Error::AlreadyInitialized { code }));
    assert_eq!(emulator.state(), state(1, 1));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    assert_eq!(emulator.state(), State::Down);
}

#[test]
fn i3_documented_a_test_can_choose_the_code_of_already_initialized() {
    let chosen = Hresult::new(0xC004_0008);
    let dism = initialized(unverified().already_initialized(chosen)).dism();
    assert_eq!(dism.initialize().unwrap_err().code(), chosen);
    assert_eq!(dism.last_error(), Ok(Some(chosen)));
}

#[test]
fn i3_recorded_a_second_initialize_counts_and_returns_s_false() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    assert_eq!(dism.initialize(), Ok(Hresult::S_FALSE));
    assert_eq!(dism.initialize(), Ok(Hresult::new(1)));
    assert_eq!(emulator.state(), state(3, 0));
}

#[test]
fn i4_after_a_complete_shutdown_everything_starts_afresh() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        for _ in 0..3 {
            let session = dism.open_session(IMAGE).unwrap();
            assert_eq!(session.raw(), 2);
            dism.operation(session, Function::AddPackage).unwrap().end_with(3010).unwrap();
            dism.close_session(session).unwrap();
            dism.shutdown().unwrap();
            assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
            assert_eq!(dism.close_session(session), Err(invalid(session)));
        }
    }
}

#[test]
fn i5_exactly_one_of_concurrent_initializes_returns_s_ok() {
    for contract in Contract::ALL {
        initializes_race(&down(contract), 8);
    }
}
