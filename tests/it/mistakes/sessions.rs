//! Mistakes with sessions.

use dism_emu::machine::{Call, Effect, Outcome};
use dism_emu::{Contract, DISM_ONLINE_IMAGE, Function, Hresult, OpenSession, Session};

use super::makes;
use crate::hand::{Hand, found};
use crate::support::{BUSY, REBOOT, unverified};

/// Makes a call that is refused while a close waits for an operation, which ends with `result`.
fn while_a_close_waits(
    it: &mut Hand,
    result: Hresult,
    call: impl Fn(&mut Hand, u64, Session) -> Outcome,
) {
    it.initialize(1).unwrap();
    let session = it.open(1);
    it.begin(2, session).unwrap();
    it.take(1, Call::CloseSession { session }).unwrap(); // 3
    call(it, 3, session).unwrap_err(); // 4
    it.end(2, session, result).unwrap();
    it.take(1, Call::FinishClose { session }).unwrap();
    it.shutdown(1).unwrap();
}

// 3: close twice (C2, C5)

#[test]
fn mistake_3_a_closed_handle_is_closed_again() {
    makes(&[(3, 4, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.close(1, session).unwrap_err(); // 4
        it.shutdown(1).unwrap();
    });
}

#[test]
fn mistake_3_while_another_close_waits() {
    makes(&[(3, 4, &[3])], |it| while_a_close_waits(it, Hresult::S_OK, Hand::close));
}

#[test]
fn mistake_3_after_the_shutdown_and_in_the_next_period() {
    makes(&[(3, 5, &[2]), (3, 7, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.shutdown(1).unwrap();
        it.close(1, session).unwrap_err(); // 5
        it.initialize(1).unwrap();
        it.close(1, session).unwrap_err(); // 7
        it.shutdown(1).unwrap();
    });
}

/// As in the contract's list, a wrapper closes and reopens, and the reopen fails.
#[test]
fn mistake_3_by_a_finalizer_after_a_failed_reopen() {
    makes(&[(3, 5, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        let reopen = Call::OpenSession(OpenSession::new(DISM_ONLINE_IMAGE));
        it.scripted(1, reopen, BUSY).unwrap_err(); // 4
        it.close(2, session).unwrap_err(); // 5
        it.shutdown(1).unwrap();
    });
}

/// C3: one close for each reference is no mistake, but one more is.
#[test]
fn mistake_3_one_close_more_than_references() {
    makes(&[(3, 6, &[4])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.open(1);
        it.close(1, session).unwrap(); // 3
        it.close(1, session).unwrap(); // 4, 5
        it.close(1, session).unwrap_err(); // 6
        it.shutdown(1).unwrap();
    });
}

// 5: left after a failed open (O7)

#[test]
fn mistake_5_a_failed_open_returns_early() {
    makes(&[(5, 1, &[0])], |it| {
        it.initialize(1).unwrap();
        let open = Call::OpenSession(OpenSession::new("image"));
        it.scripted(1, open, Hresult::DISMAPI_E_NEEDS_REMOUNT).unwrap_err();
        it.take(1, Call::GetLastErrorMessage).unwrap();
    });
}

/// On the way out, RAII closes what was opened before.
#[test]
fn mistake_5_another_session_is_closed_on_the_way_out() {
    makes(&[(5, 2, &[0])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::OpenSession(OpenSession::new("other")), BUSY).unwrap_err();
        it.close(1, session).unwrap();
    });
}

#[test]
fn mistake_5_the_client_starts_again() {
    let client = |it: &mut Hand| {
        it.initialize(1).unwrap();
        it.scripted(1, Call::OpenSession(OpenSession::new("image")), BUSY).unwrap_err();
        if it.initialize(1).is_ok() {
            let session = it.open(1);
            it.close(1, session).unwrap();
            it.shutdown(1).unwrap();
        }
    };
    makes(&[(5, 1, &[0])], client);
}

/// O5: a refusal by the contract counts like a scripted failure.
#[test]
fn mistake_5_the_path_is_empty() {
    makes(&[(5, 1, &[0])], |it| {
        it.initialize(1).unwrap();
        it.open_path(1, "");
    });
}

// 8: 3010 taken for a failure (C6)

#[test]
fn mistake_8_closes_again() {
    makes(&[(8, 6, &[4])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, REBOOT).unwrap(); // 2, 3
        it.close(1, session).unwrap(); // 4, 5
        it.close(1, session).unwrap_err(); // 6
        it.shutdown(1).unwrap();
    });
}

#[test]
fn mistake_8_another_session_is_closed_on_the_way_out() {
    makes(&[(8, 3, &[0])], |it| {
        it.initialize(1).unwrap();
        let first = it.open(1);
        let second = it.take(1, Call::OpenSession(OpenSession::new("other")));
        let Ok(Effect::Opened { session: second, .. }) = second else { panic!("{second:?}") };
        it.scripted(1, Call::CloseSession { session: first }, REBOOT).unwrap();
        it.take(1, Call::FinishClose { session: first }).unwrap();
        it.close(1, second).unwrap();
    });
}

/// C4: the first close has not returned yet, so its 3010 cannot be the reason.
#[test]
fn mistake_8_is_none_while_another_close_waits() {
    makes(&[(3, 4, &[3])], |it| while_a_close_waits(it, REBOOT, Hand::close));
}

#[test]
fn mistake_8_returns_early() {
    makes(&[(8, 4, &[0])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, REBOOT).unwrap(); // 2, 3
        it.close(1, session).unwrap(); // 4, 5
    });
}

