//! A journal without its beginning: mistakes that are certain are found, and no others.

use dism_emu::machine::Call;
use dism_emu::{Contract, Function, Rule, Session};
use proptest::prelude::*;

use crate::hand::{Hand, found};
use crate::support::{BUSY, unverified};

#[test]
fn without_its_beginning_certain_mistakes_are_found() {
    let emulator = unverified().journal_limit(5).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    dism.open_session("other").unwrap(); // 0 of the steps that are kept
    dism.close_session(session).unwrap();
    dism.close_session(session).unwrap_err(); // 3
    dism.shutdown().unwrap_err(); // 4
    let journal = emulator.journal();
    assert_eq!(journal.dropped(), 2);
    assert_eq!(found(&journal), [(3, 3, vec![1]), (1, 4, vec![0])]);
}

/// What keeps the shutdown from succeeding may be a close that the test scripted to fail.
#[test]
fn without_its_beginning_a_refused_shutdown_may_be_excused() {
    let emulator = unverified().journal_limit(2).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("lost").unwrap();
    let _fails = emulator.script(Rule::on(Function::CloseSession).fail(BUSY));
    dism.close_session(session).unwrap_err();
    dism.image_info("image.wim").unwrap();
    dism.shutdown().unwrap_err();
    assert_eq!(emulator.journal().mistakes(), []);
}

/// S3: the client has given back both, but for a shutdown that the test scripted to fail. Which one
/// that concerned is not certain.
#[test]
fn without_its_beginning_a_shutdown_may_be_for_another_thread() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.initialize(2).unwrap();
    hand.scripted(2, Call::Shutdown, BUSY).unwrap_err();
    hand.initialize(1).unwrap();
    hand.shutdown(3).unwrap();
    assert_eq!(hand.found(), []);
    hand.steps.drain(..2);
    assert_eq!(hand.found(), []);
}

/// D4: the test may have scripted an earlier delete to fail.
#[test]
fn without_its_beginning_a_late_delete_may_be_excused() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    let memory = hand.hand_out(1);
    hand.scripted(1, Call::Delete { memory }, BUSY).unwrap_err();
    hand.shutdown(1).unwrap();
    hand.delete(1, memory).unwrap_err();
    hand.steps.drain(..3);
    assert_eq!(hand.found(), []);
}

/// The open that failed, after which a close of 0 is harmless, is missing.
#[test]
fn without_its_beginning_clean_up_is_harmless() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    hand.open_path(1, "");
    hand.close(1, Session::DEFAULT).unwrap_err();
    hand.shutdown(1).unwrap();
    hand.steps.drain(..2);
    assert_eq!(hand.found(), []);
}

/// S4: a mistake 4 may explain it. In the next period nothing is missing.
#[test]
fn without_its_beginning_a_call_while_down_is_not_certain() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    for _ in 0..2 {
        hand.shutdown(1).unwrap(); // 0, 3 of the steps that are left
        hand.open(1); // 1, 4
        hand.initialize(2).unwrap();
    }
    hand.shutdown(2).unwrap();
    assert_eq!(hand.found(), [(13, 2, vec![1]), (13, 5, vec![4])]);
    hand.steps.remove(0);
    assert_eq!(hand.found(), [(13, 4, vec![3])]);
}

/// I3: the initialize that was in effect is missing, so its thread is not known.
#[test]
fn without_its_beginning_a_refused_initialize_overlaps_with_no_thread() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    hand.initialize(2).unwrap_err();
    hand.shutdown(1).unwrap();
    hand.open(2);
    hand.steps.remove(0);
    assert_eq!(hand.found(), []);
}

/// C3: there may be an open of the same thread that is missing.
#[test]
fn without_its_beginning_more_opens_than_closes_are_certain() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    let session = hand.open(2);
    hand.open(1); // 0 of the steps that are left
    hand.open(1); // 1
    hand.close(2, session).unwrap();
    hand.shutdown(1).unwrap_err(); // 3
    hand.steps.drain(..2);
    assert_eq!(hand.found(), [(1, 3, vec![1])]);
}

#[test]
fn a_journal_that_is_off_has_no_mistakes() {
    let emulator = unverified().journal_limit(0).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    assert_eq!(emulator.journal().mistakes(), []);
    assert_eq!(emulator.journal().timeline().to_string(), "(the journal is switched off)\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    #[test]
    fn a_correct_client_without_its_beginning_has_no_mistakes(
        contract in 0..2_usize,
        picks in prop::collection::vec((0..6_u8, 0..3_u8), 0..60),
        limit in 1..60_usize,
    ) {
        let emulator = unverified().contract(Contract::ALL[contract]).journal_limit(limit).build();
        let dism = emulator.dism();
        let mut count = 0;
        let mut sessions = Vec::new();
        for (what, which) in picks {
            match what {
                0 if dism.initialize().is_ok() => count += 1,
                1 if count > 0 => sessions.push(dism.open_session(format!("image {which}")).unwrap()),
                2 if !sessions.is_empty() => drop(dism.close_session(sessions.pop().unwrap())),
                3 if !sessions.is_empty() => drop(dism.operation(sessions[0], Function::GetFeatures)),
                4 if count > 1 || (count == 1 && sessions.is_empty()) => {
                    dism.shutdown().unwrap();
                    count -= 1;
                }
                _ => {}
            }
        }
        for session in sessions {
            dism.close_session(session).unwrap();
        }
        for _ in 0..count {
            dism.shutdown().unwrap();
        }
        let journal = emulator.journal();
        prop_assert_eq!(journal.mistakes(), [], "{}", journal);
    }
}
