//! What a call that a rule answers returns and does: the scripted code, and everything that follows
//! from success or failure.

use std::thread;

use dism_emu::machine::{Call, Effect, State};
use dism_emu::{Contract, Error, Function, Hresult, Rule, Session};

use crate::methods::{call, ready_for};
use crate::support::{BUSY, IMAGE, one_session, unverified, up, wait_for};

#[test]
fn every_function_can_be_made_to_fail() {
    for contract in Contract::ALL {
        for &function in Function::ALL {
            let (emulator, dism, session, memory) = ready_for(function, contract);
            let rule = emulator.script(Rule::on(function).answer(BUSY));
            let failed = call(&dism, function, session, memory);
            let error = Error::Failed { code: BUSY };
            assert_eq!(failed, Err(error), "{function}");
            assert_eq!(rule.fired(), 1, "{function}");
            emulator.journal().replay().unwrap();
        }
    }
}

#[test]
fn p4_every_function_can_be_made_to_succeed_with_any_number() {
    let numbers = [0, 1, 3010, 0x0004_1234, 0x7FFF_FFFF].map(Hresult::new);
    for code in numbers {
        for &function in Function::ALL {
            let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
            let before = emulator.journal().steps().len();
            let rule = emulator.script(Rule::on(function).answer(code));
            let answer = call(&dism, function, session, memory).unwrap();
            assert_eq!(rule.fired(), 1, "{function}");
            let journal = emulator.journal();
            journal.replay().unwrap();
            // These return a value and cannot return a code beside it, so the journal has it.
            let own_success_only = matches!(
                function,
                Function::OpenSession
                    | Function::GetLastErrorMessage
                    | Function::GetMountedImageInfo
            );
            if own_success_only {
                assert_eq!(answer, Hresult::S_OK, "{function}");
            } else {
                assert_eq!(answer, code, "{function}");
            }
            let step = &journal.steps()[before];
            assert_eq!(step.call.answer(), Some(code.into()), "{function}");
        }
    }
}

#[test]
fn a_step_has_the_scripted_answer_as_its_code() {
    for code in [1, 3010].map(Hresult::new) {
        for function in [Function::Initialize, Function::Shutdown, Function::CleanupMountpoints] {
            let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
            let _rule = emulator.script(Rule::on(function).answer(code));
            call(&dism, function, session, memory).unwrap();
            assert_eq!(emulator.journal().steps().last().unwrap().code(), code, "{function}");
        }
    }
}

#[test]
fn a_rule_answers_s_ok_by_default() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    dism.perform(session, Function::AddPackage).unwrap();
    let _rules =
        [Function::AddPackage, Function::CloseSession].map(|it| emulator.script(Rule::on(it)));
    let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    assert_eq!(operation.end_with(reboot), Ok(Hresult::S_OK));
    dism.operation(session, Function::GetFeatures).unwrap().end_with(reboot).unwrap();
    // By C6 it would be 3010, but the rule overrides that.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn a_failing_initialize_leaves_the_process_down() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    let rule = emulator.script(Rule::on(Function::Initialize).nth(1).answer(BUSY));
    assert_eq!(dism.initialize(), Err(Error::Failed { code: BUSY }));
    assert_eq!(rule.fired(), 1);
    assert_eq!(emulator.state(), State::Down);
    // E5: it was never initialized, so the last error can be read.
    assert_eq!(dism.last_error(), Ok(Some(BUSY)));
    assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
}

#[test]
fn a_failing_initialize_is_not_counted() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    let _rule = emulator.script(Rule::on(Function::Initialize).nth(1).answer(BUSY));
    dism.initialize().unwrap_err();
    assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
}

#[test]
fn o10_a_failing_open_uses_up_only_its_number() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let _rule = emulator.script(Rule::on(Function::OpenSession).nth(1).answer(BUSY));
        dism.open_session(IMAGE).unwrap_err();
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
        assert_eq!(dism.open_session(IMAGE).unwrap().raw(), 3);
    }
}

#[test]
fn a_failing_open_of_an_open_image_adds_no_reference() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::OpenSession).answer(BUSY));
    dism.open_session(IMAGE).unwrap_err();
    dism.close_session(session).unwrap();
    assert_eq!(emulator.state().open_sessions(), 0);
}

#[test]
fn a_failing_close_leaves_the_session_open() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::CloseSession).nth(1).answer(BUSY));
    assert_eq!(dism.close_session(session), Err(Error::Failed { code: BUSY }));
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(emulator.state().open_sessions(), 0);
}

#[test]
fn a_failing_close_keeps_its_reference() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    dism.open_session(IMAGE).unwrap();
    let _rule = emulator.script(Rule::on(Function::CloseSession).nth(1).answer(BUSY));
    dism.close_session(session).unwrap_err();
    dism.close_session(session).unwrap();
    assert_eq!(emulator.state().open_sessions(), 1);
}

