//! Journals: how many steps they keep, and that they replay.

use dism_emu::machine::{Effect, ReplayError};
use dism_emu::{Contract, Function, Journal};

use crate::support::{IMAGE, initialized, one_session, unverified, up};

#[test]
fn a_limited_journal_keeps_the_latest_steps_and_says_that_it_cannot_replay() {
    let emulator = initialized(unverified().journal_limit(3));
    let dism = emulator.dism();
    assert_eq!(emulator.journal().dropped(), 0);
    emulator.journal().replay().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
    let journal = emulator.journal();
    assert_eq!(journal.dropped(), 2);
    assert_eq!(journal.steps().len(), 3);
    assert_eq!(journal.replay().unwrap_err(), ReplayError::Incomplete { dropped: 2 });
    assert_eq!(
        journal.to_string(),
        "(2 earlier steps dropped)\n\
         t1 close session 2 -> closing\n\
         t1 finish closing session 2 -> closed\n\
         t1 shutdown -> shut down\n"
    );

    let whole = initialized(unverified().journal_limit(1));
    assert_eq!(whole.journal().to_string(), "t1 initialize -> initialized, count 1\n");

    let off = initialized(unverified().journal_limit(0));
    assert_eq!((off.journal().steps(), off.journal().dropped()), (&[][..], 0));
    assert_eq!(off.journal().replay().unwrap_err(), ReplayError::Off);
}

#[test]
fn a_journal_shows_the_first_step_that_differs() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    dism.shutdown().unwrap();
    dism.shutdown().unwrap_err();
    let mut steps = emulator.journal().steps().to_vec();
    steps.swap(1, 2);
    let journal = Journal::from_steps(emulator.journal().config().clone(), steps.clone());
    let differs = journal.replay().unwrap_err();
    let ReplayError::Differs { at: 1, step, replayed } = &differs else { panic!("{differs}") };
    assert_eq!(**step, steps[1]);
    assert_eq!(*replayed, Ok(Effect::ShutDown { count: 0 }));
    let thread = steps[1].thread;
    assert_eq!(
        differs.to_string(),
        format!(
            "step 1, {thread} shutdown -> the DISM API is not initialized in this process: 0xC0040001 \
             (DISMAPI_E_DISMAPI_NOT_INITIALIZED), replays as shut down"
        )
    );
}

#[test]
fn a_journal_has_what_an_operation_is_about() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        dism.perform(session, Function::AddPackage.named(r"C:\updates\kb1.cab")).unwrap();
        dism.perform(session, Function::GetFeatures).unwrap();
        let journal = emulator.journal();
        let mut names = journal.steps().iter().filter_map(|step| step.call.name());
        assert_eq!(names.next().unwrap().to_string_lossy(), r"C:\updates\kb1.cab");
        assert_eq!(names.next(), None);
        let shown = r#" begin DismAddPackage "C:\updates\kb1.cab" on session 2 -> begun"#;
        assert!(journal.to_string().contains(shown), "{journal}");
        journal.replay().unwrap();
    }
}
