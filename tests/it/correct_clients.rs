//! Correct clients have no mistake, whatever their calls return.

use dism_emu::machine::{Call, Effect};
use dism_emu::{Contract, Hresult, Initialize, Memory, OpenSession, Session, Timeline};

use crate::hand::Hand;
use crate::mistakes::{makes, makes_under};
use crate::support::{BUSY, REBOOT, unverified};

#[test]
fn a_correct_client_shuts_down_again_after_closing() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.shutdown(1).unwrap_err();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// S5: threads lose a race for the shutdown; on real threads.
#[test]
fn a_correct_client_races_for_the_shutdown() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| dism.shutdown());
            }
        });
        assert_eq!(emulator.journal().mistakes(), []);
    }
}

#[test]
fn a_correct_client_gives_up_when_it_is_refused() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        let memory = it.hand_out(2);
        it.delete(2, memory).unwrap();
        it.shutdown(1).unwrap();
        // E5: it is too late to ask why, but that is no mistake.
        it.take(2, Call::GetLastErrorMessage).unwrap_err();
    });
}

#[test]
fn a_correct_client_shuts_down_on_another_thread() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(2);
        it.close(3, session).unwrap();
        it.shutdown(2).unwrap();
    });
}

/// I3, O3, S3 as the recordings have them.
#[test]
fn a_correct_client_counts() {
    makes_under(Contract::Recorded, &[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.initialize(2).unwrap();
        it.open(2);
        it.shutdown(3).unwrap();
        it.close(2, session).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(3).unwrap();
    });
}

/// P5, O7, C6: it takes failures for failures and successes for successes.
#[test]
fn a_correct_client_handles_every_answer() {
    makes(&[], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), Hresult::S_FALSE).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::WIN32_RPC_S_CALL_FAILED).unwrap_err();
        it.open_path(1, "");
        it.operate(1, session, REBOOT).unwrap();
        it.close(1, session).unwrap();
        it.open_path(1, "");
        it.shutdown(1).unwrap();
    });
}

#[test]
fn a_correct_client_stops_when_initialize_fails() {
    makes(&[], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), Hresult::WIN32_ELEVATION_REQUIRED)
            .unwrap_err();
        it.take(1, Call::GetLastErrorMessage).unwrap();
        it.shutdown(1).unwrap_err();
    });
}

/// What the script keeps a client from releasing is not the client's mistake.
#[test]
fn a_correct_client_is_not_to_blame_for_the_script() {
    let shutdown = |it: &mut Hand| it.scripted(1, Call::Shutdown, BUSY).unwrap_err();
    makes(&[], |it| {
        it.initialize(1).unwrap();
        shutdown(it);
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.shutdown(1).unwrap_err();
        it.close(1, session).unwrap();
        shutdown(it);
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err();
        it.shutdown(1).unwrap_err();
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.open(1);
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap_err();
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1);
        it.scripted(1, Call::Delete { memory }, BUSY).unwrap_err();
        it.shutdown(1).unwrap();
    });
    // D4: it tries again, too late in one client, and in the next period in the other.
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1);
        it.scripted(1, Call::Delete { memory }, BUSY).unwrap_err();
        it.shutdown(1).unwrap();
        it.delete(1, memory).unwrap_err();
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1);
        it.scripted(1, Call::Delete { memory }, BUSY).unwrap_err();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        it.delete(1, memory).unwrap();
        it.shutdown(1).unwrap();
    });
    makes(&[], |it| {
        it.initialize(1).unwrap();
        shutdown(it);
        it.shutdown(1).unwrap();
    });
}

/// A client initializes on demand, also on a thread of a pool on which an earlier task was
/// refused or failed.
#[test]
fn a_correct_client_initializes_lazily() {
    let task = |it: &mut Hand| {
        it.open(1);
        it.take(1, Call::GetLastErrorMessage)
            .unwrap_or(Effect::NoLastError { code: Hresult::S_OK });
        it.delete(1, Memory::NULL).unwrap_or(Effect::Deleted);
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    };
    makes(&[], |it| {
        task(it);
        task(it);
    });
    makes(&[], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        task(it);
    });
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(2).unwrap();
        it.initialize(1).unwrap_err();
        it.shutdown(2).unwrap();
        task(it);
    });
}

/// Its initialize fails, or another lazy thread was faster.
#[test]
fn a_correct_client_initializes_lazily_and_fails() {
    makes(&[], |it| {
        it.open(1);
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
    });
    makes_under(Contract::Documented, &[], |it| {
        it.open(1);
        it.open(2);
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
    });
}

/// The platform's own sample does so on its error paths.
#[test]
fn a_correct_client_cleans_up_after_a_failed_initialize_or_open() {
    let clean_up = |it: &mut Hand| {
        it.delete(1, Memory::NULL).unwrap();
        it.close(1, Session::DEFAULT).unwrap_err();
    };
    makes(&[], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), Hresult::WIN32_ELEVATION_REQUIRED)
            .unwrap_err();
        clean_up(it);
        it.shutdown(1).unwrap_err();
        // It starts again.
        it.initialize(1).unwrap();
        it.scripted(1, Call::OpenSession(OpenSession::new("image")), BUSY).unwrap_err();
        clean_up(it);
        it.shutdown(1).unwrap();
    });
}

/// P6: the session is closed and opened again before its next operation.
#[test]
fn a_correct_client_reloads() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        for _ in 0..2 {
            let session = it.open(1);
            it.operate(1, session, Hresult::S_FALSE).unwrap();
            it.close(1, session).unwrap();
        }
        it.shutdown(1).unwrap();
    });
    // An operation that waits for its turn has arrived before it was asked for.
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.begin(1, session).unwrap();
        it.begin(2, session).unwrap();
        it.end(1, session, Hresult::S_FALSE).unwrap();
        it.end(2, session, Hresult::S_OK).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
    // The test keeps it from closing the session.
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::S_FALSE).unwrap();
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err();
        it.operate(1, session, Hresult::S_FALSE).unwrap();
        it.operate(1, session, Hresult::S_OK).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// If many calls are missing at the end, that is one mistake, and its timeline is short.
#[test]
fn a_correct_client_of_many_calls_has_no_mistakes_until_it_is_cut_short() {
    let mut hand = Hand::new(Contract::Recorded);
    let session = Session::from_raw(2);
    for _ in 0..2_000 {
        hand.initialize(1).unwrap();
        hand.open(1);
    }
    for thread in 0..2_000 {
        hand.close(thread % 2 + 2, session).unwrap();
    }
    for _ in 0..2_000 {
        hand.shutdown(2).unwrap();
    }
    assert_eq!(hand.found(), []);

    hand.steps.truncate(4_000);
    let journal = hand.journal();
    let found = journal.mistakes();
    assert_eq!((found.len(), found[0].collides_with.len() + found[0].more), (1, 3_999));
    let text = Timeline::new(&journal, &found).to_string();
    assert!(text.contains("calls 2, 3, 4, 5, 6, 7, 8, 9 and 3991 more"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}
