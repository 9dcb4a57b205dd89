//! The report that `verify` returns.

use dism_emu::{Contract, ThreadNumber};

use crate::hand::Hand;
use crate::support::unverified;

/// Returns the report of ten sessions whose paths are long and have line breaks in them.
fn ten_sessions_left_open() -> String {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    for number in 0..10 {
        dism.open_session(format!("C:\\{number}\n\u{2028}{}", "bücher".repeat(40))).unwrap();
    }
    dism.shutdown().unwrap_err();
    emulator.verify().unwrap_err().to_string()
}

#[test]
fn a_report_is_no_wider_than_100_columns_and_has_every_answer() {
    let report = ten_sessions_left_open();
    for line in report.lines() {
        let width = line.chars().count();
        // A line is cut off only at the limit.
        assert!(if line.contains('…') { width == 100 } else { width <= 100 }, "{line}");
    }
    for session in 2..12 {
        let expected = 1 + usize::from(session < 10);
        let answer = format!("… -> session {session}\n");
        assert_eq!(report.matches(&answer).count(), expected, "{report}");
    }
}

#[test]
fn no_path_breaks_a_line_of_a_report() {
    let report = ten_sessions_left_open();
    assert_eq!(report.matches(r"\u{a}\u{2028}b").count(), 8 + 10, "{report}");
    assert!(!report.contains('\u{2028}'), "{report}");
}

#[test]
fn a_report_lists_eight_of_many_calls_and_counts_the_others() {
    let report = ten_sessions_left_open();
    assert!(
        report.starts_with(
            "dism-emu: shutdown with a session open, tests/it/report.rs:16\n\
             1 mistake under the contract Documented\n\nmistake 1,"
        ),
        "{report}"
    );
    assert_eq!(report.matches("\n    collides with call ").count(), 8, "{report}");
    assert!(report.contains("\n    and with 2 more calls\n"), "{report}");
}

#[test]
fn a_report_has_the_location_of_each_call_in_the_source_of_the_client() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let opened = line!() + 1;
    dism.open_session("image").unwrap();
    let refused = line!() + 1;
    dism.shutdown().unwrap_err();
    let report = emulator.verify().unwrap_err().to_string();
    for (call, line) in [(2, opened), (3, refused)] {
        let header = format!("call {call} by t1 at {}:{line}:", file!());
        assert!(report.contains(&header), "{header}\n{report}");
    }
}

/// However many threads there were before, and whatever their numbers are.
#[test]
fn texts_number_the_threads_in_the_order_of_the_steps() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.initialize(900).unwrap();
    hand.initialize(7).unwrap();
    hand.initialize(900).unwrap();
    let journal = hand.journal();
    assert_eq!(
        journal.to_string(),
        "t1 initialize -> initialized, count 1\n\
         t2 initialize -> initialized, count 2\n\
         t1 initialize -> initialized, count 3\n"
    );
    assert_eq!(
        journal.timeline().to_string(),
        "     t1                  t2\n\
         \x20 1  initialize -> S_OK\n\
         \x20 2                      initialize -> S_FALSE, count 2\n\
         \x20 3  initialize -> S_FALSE, count 3\n"
    );
    assert_eq!(journal.steps()[0].thread, ThreadNumber::new(900));
}

/// A mistake in a loop is shown once, and its later rounds are only counted.
#[test]
fn a_report_lists_a_mistake_in_a_loop_once() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    for _ in 0..200 {
        let session = dism.open_session("image").unwrap();
        dism.close_session(session).unwrap();
        dism.close_session(session).unwrap_err();
    }
    dism.shutdown().unwrap();
    let report = emulator.verify().unwrap_err();
    assert_eq!(report.mistakes().len(), 200);
    assert_eq!((report.mistakes()[1].call, report.mistakes()[1].at), (7, 8));
    let text = report.to_string();
    assert_eq!(text.matches("instead: ").count(), 1, "{text}");
    let others = "calls 7, 10, 13, 16, 19, 22, 25, 28 and 191 more";
    let others = format!("the same mistake at the same location: {others}");
    assert!(text.contains(&others), "{text}");
    assert!(text.lines().count() < 80, "{text}");
}

#[test]
fn a_report_without_a_journal_does_not_say_that_there_are_no_mistakes() {
    let emulator = unverified().journal_limit(0).build();
    let report = emulator.verify().unwrap_err().to_string();
    let begins = "dism-emu: the journal is switched off, so no mistake can be found\n\
                  not checked for mistakes\n";
    assert!(report.starts_with(begins), "{report}");
}