/// The journal has a close's scripted answer at its first step, not at its last.
#[test]
fn mistake_8_after_a_scripted_3010() {
    makes(&[(8, 2, &[0])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::CloseSession { session }, REBOOT).unwrap(); // 2
        it.take(1, Call::FinishClose { session }).unwrap();
    });
    makes(&[(8, 4, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::CloseSession { session }, REBOOT).unwrap(); // 2
        it.take(1, Call::FinishClose { session }).unwrap();
        it.close(1, session).unwrap_err(); // 4
        it.shutdown(1).unwrap();
    });
}

// 9: call inside an operation (C7, P3)

#[test]
fn mistake_9_an_operation_and_a_close_from_inside_one() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let session = dism.open_session("image").unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap(); // 2
        dism.operation(session, Function::GetPackages).unwrap_err(); // 3
        dism.close_session(session).unwrap_err(); // 4
        operation.end().unwrap();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        assert_eq!(found(&emulator.journal()), [(9, 3, vec![2]), (9, 4, vec![2])]);
    }
}

#[test]
fn mistake_9_is_none_on_another_session() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let (one, two) = (it.open_path(1, "one"), it.open_path(1, "two"));
        it.begin(1, one).unwrap();
        it.operate(1, two, Hresult::S_OK).unwrap();
        it.close(1, two).unwrap();
        it.end(1, one, Hresult::S_OK).unwrap();
        it.close(1, one).unwrap();
        it.shutdown(1).unwrap();
    });
}

// 10: handle not open (C2, C4, P1)

#[test]
fn mistake_10_after_the_close() {
    makes(&[(10, 4, &[2]), (13, 6, &[5])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.begin(1, session).unwrap_err(); // 4
        it.shutdown(1).unwrap(); // 5
        it.begin(1, session).unwrap_err(); // 6
    });
}

#[test]
fn mistake_10_while_another_thread_closes() {
    makes(&[(10, 4, &[3])], |it| while_a_close_waits(it, Hresult::S_OK, Hand::begin));
}

#[test]
fn mistake_10_before_the_open_and_made_up() {
    makes(&[(10, 1, &[]), (10, 2, &[]), (10, 3, &[])], |it| {
        it.initialize(1).unwrap();
        it.begin(1, Session::DEFAULT).unwrap_err();
        it.begin(1, Session::from_raw(77)).unwrap_err();
        it.close(1, Session::from_raw(78)).unwrap_err();
        it.shutdown(1).unwrap();
    });
}