#[test]
fn a_failing_shutdown_leaves_the_process_up() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let _rule = emulator.script(Rule::on(Function::Shutdown).nth(1).answer(BUSY));
        assert_eq!(dism.shutdown(), Err(Error::Failed { code: BUSY }));
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
    }
}

#[test]
fn s3_a_failing_shutdown_does_not_lower_the_count() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let _rule = emulator.script(Rule::on(Function::Shutdown).nth(1).answer(BUSY));
    dism.shutdown().unwrap_err();
    assert_eq!(emulator.state(), State::Up { count: 2, open_sessions: 0 });
}

#[test]
fn a_failing_delete_leaves_the_memory_handed_out() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let memory = dism.hand_out(Function::GetImageInfo).unwrap();
    let _rule = emulator.script(Rule::on(Function::Delete).nth(1).answer(BUSY));
    assert_eq!(dism.delete(memory), Err(Error::Failed { code: BUSY }));
    assert_eq!(dism.delete(memory), Ok(Hresult::S_OK));
}

#[test]
fn a_scripted_success_has_the_usual_effect() {
    let code = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    for &function in &[Function::Initialize, Function::OpenSession, Function::CloseSession] {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        let before = emulator.state().open_sessions();
        let _rule = emulator.script(Rule::on(function).answer(code));
        call(&dism, function, session, memory).unwrap();
        let open_sessions = match function {
            Function::OpenSession => before + 1,
            _ => 0,
        };
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions }, "{function}");
    }
    let (emulator, dism, _, memory) = ready_for(Function::Delete, Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::Delete).answer(code));
    dism.delete(memory).unwrap();
    assert!(dism.delete(memory).is_err());
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let _rule = emulator.script(Rule::on(Function::Shutdown).answer(code));
    dism.shutdown().unwrap();
    assert_eq!(emulator.state(), State::Down);
}

#[test]
fn p2_a_failing_operation_takes_its_turn() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::AddPackage).answer(BUSY));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(|| dism.perform(session, Function::GetFeatures));
        wait_for(&emulator, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        assert_eq!(operation.end(), Err(Error::Failed { code: BUSY }));
        assert_eq!(other.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn p5_a_failing_operation_ends_and_leaves_the_session_closable() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let _rule = emulator.script(Rule::on(Function::AddPackage).answer(BUSY));
        dism.perform(session, Function::AddPackage).unwrap_err();
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn p5_an_operation_that_is_dropped_ends_as_scripted() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::AddPackage).answer(BUSY));
    drop(dism.operation(session, Function::AddPackage).unwrap());
    let journal = emulator.journal();
    let ended = journal.steps().last().unwrap();
    assert_eq!(ended.call, Call::EndOperation { session, result: BUSY });
    assert_eq!(dism.last_error(), Ok(Some(BUSY)));
}

#[test]
fn a_scripted_answer_overrides_the_result_of_an_adapter() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let _rule = emulator.script(Rule::on(Function::AddPackage).answer(BUSY));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    assert_eq!(operation.end_with(3010), Err(Error::Failed { code: BUSY }));
    // C6: nothing asked for a reboot, since nothing returned 3010.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn e2_a_scripted_failure_sets_the_last_error_as_its_function_does() {
    for contract in Contract::ALL {
        for &function in Function::ALL {
            let (emulator, dism, session, memory) = ready_for(function, contract);
            let _rule = emulator.script(Rule::on(function).nth(1).answer(BUSY));
            call(&dism, function, session, memory).unwrap_err();
            let silent = [Function::Shutdown, Function::Delete, Function::GetLastErrorMessage];
            let expected = if silent.contains(&function) { None } else { Some(BUSY) };
            assert_eq!(dism.last_error(), Ok(expected), "{function}");
        }
    }
}

#[test]
fn e3_a_scripted_success_does_not_clear_the_last_error() {
    for &function in Function::ALL {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        // Fails in any state.
        dism.perform(Session::DEFAULT, Function::GetFeatures).unwrap_err();
        let before = if function == Function::Initialize {
            Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED
        } else {
            Hresult::DISMAPI_E_INVALID_DISM_SESSION
        };
        let rule = emulator.script(Rule::on(function).answer(1));
        call(&dism, function, session, memory).unwrap();
        drop(rule);
        if function == Function::Shutdown {
            // E5: until then the last error cannot be read.
            dism.initialize().unwrap();
        }
        assert_eq!(dism.last_error(), Ok(Some(before)), "{function}");
    }
}

#[test]
fn c6_a_reboot_that_a_rule_answers_is_reported_at_the_last_close() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    let _rule = emulator.script(Rule::on(Function::AddPackage).answer(reboot));
    dism.open_session(IMAGE).unwrap();
    assert_eq!(dism.perform(session, Function::AddPackage), Ok(reboot));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(reboot));
}
