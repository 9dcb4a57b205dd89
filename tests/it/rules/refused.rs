//! Rules apply only to calls that the contract allows.

use dism_emu::{Contract, Emulator, Error, Function, Hresult, Memory, MountImage, Rule, Session};

use crate::methods::{WITHOUT_SESSION, call};
use crate::support::{BUSY, IMAGE, OTHER, unverified, up};

/// Makes a call that the contract refuses while a rule for it is in force. Asserts that the call is
/// refused as before, and that the rule does not fire.
#[track_caller]
fn assert_no_rule_applies(
    emulator: &Emulator,
    function: Function,
    call: impl Fn() -> Option<Error>,
) {
    let unscripted = call().expect("the contract refuses it");
    let rule = emulator.script(Rule::on(function).nth(1).optional().answer(BUSY));
    assert_eq!(call(), Some(unscripted), "{function}");
    assert_eq!(rule.fired(), 0, "{function}");
    emulator.journal().replay().unwrap();
}

#[test]
fn i2_no_rule_applies_to_a_refused_initialize() {
    let emulator = unverified().elevated(false).build();
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, Function::Initialize, || dism.initialize().err());
    let dism = up(Contract::Documented).dism();
    assert_no_rule_applies(&emulator, Function::Initialize, || dism.initialize().err());
}

#[test]
fn o1_no_rule_applies_to_a_refused_open() {
    let emulator = unverified().last_session(2).build();
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, Function::OpenSession, || dism.open_session(IMAGE).err());
    dism.initialize().unwrap();
    assert_no_rule_applies(&emulator, Function::OpenSession, || dism.open_session("").err());
    dism.open_session(IMAGE).unwrap();
    // O8: the numbers ran out.
    assert_no_rule_applies(&emulator, Function::OpenSession, || dism.open_session(OTHER).err());
}

#[test]
fn c2_no_rule_applies_to_a_refused_close() {
    let function = Function::CloseSession;
    let emulator = unverified().build();
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, function, || dism.close_session(Session::from_raw(2)).err());
    dism.initialize().unwrap();
    assert_no_rule_applies(&emulator, function, || dism.close_session(Session::DEFAULT).err());
    let session = dism.open_session(IMAGE).unwrap();
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    // C7: it would wait for its own thread.
    assert_no_rule_applies(&emulator, function, || dism.close_session(session).err());
    drop(operation);
}

#[test]
fn s2_no_rule_applies_to_a_refused_shutdown() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, Function::Shutdown, || dism.shutdown().err());
    dism.initialize().unwrap();
    dism.open_session(IMAGE).unwrap();
    assert_no_rule_applies(&emulator, Function::Shutdown, || dism.shutdown().err());
}

#[test]
fn p1_no_rule_applies_to_a_refused_operation() {
    let function = Function::AddPackage;
    let emulator = unverified().build();
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, function, || {
        dism.perform(Session::from_raw(2), function).err()
    });
    dism.initialize().unwrap();
    assert_no_rule_applies(&emulator, function, || dism.perform(Session::DEFAULT, function).err());
    let session = dism.open_session(IMAGE).unwrap();
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    // P3: it would wait for its own thread.
    assert_no_rule_applies(&emulator, function, || dism.perform(session, function).err());
    drop(operation);
}

#[test]
fn e5_no_rule_applies_to_a_refused_last_error() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    dism.shutdown().unwrap();
    assert_no_rule_applies(&emulator, Function::GetLastErrorMessage, || dism.last_error().err());
}

#[test]
fn d3_no_rule_applies_to_a_refused_delete() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    assert_no_rule_applies(&emulator, Function::Delete, || dism.delete(Memory::from_raw(1)).err());
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.shutdown().unwrap();
    assert_no_rule_applies(&emulator, Function::Delete, || dism.delete(memory).err());
}

#[test]
fn n1_no_rule_applies_to_a_refused_call_without_a_session() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    for function in WITHOUT_SESSION {
        assert_no_rule_applies(&emulator, function, || {
            call(&dism, function, Session::DEFAULT, Memory::NULL).err()
        });
    }
}

#[test]
fn p1_a_rule_answers_only_a_commit_of_a_mounted_image() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    let other = dism.open_session("other").unwrap();
    let rule = emulator.script(Rule::on(Function::CommitImage).answer(3010));
    for session in [other, Session::DEFAULT] {
        let refused = dism.perform(session, Function::CommitImage).unwrap_err();
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
        assert_eq!(rule.fired(), 0);
    }
    let reboot = Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED);
    assert_eq!(dism.perform(session, Function::CommitImage), reboot);
    assert_eq!(rule.fired(), 1);
    emulator.journal().replay().unwrap();
}
