//! Failures and their messages (rules E1 to E5, I6).

use dism_emu::capi::Process;
use dism_emu::machine::State;
use dism_emu::{Builder, Contract, Function, Hresult, Mistake, Rule};

use crate::c::{call, close, initialize, last_error, open, shutdown};
use crate::exports::{Given, code, export};
use crate::support::{IMAGE, unverified};

/// E4: the code is the test's to choose; the pointer is NULL either way.
#[test]
fn e4_without_a_message_the_pointer_is_null() {
    let as_it_comes: fn(Builder) -> Builder = |builder| builder;
    let chosen: fn(Builder) -> Builder = |builder| builder.no_message(Hresult::S_FALSE);
    for contract in Contract::ALL {
        for (build, expected) in [(as_it_comes, Hresult::S_OK), (chosen, Hresult::S_FALSE)] {
            let _process = Process::start(build(unverified().contract(contract)));
            let read = || {
                let given = Given::new(0, "");
                (call(Function::GetLastErrorMessage, &given), given.outs()[0])
            };
            assert_eq!(read(), (expected, 0));
            assert_eq!(initialize(), Hresult::S_OK);
            assert_eq!(read(), (expected, 0));
            assert!(close(0).is_failure());
            let (returned, message) = read();
            assert_eq!(returned, Hresult::S_OK);
            assert_ne!(message, 0);
        }
    }
}

#[test]
fn e5_the_failure_of_the_first_initialize_can_be_read_and_given_back() {
    let builder = unverified().elevated(false);
    let _process = Process::start(builder);
    let refused = call(Function::Initialize, &Given::new(0, ""));
    assert_eq!(refused, Hresult::WIN32_ELEVATION_REQUIRED);
    let mut given = Given::new(0, "");
    assert_eq!(code((export(Function::GetLastErrorMessage).call)(&given)), Hresult::S_OK);
    given.memory = std::ptr::with_exposed_provenance_mut(given.outs()[0]);
    assert!(!given.memory.is_null());
    assert_eq!(call(Function::Delete, &given), Hresult::S_OK);
}

/// I6: it fails, and has to be matched by a shutdown.
#[test]
fn i6_an_initialize_without_its_log_fails_and_the_api_is_up() {
    for contract in Contract::ALL {
        let process = Process::start(unverified().contract(contract));
        let emulator = process.emulator();
        let no_log = Hresult::new(0xC004_0009);
        let rule = Rule::on(Function::Initialize).fail_in_effect(no_log).times(1);
        let _rule = emulator.script(rule);
        assert_eq!(initialize(), no_log);
        assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
        let found: Vec<_> = emulator.journal().mistakes().iter().map(|it| it.mistake).collect();
        assert_eq!(found, [Mistake::NeverShutDown], "a client that gives up at once");
        // E2
        let text = "Failed to gain access to the log file user specified. \
                    Logging has been disabled.\r\n";
        assert_eq!(last_error().as_deref(), Some(text));
        assert_eq!(close(open(IMAGE)), Hresult::S_OK);
        assert_eq!(shutdown(), Hresult::S_OK);
        assert_eq!(shutdown(), Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED);
        emulator.journal().replay().unwrap();
    }
}
