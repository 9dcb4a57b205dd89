//! Dropping the emulator verifies its client.

use std::thread;

use dism_emu::{Contract, Dism, Emulator, Function, Hold, Mistake, Remark, Rule};

use crate::support::{blameless, failing, unverified};

#[test]
fn the_drop_reports_mistakes() {
    let emulator = Emulator::new();
    emulator.dism().initialize().unwrap();
    let line = line!() - 1;
    let message = failing(|| drop(emulator));
    let begins = format!(
        "dism-emu: never shut down, tests/it/drop.rs:{line}\n\
         1 mistake under the contract Documented\n\nmistake 2, never shut down: call 1 by"
    );
    assert!(message.starts_with(&begins), "{message}");
    assert!(!message.contains("still alive"), "{message}");
}

#[test]
fn the_drop_reports_no_mistake_of_a_test_that_opted_out() {
    let dism = unverified().build().dism();
    dism.initialize().unwrap();
}

/// Two panics at once would abort the process and hide the panic of the test.
#[test]
fn the_drop_is_silent_in_a_test_that_panics() {
    let message = failing(|| {
        let emulator = Emulator::new();
        emulator.dism().initialize().unwrap();
        panic!("the test's own");
    });
    assert_eq!(message, "the test's own");
}

#[test]
fn the_drop_does_not_report_a_mistake_again() {
    let emulator = Emulator::new();
    emulator.dism().initialize().unwrap();
    emulator.verify().unwrap_err();
}

#[test]
fn the_drop_reports_what_happened_after_a_verification() {
    let emulator = Emulator::new();
    emulator.verify().unwrap();
    emulator.dism().initialize().unwrap();
    assert!(failing(|| drop(emulator)).contains("mistake 2, never shut down"));
}

/// A handle in a static, or on a thread that is never joined, does not hide a client's mistakes.
#[test]
fn a_wrong_client_is_reported_though_its_handle_outlives_the_test() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    let _other = dism.clone();
    dism.initialize().unwrap();
    let session = dism.open_owned_session("image").unwrap();
    let message = failing(|| drop(emulator));
    let message: Vec<_> = message.split_whitespace().collect();
    let message = message.join(" ");
    assert!(message.starts_with("dism-emu: never shut down,"), "{message}");
    // Two handles, and the session.
    let left = format!(
        "remark: 3 handles to the emulator are still alive; the last call of each thread: t1 \
         open \"image\" -> session 2, at {}:",
        file!()
    );
    assert!(message.contains(&left), "{message}");
    // Nothing verifies the calls from here on.
    drop(session);
    dism.close_session(dism_emu::Session::from_raw(2)).unwrap_err();
}

#[test]
fn a_handle_that_outlives_the_test_is_a_remark_and_no_mistake() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    blameless(&dism);
    let other = thread::spawn({
        let dism = dism.clone();
        move || dism.last_error().unwrap_err()
    });
    other.join().unwrap();
    let report = emulator.verify().unwrap();
    assert_eq!(report.mistakes(), []);
    let [Remark::HandlesLeft { handles: 1, last_calls }] = report.remarks() else {
        panic!("{report}")
    };
    assert_eq!(last_calls.len(), 2, "{report}");
    drop(emulator);
    blameless(&dism);
}

#[test]
fn there_is_no_remark_if_no_handle_is_left() {
    let emulator = Emulator::new();
    blameless(&emulator.dism());
    assert_eq!(emulator.verify().unwrap().remarks(), []);
}

/// The emulator, guards, handles and sessions can be dropped in any order.
#[test]
fn guards_handles_and_sessions_outlive_the_emulator_in_any_order() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let emulator = unverified().build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_owned_session("image").unwrap();
        let rule = emulator.script(Rule::on(Function::AddPackage).fail(0x8000_0001));
        let hold = emulator.hold(Hold::before(Function::Shutdown));
        drop(emulator);
        // Rules and holds stay in force until their guards are dropped.
        dism.perform(session.handle(), Function::AddPackage).unwrap_err();
        assert_eq!(rule.fired(), 1);
        assert!(!hold.is_held());
        let mut drops: [Option<Box<dyn FnOnce()>>; 4] = [
            Some(Box::new(|| drop(rule))),
            Some(Box::new(|| drop(hold))),
            Some(Box::new(|| drop(session))),
            Some(Box::new(|| drop(dism))),
        ];
        order.into_iter().for_each(|at| drops[at].take().unwrap()());
    }
}

