//! A rule that never fired is reported.

use dism_emu::{Function, Rule, Session};

use crate::support::{BUSY, IMAGE, blameless, told, unverified};

#[test]
fn a_rule_that_never_fired_is_told_by_name_and_place() {
    let dism = unverified().build();
    let rule = Rule::on(Function::AddPackage).session(Session::from_raw(7)).answer(BUSY);
    let line = line!() + 1;
    let guard = dism.script(rule.clone());
    blameless(&dism);
    let report = told(&dism);
    assert!(report.contains(&rule.to_string()), "{report}");
    assert!(report.contains(file!()) && report.contains(&line.to_string()), "{report}");
    drop(guard);
}

#[test]
fn a_rule_that_was_taken_back_without_having_fired_is_told_once() {
    let dism = unverified().build();
    drop(dism.script(Rule::on(Function::AddPackage)));
    blameless(&dism);
    assert_eq!(told(&dism).matches("DismAddPackage").count(), 1);
}

#[test]
fn a_rule_that_is_kept_and_never_fired_is_told() {
    let dism = unverified().build();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
    assert!(told(&dism).contains("DismAddPackage"));
}

#[test]
fn a_rule_that_fired_is_not_told() {
    let dism = unverified().build();
    let guard = dism.script(Rule::on(Function::Initialize));
    blameless(&dism);
    assert!(dism.verify().is_ok());
    drop(guard);
    assert!(dism.verify().is_ok());
}

#[test]
fn an_optional_rule_need_not_fire() {
    let dism = unverified().build();
    let guard = dism.script(Rule::on(Function::AddPackage).optional());
    dism.script(Rule::on(Function::AddDriver).optional()).keep();
    blameless(&dism);
    assert!(dism.verify().is_ok());
    drop(guard);
    assert!(dism.verify().is_ok());
}

#[test]
fn a_host_that_died_unnoticed_is_told_as_one_rule() {
    for is_dropped in [false, true] {
        let dism = unverified().build();
        let dead = dism.kill_host(Session::from_raw(2));
        if is_dropped {
            drop(dead);
        } else {
            dead.keep();
        }
        blameless(&dism);
        assert_eq!(told(&dism).matches("any operation on session 2").count(), 1);
    }
}

#[test]
fn a_host_that_died_is_noticed_by_one_operation() {
    let dism = unverified().build();
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    dism.kill_host(session).keep();
    dism.perform(session, Function::GetFeatures).unwrap_err();
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
    assert!(dism.verify().is_ok());
}
