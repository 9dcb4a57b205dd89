//! The verification at the drop of the last handle.

use dism_emu::{Emulator, Function, Remark, Rule};

use crate::support::{blameless, failing, unverified};

#[test]
fn the_drop_of_the_last_handle_names_the_mistakes() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    drop(dism.clone());
    let said = failing(|| drop(dism));
    let begins = "1 mistake under the contract Documented\n\nmistake 2, never shut down: call 1 by";
    assert!(said.starts_with(begins), "{said}");
}

#[test]
fn the_drop_of_the_last_handle_names_nothing_for_a_test_that_opted_out() {
    let dism = unverified().build();
    dism.initialize().unwrap();
}

/// Two panics at once would end the process, and hide the test's own.
#[test]
fn the_drop_of_the_last_handle_keeps_quiet_in_a_test_that_panics() {
    let said = failing(|| {
        let dism = Emulator::new();
        dism.initialize().unwrap();
        panic!("the test's own");
    });
    assert_eq!(said, "the test's own");
}

#[test]
fn the_drop_of_the_last_handle_names_no_mistake_twice() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    dism.verify().unwrap_err();
}

#[test]
fn the_drop_of_the_last_handle_names_what_came_after_a_verification() {
    let dism = Emulator::new();
    dism.verify().unwrap();
    dism.initialize().unwrap();
    assert!(failing(|| drop(dism)).contains("mistake 2, never shut down"));
}

/// Who asks is told that the answer is worth less; who does not ask is left alone.
#[test]
fn what_the_journal_lost_is_told_by_verify_and_not_by_the_drop() {
    for is_asked in [true, false] {
        for (limit, lost) in
            [(0, Remark::JournalOff), (1, Remark::JournalIncomplete { dropped: 1 })]
        {
            let dism = Emulator::builder().journal_limit(limit).build();
            dism.initialize().unwrap();
            dism.shutdown().unwrap();
            if is_asked {
                let report = dism.verify().unwrap_err();
                assert_eq!((report.mistakes(), report.remarks()), (&[][..], &[lost][..]));
            }
        }
    }
}

#[test]
fn the_drop_of_the_last_handle_tells_of_a_rule_that_never_fired() {
    let message = failing(|| {
        let dism = Emulator::new();
        let _guard = dism.script(Rule::on(Function::AddPackage));
        blameless(&dism);
    });
    assert!(message.contains("DismAddPackage"), "{message}");
}

#[test]
fn the_drop_of_the_last_handle_says_nothing_of_an_optional_rule() {
    let dism = Emulator::new();
    dism.script(Rule::on(Function::AddPackage).optional()).keep();
    blameless(&dism);
}

#[test]
fn the_drop_of_the_last_handle_tells_nothing_twice() {
    let dism = Emulator::new();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
    assert!(dism.verify().is_err());
}

#[test]
fn a_test_that_opted_out_is_not_told_at_the_drop() {
    let dism = unverified().build();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
}

#[test]
#[should_panic(expected = "a rule of the test never fired")]
fn the_drop_tells_of_what_was_scripted_after_an_explicit_verify() {
    let dism = Emulator::new();
    blameless(&dism);
    dism.verify().unwrap();
    drop(dism.script(Rule::on(Function::AddPackage)));
}

#[test]
#[should_panic(expected = "still initialized at the end: count 1, open sessions 1")]
fn what_is_left_behind_is_told_where_the_journal_has_lost_how_it_came() {
    let dism = Emulator::builder().journal_limit(2).build();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    dism.perform(session, Function::GetFeatures).unwrap();
}