#[test]
fn a_mistake_that_is_allowed_is_not_reported() {
    let allows = |mistake| Emulator::builder().allow(mistake).build();
    let emulator = allows(Mistake::NeverShutDown);
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    assert_eq!(emulator.verify().unwrap().mistakes(), []);
    assert!(emulator.journal().mistakes()[0].mistake == Mistake::NeverShutDown);
    // A mistake that is not allowed is reported.
    dism.close_session(session).unwrap();
    dism.close_session(session).unwrap_err();
    let message = failing(|| drop(emulator));
    assert!(message.contains("1 mistake under") && message.contains("close twice"), "{message}");

    let other = allows(Mistake::CloseTwice);
    other.dism().initialize().unwrap();
    assert!(failing(|| drop(other)).contains("never shut down"));
}

/// Whatever its last call was: one that returned 3010, or failed, or was counted.
#[test]
fn a_client_that_never_shuts_down_by_design_is_not_blamed_for_another_reason() {
    let allows = |contract| {
        let emulator = Emulator::builder().contract(contract).allow(Mistake::NeverShutDown).build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        (emulator, dism)
    };
    let (_reboot, dism) = allows(Contract::Documented);
    let session = dism.open_session("image").unwrap();
    dism.operation(session, Function::AddPackage).unwrap().end_with(3010).unwrap();
    dism.close_session(session).unwrap();
    let (_failed, dism) = allows(Contract::Documented);
    dism.open_session("").unwrap_err();
    let (_counted, dism) = allows(Contract::Recorded);
    dism.initialize().unwrap();
}

#[test]
fn an_allowed_mistake_is_not_reported_from_an_incomplete_journal() {
    let emulator = Emulator::builder().allow(Mistake::NeverShutDown).journal_limit(1).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    dism.open_session("image").unwrap();
}

/// A test that calls `verify` learns that the report is incomplete. The drop says nothing of it.
#[test]
fn an_incomplete_journal_is_reported_by_verify_and_not_by_the_drop() {
    for is_asked in [true, false] {
        for (limit, lost) in
            [(0, Remark::JournalOff), (1, Remark::JournalIncomplete { dropped: 1 })]
        {
            let emulator = Emulator::builder().journal_limit(limit).build();
            blameless(&emulator.dism());
            if is_asked {
                let report = emulator.verify().unwrap_err();
                assert_eq!((report.mistakes(), report.remarks()), (&[][..], &[lost][..]));
            }
        }
    }
}

#[test]
fn the_drop_reports_a_rule_that_never_fired() {
    let message = failing(|| {
        let emulator = Emulator::new();
        let _guard = emulator.script(Rule::on(Function::AddPackage));
        blameless(&emulator.dism());
    });
    let begins = "dism-emu: a rule of the test never fired, tests/it/drop.rs:";
    assert!(message.starts_with(begins), "{message}");
    assert!(message.contains("DismAddPackage"), "{message}");
}

#[test]
fn the_drop_does_not_report_an_optional_rule() {
    let emulator = Emulator::new();
    emulator.script(Rule::on(Function::AddPackage).optional()).keep();
    blameless(&emulator.dism());
}

#[test]
fn the_drop_does_not_report_a_rule_again() {
    let emulator = Emulator::new();
    emulator.script(Rule::on(Function::AddPackage)).keep();
    blameless(&emulator.dism());
    assert!(emulator.verify().is_err());
}

/// A verification that comes early is not the last, though no journal tells that calls came after it.
#[test]
fn the_drop_reports_what_a_rule_did_after_a_verification_without_a_journal() {
    let emulator = Emulator::builder().journal_limit(0).build();
    let dism = emulator.dism();
    emulator.script(Rule::on(Function::Shutdown).expect(1)).keep();
    blameless(&dism);
    emulator.verify().unwrap_err();
    blameless(&dism);
    let said = failing(|| drop(emulator));
    assert!(said.contains("(expected 1, fired 2)"), "{said}");
}

#[test]
fn the_drop_reports_no_rule_of_a_test_that_opted_out() {
    let emulator = unverified().build();
    emulator.script(Rule::on(Function::AddPackage)).keep();
    blameless(&emulator.dism());
}

#[test]
#[should_panic(expected = "a rule of the test never fired")]
fn the_drop_reports_what_was_scripted_after_an_explicit_verify() {
    let emulator = Emulator::new();
    blameless(&emulator.dism());
    emulator.verify().unwrap();
    drop(emulator.script(Rule::on(Function::AddPackage)));
}

#[test]
#[should_panic(expected = "still initialized at the end: count 1, open sessions 1")]
fn what_is_left_open_is_reported_though_the_journal_is_incomplete() {
    let emulator = Emulator::builder().journal_limit(2).build();
    let dism: Dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    dism.perform(session, Function::GetFeatures).unwrap();
}
