//! Journals: how many steps they keep, and that they replay.

use dism_emu::machine::{Effect, ReplayError};
use dism_emu::{Contract, Journal};

use crate::support::{IMAGE, initialized, unverified, up};

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
