//! Initialize: rules I1 to I6, and the other calls that can fail and take effect.

use dism_emu::machine::{Call, Effect, Scripted, State};
use dism_emu::{
    CommitFlags, Contract, Emulator, Error, Function, Hresult, Initialize, MountImage, Rule,
};

use super::{down, invalid, state, while_closing};
use crate::races::initializes_race;
use crate::support::{
    BUSY, IMAGE, failing, initialized, line_of_panic, one_session, replays, unverified, up,
};

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

/// Makes one call of the function fail in effect. Returns the error of such a call.
fn fails_in_effect(emulator: &Emulator, function: Function) -> Error {
    let code = Hresult::DISMAPI_E_LOGGING_DISABLED;
    emulator.script(Rule::on(function).times(1).fail_in_effect(code)).keep();
    Error::Failed { code }
}

#[test]
fn i6_an_initialize_can_fail_and_bring_the_api_up() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        let no_log = fails_in_effect(&emulator, Function::Initialize);
        assert_eq!(no_log.code().number(), 0xC004_0009);
        assert_eq!(dism.initialize(), Err(no_log));
        assert_eq!(emulator.state(), state(1, 0));
        // E2.
        assert_eq!(dism.last_error(), Ok(Some(no_log.code())));
        let step = emulator.journal().steps()[0].clone();
        assert_eq!(step.outcome, Ok(Effect::Initialized { count: 1 }));
        let answer = Scripted { takes_effect: true, ..no_log.code().into() };
        assert_eq!(step.call.answer(), Some(answer));
        assert_eq!(step.code(), no_log.code());

        let session = dism.open_session(IMAGE).unwrap();
        assert_eq!(session.raw(), 2);
        assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
        dism.close_session(session).unwrap();
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        assert_eq!(emulator.state(), State::Down);
        replays(&emulator);
    }
}

#[test]
fn i6_recorded_an_initialize_that_fails_in_effect_is_counted() {
    let emulator = up(Contract::Recorded);
    let dism = emulator.dism();
    let no_log = fails_in_effect(&emulator, Function::Initialize);
    assert_eq!(dism.initialize(), Err(no_log));
    assert_eq!(emulator.state(), state(2, 0));
    dism.shutdown().unwrap();
    assert_eq!(emulator.state(), state(1, 0));
}

#[test]
fn i6_an_initialize_that_the_contract_refuses_takes_no_effect() {
    let emulator = unverified().elevated(false).build();
    fails_in_effect(&emulator, Function::Initialize);
    assert_eq!(emulator.dism().initialize(), Err(Error::NotElevated));
    assert_eq!(emulator.state(), State::Down);
    let emulator = up(Contract::Documented);
    fails_in_effect(&emulator, Function::Initialize);
    let refused = emulator.dism().initialize().unwrap_err();
    assert!(matches!(refused, Error::AlreadyInitialized { .. }), "{refused}");
    assert_eq!(emulator.state(), state(1, 0));
}

#[test]
fn i6_no_initialize_fails_for_its_log_unless_the_test_asks_for_it() {
    for contract in Contract::ALL {
        let dism = down(contract).dism();
        let no_such_folder = Initialize::new().log_file(r"Z:\missing\dism.log");
        assert_eq!(dism.initialize_with(no_such_folder), Ok(Hresult::S_OK));
    }
}

#[test]
fn i6_a_close_can_fail_and_take_effect() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        dism.open_session(IMAGE).unwrap();
        let failed = fails_in_effect(&emulator, Function::CloseSession);
        assert_eq!(dism.close_session(session), Err(failed));
        // C3: it had two references.
        assert_eq!(emulator.state(), state(1, 1));
        let failed = fails_in_effect(&emulator, Function::CloseSession);
        assert_eq!(dism.close_session(session), Err(failed));
        assert_eq!(emulator.state(), state(1, 0));
        assert_eq!(dism.last_error(), Ok(Some(failed.code())));
        assert_eq!(dism.close_session(session), Err(invalid(session)));
        replays(&emulator);
    }
}

