//! A rule that did not fire as often as the test expects is reported.

use dism_emu::{Function, Remark, Rule, Session};

use crate::support::{BUSY, IMAGE, blameless, reported, unverified};

#[test]
fn a_rule_that_never_fired_is_reported_by_name_and_location() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    let rule = Rule::on(Function::AddPackage).session(Session::from_raw(7)).answer(BUSY);
    let line = line!() + 1;
    let guard = emulator.script(rule.clone());
    blameless(&dism);
    let report = reported(&emulator);
    assert!(report.contains(&rule.to_string()), "{report}");
    assert!(report.contains(file!()) && report.contains(&line.to_string()), "{report}");
    drop(guard);
}

#[test]
fn a_rule_that_was_taken_back_without_having_fired_is_reported_once() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    drop(emulator.script(Rule::on(Function::AddPackage)));
    blameless(&dism);
    assert_eq!(reported(&emulator).matches("DismAddPackage").count(), 1);
}

#[test]
fn a_rule_that_is_kept_and_never_fired_is_reported() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    emulator.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
    assert!(reported(&emulator).contains("DismAddPackage"));
}

#[test]
fn a_rule_that_fired_is_not_reported() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    let guard = emulator.script(Rule::on(Function::Initialize));
    blameless(&dism);
    assert!(emulator.verify().is_ok());
    drop(guard);
    assert!(emulator.verify().is_ok());
}

#[test]
fn an_optional_rule_need_not_fire() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    let guard = emulator.script(Rule::on(Function::AddPackage).optional());
    emulator.script(Rule::on(Function::AddDriver).optional()).keep();
    blameless(&dism);
    assert!(emulator.verify().is_ok());
    drop(guard);
    assert!(emulator.verify().is_ok());
}

#[test]
fn a_dead_host_that_no_operation_reached_is_reported_as_one_rule() {
    for is_dropped in [false, true] {
        let emulator = unverified().build();
        let dism = emulator.dism();
        let dead = emulator.script(Rule::dead_host(Session::from_raw(2)));
        if is_dropped {
            drop(dead);
        } else {
            dead.keep();
        }
        blameless(&dism);
        assert_eq!(reported(&emulator).matches("any operation on session 2").count(), 1);
    }
}

#[test]
fn a_dead_host_that_one_operation_reached_is_not_reported() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    emulator.script(Rule::dead_host(session)).keep();
    dism.perform(session, Function::GetFeatures).unwrap_err();
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
    assert!(emulator.verify().is_ok());
}

#[test]
fn a_rule_that_fired_another_number_of_times_than_expected_is_reported_with_both() {
    for (calls, expected) in [(0, 1), (1, 2), (3, 2), (1, 0)] {
        let emulator = unverified().build();
        let dism = emulator.dism();
        let rule = Rule::on(Function::CleanupMountpoints).expect(expected);
        emulator.script(rule.clone()).keep();
        dism.initialize().unwrap();
        (0..calls).for_each(|_| assert!(dism.cleanup_mountpoints().is_ok()));
        dism.shutdown().unwrap();
        let report = reported(&emulator);
        let remark = format!("(expected {expected}, fired {calls}): {rule}, at {}:", file!());
        assert_eq!(report.matches(&remark).count(), 1, "{report}");
    }
}

#[test]
fn a_rule_that_fired_as_often_as_expected_is_not_reported() {
    for calls in 0..3 {
        let emulator = unverified().build();
        let dism = emulator.dism();
        // The last of several such calls counts.
        let rule = Rule::on(Function::CleanupMountpoints).optional().expect(calls);
        emulator.script(rule).keep();
        emulator.script(Rule::on(Function::AddPackage).expect(5).optional()).keep();
        dism.initialize().unwrap();
        (0..calls).for_each(|_| assert!(dism.cleanup_mountpoints().is_ok()));
        dism.shutdown().unwrap();
        assert!(emulator.verify().is_ok());
    }
}

#[test]
fn calls_after_a_rule_is_taken_back_do_not_count() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let rule = emulator.script(Rule::on(Function::CleanupMountpoints).expect(1));
    dism.cleanup_mountpoints().unwrap();
    drop(rule);
    dism.cleanup_mountpoints().unwrap();
    dism.shutdown().unwrap();
    assert!(emulator.verify().is_ok());
}

/// A loop in a test makes any number of rules.
#[test]
fn the_first_of_many_unused_rules_are_reported_and_the_others_counted() {
    let emulator = unverified().build();
    for at in 0..1_000 {
        let guard = emulator.script(Rule::on(Function::AddPackage).after(at));
        if at % 2 == 0 {
            guard.keep();
        }
    }
    blameless(&emulator.dism());
    let report = emulator.verify().unwrap_err();
    let more = report.remarks().iter().find_map(|remark| match remark {
        Remark::More { remarks } => Some(*remarks),
        _ => None,
    });
    assert_eq!((report.remarks().len(), more), (65, Some(936)));
}