/// All calls on it, the close included, are one mistake.
#[test]
fn mistake_10_the_handle_of_a_failed_open() {
    makes(&[(10, 2, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open_path(1, "");
        it.begin(1, session).unwrap_err();
        it.begin(1, session).unwrap_err();
        it.close(1, session).unwrap_err();
        it.shutdown(1).unwrap();
    });
}

/// A close of 0 is harmless clean-up only if nothing else follows.
#[test]
fn mistake_10_the_close_of_0_before_other_work() {
    makes(&[(10, 2, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open_path(1, "");
        it.close(1, session).unwrap_err(); // 2
        it.begin(1, session).unwrap_err();
        it.shutdown(1).unwrap();
    });
}

/// In a later period it is another mistake.
#[test]
fn mistake_10_is_one_in_each_period() {
    makes(&[(10, 2, &[1]), (10, 5, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open_path(1, "");
        it.begin(1, session).unwrap_err(); // 2
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        it.begin(1, session).unwrap_err(); // 5
        it.shutdown(1).unwrap();
    });
}

/// The variable has the handle that was closed before, and a finalizer closes it.
#[test]
fn mistake_10_the_handle_of_a_failed_reopen() {
    makes(&[(10, 5, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.open_path(1, "");
        it.begin(1, session).unwrap_err(); // 5
        it.close(2, session).unwrap_err();
        it.shutdown(1).unwrap();
    });
}

/// P1: only 0 is what a failed open leaves, and only in a variable of the same thread.
#[test]
fn mistake_10_is_not_explained_by_any_failed_open() {
    makes(&[(10, 2, &[]), (10, 3, &[])], |it| {
        it.initialize(1).unwrap();
        it.open_path(2, ""); // 1
        it.begin(2, Session::from_raw(77)).unwrap_err(); // 2
        it.begin(1, Session::DEFAULT).unwrap_err(); // 3
        it.shutdown(1).unwrap();
    });
}

/// P1: a commit has a code of its own for a handle that is not open or an image that is not
/// mounted.
#[test]
fn mistake_10_of_commit_image_is_not_its_refusal_of_an_image() {
    makes(&[(10, 4, &[2])], |it| {
        let function = Function::CommitImage;
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.take(1, Call::begin(session, function)).unwrap_err(); // 4
        let session = it.open(1);
        it.take(1, Call::begin(session, function)).unwrap_err();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

// 12: reload ignored (P6)

/// Once a session.
#[test]
fn mistake_12_goes_on_with_the_same_handle() {
    makes(&[(12, 4, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::S_FALSE).unwrap(); // 2, 3
        it.operate(2, session, Hresult::S_FALSE).unwrap(); // 4, 5
        it.operate(1, session, Hresult::S_OK).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// C3, O3: another reference held the session open.
#[test]
fn mistake_12_a_reload_that_reloads_nothing() {
    makes(&[(12, 7, &[3, 5])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.open(2);
        it.operate(1, session, Hresult::S_FALSE).unwrap(); // 3, 4
        it.close(1, session).unwrap(); // 5
        assert_eq!(it.open(1), session);
        it.operate(1, session, Hresult::S_OK).unwrap(); // 7, 8
        it.close(1, session).unwrap();
        it.close(2, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// I4: the next period has the same number for another session.
#[test]
fn mistake_12_is_none_of_the_same_number_in_the_next_period() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::S_FALSE).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::S_OK).unwrap();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// The operation fails, but it has arrived.
#[test]
fn mistake_12_of_an_operation_that_fails() {
    makes(&[(12, 4, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::S_FALSE).unwrap(); // 2, 3
        it.operate(1, session, BUSY).unwrap_err(); // 4, 5
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

/// A close that failed before the reload was asked for is no excuse.
#[test]
fn mistake_12_after_a_close_that_was_scripted_to_fail_before() {
    makes(&[(12, 5, &[3])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err();
        it.operate(1, session, Hresult::S_FALSE).unwrap(); // 3, 4
        it.operate(1, session, Hresult::S_OK).unwrap(); // 5, 6
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}