#[test]
fn c4_a_close_that_fails_in_effect_waits_for_operations() {
    for contract in Contract::ALL {
        let (emulator, _, session) = one_session(contract);
        let failed = fails_in_effect(&emulator, Function::CloseSession);
        let closed = while_closing(&emulator, session, |operation| {
            assert_eq!(emulator.state(), state(1, 1));
            operation.end().unwrap();
        });
        assert_eq!(closed, Err(failed));
        assert_eq!(emulator.state(), state(1, 0));
    }
}

#[test]
fn i6_a_shutdown_can_fail_and_take_effect() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let failed = fails_in_effect(&emulator, Function::Shutdown);
        assert_eq!(dism.shutdown(), Err(failed));
        assert_eq!(emulator.state(), State::Down);
        assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
        // S7: a shutdown sets no last error.
        assert_eq!(dism.last_error(), Ok(None));
        replays(&emulator);
    }
}

#[test]
fn i6_a_mount_and_an_unmount_can_fail_and_take_effect() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let failed = fails_in_effect(&emulator, Function::MountImage);
        assert_eq!(dism.mount_image(MountImage::new(IMAGE, "install.wim")), Err(failed));
        assert_eq!(dism.mounted_images().unwrap().len(), 1);
        let failed = fails_in_effect(&emulator, Function::UnmountImage);
        assert_eq!(dism.unmount_image(IMAGE, CommitFlags::COMMIT), Err(failed));
        assert_eq!(dism.mounted_images(), Ok(Vec::new()));
        assert_eq!(dism.last_error(), Ok(Some(failed.code())));
        replays(&emulator);
    }
}

/// A success takes effect anyway, and an open has no number to return beside a failure.
#[test]
fn i6_only_a_failure_of_certain_functions_can_take_effect() {
    let initialize = || Rule::on(Function::Initialize);
    assert_eq!(line_of_panic(|| drop(initialize().fail_in_effect(1))), line!());
    let others = Function::ALL.iter().filter(|function| {
        use Function::*;
        !matches!(function, Initialize | CloseSession | Shutdown | MountImage | UnmountImage)
    });
    for &function in others {
        let message = failing(|| Rule::on(function).fail_in_effect(BUSY));
        assert!(message.starts_with("only an initialize, close"), "{function}: {message}");
    }
}

/// The answer that is set last is the one that counts.
#[test]
fn i6_a_later_answer_takes_back_that_the_call_takes_effect() {
    let rule = || Rule::on(Function::Initialize);
    assert_eq!(rule().fail_in_effect(BUSY).fail(BUSY), rule().fail(BUSY));
    assert_ne!(rule().fail(BUSY).fail_in_effect(BUSY), rule().fail(BUSY));
}

/// I3 Recorded: the arguments of a second initialize are in the journal, and nowhere else.
#[test]
fn i3_the_arguments_of_every_initialize_are_in_the_journal() {
    for contract in Contract::ALL {
        let emulator = down(contract);
        let dism = emulator.dism();
        let first = Initialize::new().log_level(2).log_file("a.log").scratch_directory(r"C:\s");
        let second = Initialize::new().log_file("b.log");
        dism.initialize_with(first.clone()).unwrap();
        let _ = dism.initialize_with(second.clone());
        let calls: Vec<_> =
            emulator.journal().steps().iter().map(|step| step.call.clone()).collect();
        assert_eq!(calls, [Call::Initialize(first), Call::Initialize(second)]);
        let shown = r#"initialize log level 2 log file "a.log" scratch directory "C:\s" -> "#;
        let journal = emulator.journal().to_string();
        assert!(journal.contains(shown), "{journal}");
        assert!(journal.contains(r#"initialize log file "b.log" -> "#), "{journal}");
    }
}
