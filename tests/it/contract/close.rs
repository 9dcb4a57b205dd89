//! Close a session: rules C1 to C9, and the session that closes itself.

use dism_emu::machine::Call;
use dism_emu::{Contract, Error, Function, Hresult, MountImage, Session};

use super::{down, invalid, state, while_closing};
use crate::support::{IMAGE, OTHER, initialized, unverified, up};

#[test]
fn c1_close_while_not_initialized_fails() {
    for contract in Contract::ALL {
        let refused = down(contract).dism().close_session(Session::from_raw(2));
        assert_eq!(refused, Err(Error::NotInitialized));
    }
}

#[test]
fn c2_a_number_that_is_not_an_open_session_is_invalid() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let closed = dism.open_session(IMAGE).unwrap();
        dism.close_session(closed).unwrap();
        for session in [0, 1, closed.raw(), 3, u32::MAX].map(Session::from_raw) {
            assert_eq!(dism.close_session(session), Err(invalid(session)));
            let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
            assert_eq!(refused, invalid(session));
            assert_eq!(refused.code(), Hresult::new(0xC004_0004));
        }
    }
}

#[test]
fn c2_a_test_can_choose_the_code_for_a_closed_session() {
    let dism = initialized(unverified().closed_session(Hresult::E_INVALIDARG)).dism();
    let session = dism.open_session(IMAGE).unwrap();
    dism.close_session(session).unwrap();
    assert_eq!(dism.close_session(session).unwrap_err().code(), Hresult::E_INVALIDARG);
    let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
    assert_eq!(refused.code(), Hresult::E_INVALIDARG);
}

#[test]
fn c3_a_session_stays_open_while_it_has_references() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(emulator.state(), state(1, 1));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(emulator.state(), state(1, 0));
    }
}

#[test]
fn c4_the_last_close_lets_operations_complete_and_accepts_no_new_one() {
    for (contract, closing) in Contract::ALL
        .into_iter()
        .zip([Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS])
    {
        let builder = unverified().contract(contract).closing_session(closing);
        let emulator = initialized(builder);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let closed = while_closing(&emulator, session, |_operation| {
            let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
            assert_eq!(refused, Error::SessionClosing { session, code: closing });
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(emulator.state(), state(1, 0));
        assert_eq!(dism.close_session(session), Err(invalid(session)));

        let journal = emulator.journal();
        let location = |call| journal.steps().iter().position(|step| step.call == call).unwrap();
        let ended = location(Call::EndOperation { session, result: Hresult::S_OK });
        let gone = location(Call::FinishClose { session });
        assert!(ended < gone, "the close did not wait for the operation\n{journal}");
        journal.replay().unwrap();
    }
}

#[test]
fn c5_a_second_close_fails_while_the_first_waits() {
    for contract in Contract::ALL {
        let closed = Hresult::E_INVALIDARG;
        let emulator = initialized(unverified().contract(contract).closed_session(closed));
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let first = while_closing(&emulator, session, |_operation| {
            for _ in 0..2 {
                let refused = dism.close_session(session).unwrap_err();
                assert_eq!(refused, Error::InvalidSession { session, code: closed });
            }
        });
        assert_eq!(first, Ok(Hresult::S_OK));
    }
}

#[test]
fn c6_the_last_close_reports_that_a_reboot_is_needed() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        dism.open_session(IMAGE).unwrap();
        let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        assert_eq!(operation.end_with(reboot), Ok(reboot));
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.close_session(session), Ok(reboot));
        // The next session of the image knows nothing of it.
        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn c7_a_close_that_would_wait_for_its_own_thread_fails_and_changes_nothing() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let refused = dism.close_session(session).unwrap_err();
        assert_eq!(refused, Error::PossibleDeadlock { session });
        assert_eq!(refused.code(), Hresult::new(0x8007_046B));
        // With another reference left there is nothing to wait for (C3), nor on another session.
        dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        let other = dism.open_session(OTHER).unwrap();
        assert_eq!(dism.close_session(other), Ok(Hresult::S_OK));
        operation.end().unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn c8_a_close_does_not_unmount_the_image() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let mount = MountImage::new(IMAGE, "install.wim");
        dism.mount_image(mount.clone()).unwrap();
        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.mounted_images(), Ok(vec![mount]));
    }
}

#[test]
fn c9_an_open_while_the_image_closes_gets_a_new_handle() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let anew = Session::from_raw(session.raw() + 1);
        let closed = while_closing(&emulator, session, |_operation| {
            assert_eq!(dism.open_session(IMAGE), Ok(anew));
            assert_eq!(emulator.state(), state(1, 2));
            // The new session has nothing to do with the old one's operation.
            dism.operation(anew, Function::GetFeatures).unwrap().end().unwrap();
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
        assert_eq!(dism.open_session(IMAGE), Ok(anew));
    }
}

#[test]
fn an_owned_session_closes_itself_once() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.handle();
    assert_eq!(format!("{session:?}"), "OwnedSession(2)");
    drop(session);
    assert_eq!(dism.close_session(handle), Err(invalid(handle)));

    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.into_session();
    assert_eq!(emulator.state().open_sessions(), 1);
    assert_eq!(dism.close_session(handle), Ok(Hresult::S_OK));

    let session = dism.open_owned_session(IMAGE).unwrap();
    let operation = dism.operation(session.handle(), Function::AddPackage).unwrap();
    operation.end_with(3010).unwrap();
    assert_eq!(session.close(), Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
    let closes = |call: &Call| matches!(call, Call::CloseSession { .. });
    let journal = emulator.journal();
    assert_eq!(journal.steps().iter().filter(|step| closes(&step.call)).count(), 4);
}

#[test]
fn an_owned_session_that_could_not_be_closed_is_still_open() {
    let dism = up(Contract::Documented).dism();
    let session = dism.open_owned_session(IMAGE).unwrap();
    let handle = session.handle();
    let operation = dism.operation(handle, Function::AddPackage).unwrap();
    assert_eq!(session.close(), Err(Error::PossibleDeadlock { session: handle }));
    operation.end().unwrap();
    assert_eq!(dism.close_session(handle), Ok(Hresult::S_OK));
}
