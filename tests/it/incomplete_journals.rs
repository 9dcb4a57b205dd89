//! A journal without its beginning: mistakes that are certain are found, and no others.

use dism_emu::machine::Call;
use dism_emu::{Contract, Function, ImagePath};
use proptest::prelude::*;

use crate::hand::{Hand, found};
use crate::support::unverified;

#[test]
fn without_its_beginning_certain_mistakes_are_found() {
    let emulator = unverified().journal_limit(4).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    let other = dism.open_session("other").unwrap();
    dism.close_session(session).unwrap();
    dism.close_session(session).unwrap_err(); // 2 of the steps that are kept
    dism.shutdown().unwrap_err(); // 3
    let journal = emulator.journal();
    assert_eq!(journal.dropped(), 3);
    assert_eq!(found(&journal), [(3, 2, vec![0]), (1, 3, vec![])]);
    let _ = other;
}

/// S3: the shutdown probably belongs to an initialize of its own thread, which is missing.
#[test]
fn without_its_beginning_a_shutdown_is_not_taken_for_anothers() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.initialize(2).unwrap();
    hand.initialize(1).unwrap();
    hand.take(1, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap();
    hand.shutdown(2).unwrap();
    hand.steps.remove(0);
    assert_eq!(hand.found(), [(2, 0, vec![])]);
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

/// C3: the close probably belongs to an open of its own thread, which is missing.
#[test]
fn without_its_beginning_a_close_is_not_taken_for_anothers() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    let session = hand.open(2);
    hand.open(1);
    hand.close(2, session).unwrap();
    hand.shutdown(1).unwrap_err();
    hand.steps.drain(..2);
    assert_eq!(hand.found(), [(1, 2, vec![0])]);
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
