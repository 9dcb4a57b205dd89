//! For how long a rule is in force, and for whom.

use std::thread;

use dism_emu::{Contract, Error, Function, Hresult, Rule};

use crate::support::{BUSY, failing, up};

#[test]
fn a_guard_that_is_dropped_takes_its_rule_back() {
    let dism = up(Contract::Documented);
    let rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    assert!(dism.call(Function::CleanupMountpoints).is_err());
    drop(rule);
    assert!(dism.call(Function::CleanupMountpoints).is_ok());
}

#[test]
fn a_guard_that_is_dropped_leaves_other_rules_in_force() {
    let dism = up(Contract::Documented);
    let rule = |code: Hresult| dism.script(Rule::on(Function::CleanupMountpoints).answer(code));
    let (first, second) = (rule(BUSY), rule(Hresult::E_OUTOFMEMORY));
    drop(first);
    assert_eq!(dism.call(Function::CleanupMountpoints).unwrap_err().code(), Hresult::E_OUTOFMEMORY);
    assert_eq!(second.fired(), 1);
}

#[test]
fn a_guard_that_is_dropped_by_a_panic_takes_its_rule_back() {
    let dism = up(Contract::Documented);
    failing(|| {
        let _rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
        dism.call(Function::CleanupMountpoints).unwrap();
    });
    assert!(dism.call(Function::CleanupMountpoints).is_ok());
}

#[test]
fn a_rule_that_is_kept_outlives_its_guard() {
    let dism = up(Contract::Documented);
    dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY)).keep();
    for _ in 0..2 {
        assert!(dism.call(Function::CleanupMountpoints).is_err());
    }
}

#[test]
fn a_rule_is_in_force_for_every_handle_and_every_thread() {
    let dism = up(Contract::Documented);
    let rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    let clone = dism.clone();
    let failed = thread::spawn(move || clone.call(Function::CleanupMountpoints)).join().unwrap();
    assert_eq!(failed, Err(Error::Scripted { code: BUSY }));
    assert_eq!(rule.fired(), 1);
}

#[test]
fn a_rule_survives_a_shutdown() {
    let dism = up(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    dism.shutdown().unwrap();
    dism.initialize().unwrap();
    assert!(dism.call(Function::CleanupMountpoints).is_err());
}
