//! The timeline: what it shows, what it folds away, and how wide it is.

use dism_emu::machine::{Call, Scripted};
use dism_emu::{
    CommitFlags, Contract, Function, Hresult, ImagePath, Initialize, Memory, MountFlags,
    MountImage, Session, Timeline,
};
use proptest::prelude::*;

use crate::hand::Hand;
use crate::support::{self, BUSY, REBOOT};

#[test]
fn the_timeline_of_two_threads() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.initialize(1).unwrap();
    hand.initialize(2).unwrap();
    let session = hand.open_path(1, r"C:\mount");
    hand.begin(2, session).unwrap();
    hand.take(1, Call::CloseSession { session }).unwrap();
    hand.end(2, session, Hresult::DISMAPI_E_UNKNOWN_FEATURE).unwrap_err();
    hand.take(1, Call::FinishClose { session }).unwrap();
    hand.close(2, session).unwrap_err();
    hand.scripted(1, Call::Shutdown, BUSY).unwrap_err();
    hand.shutdown(1).unwrap();
    hand.take(2, Call::GetLastErrorMessage).unwrap();
    hand.shutdown(2).unwrap();
    // Rules apply only to calls that the contract allows.
    hand.scripted(1, Call::Shutdown, BUSY).unwrap_err();
    let journal = hand.journal();
    let found = journal.mistakes();
    let expected = r#"
      t1                  t2
   1  initialize -> S_OK
   2                      initialize -> S_FALSE, count 2
   3  open "C:\mount" -> session 2
   4                      begins DismGetFeatures on session 2
   5  close session 2 -> closing, waits for operations
   4                      ends DismGetFeatures on session 2 -> 0x800F080C DISMAPI_E_UNKNOWN_FEATURE
   5  session 2 is gone -> S_OK
!  6                      close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
                            mistake 3, close twice: collides with call 5
   7  shutdown -> 0x800F0902 DISMAPI_E_BUSY, scripted
   8  shutdown -> S_OK, count 1
   9                      get last error -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
  10                      shutdown -> S_OK
  11  shutdown -> 0xC0040001 DISMAPI_E_DISMAPI_NOT_INITIALIZED
"#;
    assert_eq!(format!("\n{}", Timeline::new(&journal, &found)), expected);
}

#[test]
fn the_timeline_has_what_a_call_is_about() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.take(1, Call::Initialize(Initialize::new().log_level(2).log_file("a.log"))).unwrap();
    let mount = MountImage::new(r"C:\mount", "install.wim");
    hand.take(1, Call::MountImage(mount.flags(MountFlags::OPTIMIZE))).unwrap();
    let session = hand.open_path(1, r"C:\mount");
    for (action, result) in [
        (Function::EnableFeature.named("Telnet"), Hresult::S_FALSE),
        (Function::CommitImage.with_flags(CommitFlags::APPEND), Hresult::S_OK),
    ] {
        hand.take(1, Call::begin(session, action)).unwrap();
        hand.end(1, session, result).unwrap();
    }
    hand.close(1, session).unwrap();
    let (path, flags) = (ImagePath::new(r"C:\mount"), CommitFlags::DISCARD);
    hand.take(1, Call::UnmountImage { path, flags }).unwrap();
    let no_log = Hresult::DISMAPI_E_LOGGING_DISABLED.into();
    let no_log = Scripted { takes_effect: true, ..no_log };
    let call = Box::new(Call::Initialize(Initialize::new()));
    hand.take(1, Call::Scripted { call, answer: no_log }).unwrap();
    let expected = r#"
     t1
  1  initialize log level 2 log file "a.log" -> S_OK
  2  mount image 1 of "install.wim" at "C:\mount" OPTIMIZE -> S_OK
  3  open "C:\mount" -> session 2
  4  DismEnableFeature "Telnet" on session 2 -> S_FALSE, reload required
  5  DismCommitImage APPEND on session 2 -> S_OK
  6  close session 2 -> S_OK
  7  unmount "C:\mount" DISCARD -> S_OK
  8  initialize -> 0xC0040009 DISMAPI_E_LOGGING_DISABLED, scripted in effect, count 2
"#;
    assert_eq!(format!("\n{}", hand.journal().timeline()), expected);
}

#[test]
fn the_timeline_of_16_threads_has_their_names_in_its_lines() {
    let mut hand = Hand::new(Contract::Recorded);
    for thread in 1..=16 {
        hand.initialize(thread).unwrap();
    }
    let text = hand.journal().timeline().to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "   1  t1 initialize -> S_OK");
    assert_eq!(
        lines[15],
        "  16                                t16 initialize -> S_FALSE, count 16"
    );
}

