//! How long a rule is in force, and for which handles and threads.

use std::thread;

use dism_emu::{Contract, Error, Function, Hresult, Rule};

use crate::support::{BUSY, failing, up};

#[test]
fn a_guard_that_is_dropped_takes_its_rule_back() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    assert!(dism.cleanup_mountpoints().is_err());
    drop(rule);
    assert!(dism.cleanup_mountpoints().is_ok());
}

#[test]
fn a_guard_that_is_dropped_leaves_other_rules_in_force() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = |code: Hresult| emulator.script(Rule::on(Function::CleanupMountpoints).answer(code));
    let (first, second) = (rule(BUSY), rule(Hresult::E_OUTOFMEMORY));
    drop(first);
    assert_eq!(dism.cleanup_mountpoints().unwrap_err().code(), Hresult::E_OUTOFMEMORY);
    assert_eq!(second.fired(), 1);
}

#[test]
fn a_guard_that_is_dropped_by_a_panic_takes_its_rule_back() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    failing(|| {
        let _rule = emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
        dism.cleanup_mountpoints().unwrap();
    });
    assert!(dism.cleanup_mountpoints().is_ok());
}

#[test]
fn a_rule_that_is_kept_outlives_its_guard() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY)).keep();
    for _ in 0..2 {
        assert!(dism.cleanup_mountpoints().is_err());
    }
}

#[test]
fn a_rule_is_in_force_for_every_handle_and_every_thread() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    let clone = dism.clone();
    let failed = thread::spawn(move || clone.cleanup_mountpoints()).join().unwrap();
    assert_eq!(failed, Err(Error::Failed { code: BUSY }));
    assert_eq!(rule.fired(), 1);
}

#[test]
fn a_rule_survives_a_shutdown() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let _rule = emulator.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    dism.shutdown().unwrap();
    dism.initialize().unwrap();
    assert!(dism.cleanup_mountpoints().is_err());
}