#[test]
fn a_long_timeline_is_folded_around_its_mistakes() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    let session = hand.open(1);
    for _ in 0..100 {
        hand.operate(1, session, Hresult::S_OK).unwrap();
    }
    hand.close(1, session).unwrap();
    for _ in 0..50 {
        hand.take(1, Call::GetLastErrorMessage).unwrap();
    }
    hand.close(1, session).unwrap_err();
    for _ in 0..50 {
        hand.take(1, Call::GetLastErrorMessage).unwrap();
    }
    hand.shutdown(1).unwrap();
    let journal = hand.journal();
    let found = journal.mistakes();
    let text = Timeline::new(&journal, &found).to_string();
    // Each call is in a line of its own or counted in a folded one.
    let numbers: Vec<_> = text.lines().map(str::trim).collect();
    let kept =
        |number: &str| numbers.iter().any(|line| line.trim_start_matches("! ").starts_with(number));
    assert!(kept("… 99 calls …") && kept("… 44 calls …") && kept("… 43 calls …"), "{text}");
    for number in ["100 ", "103 ", "106 ", "151 ", "154 ", "157 ", "201 ", "205 "] {
        assert!(kept(number), "{number}\n{text}");
    }
    assert_eq!(text.lines().count(), 1 + 3 + 7 + 7 + 1 + 5, "{text}");
}

#[test]
fn a_timeline_of_40_calls_is_not_folded_and_one_of_41_is() {
    for (count, lines) in [(40, 1 + 40), (41, 1 + 1 + 5)] {
        let mut hand = Hand::new(Contract::Documented);
        hand.initialize(1).unwrap();
        for _ in 2..count {
            hand.take(1, Call::GetLastErrorMessage).unwrap();
        }
        hand.shutdown(1).unwrap();
        let text = hand.journal().timeline().to_string();
        assert_eq!(text.lines().count(), lines, "{text}");
    }
}

#[test]
fn a_single_call_between_two_mistakes_is_not_folded() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    for number in 2..60 {
        if number == 20 || number == 28 {
            hand.begin(1, Session::from_raw(77)).unwrap_err();
        } else {
            hand.take(1, Call::GetLastErrorMessage).unwrap();
        }
    }
    hand.shutdown(1).unwrap();
    let journal = hand.journal();
    let text = Timeline::new(&journal, &journal.mistakes()).to_string();
    assert!(text.contains("\n  24  get last error"), "{text}");
    assert_eq!(text.matches('…').count(), 2 * 2, "{text}");
}

/// C4, C6: the close waited, so it has two lines.
#[test]
fn the_timeline_shows_a_mistake_at_the_return_of_its_call() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    let session = hand.open(1);
    hand.begin(2, session).unwrap();
    hand.take(1, Call::CloseSession { session }).unwrap();
    hand.end(2, session, REBOOT).unwrap();
    hand.take(1, Call::FinishClose { session }).unwrap();
    let journal = hand.journal();
    let text = Timeline::new(&journal, &journal.mistakes()).to_string();
    let marked: Vec<_> = text.lines().filter(|line| line.starts_with('!')).collect();
    assert_eq!(marked, ["! 4  session 2 is gone -> ERROR_SUCCESS_REBOOT_REQUIRED"], "{text}");
    assert_eq!(text.matches("mistake 8").count(), 1, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    /// The calls come from up to 16 threads, with handles that need not be open and with long
    /// paths.
    #[test]
    fn any_journal_is_printed_within_100_columns(
        contract in 0..2_usize,
        threads in 1..17_u64,
        picks in prop::collection::vec((0..16_u64, 0..9_u8, 0..6_u32, 0..200_usize), 0..120),
    ) {
        let mut hand = Hand::new(Contract::ALL[contract]);
        for (thread, what, number, length) in picks {
            let thread = thread % threads + 1;
            let session = Session::from_raw(number);
            let memory = Memory::from_raw(number);
            let _ = match what {
                0 => hand.initialize(thread),
                1 | 2 => {
                    hand.open_path(thread, &"C:\\bücher\n".repeat(length));
                    continue;
                }
                3 => hand.begin(thread, session),
                4 => hand.end(thread, session, Hresult::new(support::RESULTS[number as usize])),
                5 => hand.take(thread, Call::CloseSession { session }),
                6 => hand.take(thread, Call::FinishClose { session }),
                7 => hand.scripted(thread, Call::Delete { memory }, Hresult::S_FALSE),
                _ => hand.shutdown(thread),
            };
        }
        let journal = hand.journal();
        let found = journal.mistakes();
        for line in Timeline::new(&journal, &found).to_string().lines() {
            prop_assert!(line.chars().count() <= 100, "{}", line);
        }
        for finding in &found {
            prop_assert!(finding.at < journal.steps().len());
            prop_assert!(finding.collides_with.iter().all(|it| journal.call(*it).is_some()));
        }
    }
}
