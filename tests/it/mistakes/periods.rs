//! Mistakes with initialize and shutdown.

use dism_emu::machine::Call;
use dism_emu::{Contract, DISM_ONLINE_IMAGE, Function, Hresult, ImagePath, Session};

use super::{makes, makes_under};
use crate::hand::{Hand, found};
use crate::support::{BUSY, unverified};

// 1: shutdown with a session open (S2)

#[test]
fn mistake_1_a_refused_shutdown_is_the_last_word() {
    makes(&[(1, 3, &[1, 2])], |it| {
        it.initialize(1).unwrap(); // 0
        it.open_path(1, "one"); // 1
        it.open_path(1, "two"); // 2
        it.shutdown(1).unwrap_err(); // 3
    });
}

#[test]
fn mistake_1_names_the_references_that_are_left() {
    makes(&[(1, 5, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1); // 1
        it.open(2); // 2
        it.close(2, session).unwrap(); // 3
        it.take(1, Call::GetLastErrorMessage).unwrap(); // 4
        it.shutdown(1).unwrap_err(); // 5
    });
}

#[test]
fn mistake_1_is_reported_once_in_a_period_at_the_last_refusal() {
    makes(&[(1, 3, &[1])], |it| {
        it.initialize(1).unwrap();
        it.open(1);
        it.shutdown(1).unwrap_err();
        it.shutdown(2).unwrap_err();
    });
}

/// Closing the session afterwards does not end the period.
#[test]
fn mistake_1_stays_one_after_a_late_close() {
    makes(&[(1, 2, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.shutdown(1).unwrap_err();
        it.close(1, session).unwrap();
    });
}

#[test]
fn mistake_1_collides_with_a_close_that_is_not_over() {
    makes(&[(1, 4, &[3])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.begin(2, session).unwrap(); // 2
        it.take(1, Call::CloseSession { session }).unwrap(); // 3
        it.shutdown(3).unwrap_err(); // 4
        it.end(2, session, Hresult::S_OK).unwrap();
        it.take(1, Call::FinishClose { session }).unwrap();
    });
}

/// C7: the close from inside the operation is why the session is still open.
#[test]
fn mistake_1_can_follow_from_another() {
    makes(&[(9, 3, &[2]), (1, 5, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.begin(1, session).unwrap();
        it.close(1, session).unwrap_err();
        it.end(1, session, Hresult::S_OK).unwrap();
        it.shutdown(1).unwrap_err();
    });
}

/// O3: by session they would be in another order.
#[test]
fn mistake_1_names_the_opens_in_the_order_of_the_journal() {
    makes(&[(1, 4, &[1, 2, 3])], |it| {
        it.initialize(1).unwrap();
        it.open_path(1, "one"); // 1
        it.open_path(1, "two"); // 2
        it.open_path(1, "one"); // 3
        it.shutdown(1).unwrap_err(); // 4
    });
}

/// C3: two references, and the test kept the client from giving back only one of them.
#[test]
fn mistake_1_of_a_session_that_the_script_alone_does_not_keep_open() {
    makes(&[(1, 4, &[1, 2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1); // 1
        it.open(1); // 2
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err(); // 3
        it.shutdown(1).unwrap_err(); // 4
    });
    makes(&[(1, 4, &[1, 2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open_path(1, "one"); // 1
        it.open_path(1, "two"); // 2
        it.scripted(1, Call::CloseSession { session }, BUSY).unwrap_err(); // 3
        it.shutdown(1).unwrap_err(); // 4
    });
}

/// S3: under Recorded another count lets the same shutdown pass.
#[test]
fn mistake_1_is_the_other_threads_forgotten_count_under_recorded() {
    let client = |it: &mut Hand| {
        it.initialize(1).unwrap();
        let _ = it.initialize(2);
        it.open(2);
        let _ = it.shutdown(1);
    };
    makes_under(Contract::Documented, &[(1, 3, &[2])], client);
    makes_under(Contract::Recorded, &[(2, 1, &[2])], client);
}

// 2: never shut down (S3, S4)

#[test]
fn mistake_2_no_shutdown_at_all() {
    makes(&[(2, 0, &[])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap();
    });
}

/// P5: an operation fails, the client returns early and leaves all behind.
#[test]
fn mistake_2_collides_with_the_sessions_left_open() {
    makes(&[(2, 0, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::DISMAPI_E_UNKNOWN_FEATURE).unwrap_err();
    });
}

#[test]
fn mistake_2_a_count_is_forgotten_under_recorded() {
    let client = |it: &mut Hand| {
        it.initialize(1).unwrap();
        let _ = it.initialize(1);
        it.shutdown(1).unwrap();
    };
    makes_under(Contract::Recorded, &[(2, 0, &[])], client);
    makes_under(Contract::Documented, &[], client);
}

#[test]
fn mistake_2_is_reported_once_for_each_thread() {
    makes_under(Contract::Recorded, &[(2, 0, &[1, 2]), (2, 2, &[0, 1])], |it| {
        for thread in [1, 1, 2] {
            it.initialize(thread).unwrap();
        }
        it.open(1);
        let session = it.open(2);
        it.close(1, session).unwrap();
        it.close(2, session).unwrap();
    });
}

#[test]
fn mistake_2_in_a_later_period() {
    makes(&[(2, 2, &[])], |it| {
        it.initialize(1).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
    });
}

// 4: overlapping pairs (I3 Documented)

#[test]
fn mistake_4_a_refused_thread_ends_the_others_initialization() {
    let client = |it: &mut Hand| {
        it.initialize(1).unwrap();
        let _ = it.initialize(2);
        it.shutdown(2).unwrap();
        let _ = it.shutdown(1);
    };
    // It shows where the other thread misses what is gone.
    makes_under(Contract::Documented, &[(4, 2, &[0, 1, 3])], client);
    makes_under(Contract::Recorded, &[], client);
}

#[test]
fn mistake_4_a_refused_thread_loses_its_ground() {
    let client = |it: &mut Hand| {
        it.initialize(1).unwrap();
        let _ = it.initialize(2);
        it.shutdown(1).unwrap();
        let session = it.open(2); // 3
        let _ = it.operate(2, session, Hresult::S_OK);
        if session != Session::DEFAULT {
            it.close(2, session).unwrap();
        }
        let _ = it.shutdown(2);
    };
    // What follows from it, the use of handle 0, is one by itself.
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2]), (10, 4, &[3])], client);
    makes_under(Contract::Recorded, &[], client);
}

/// C2: the handle is one that it was never given, and that is not told beside it.
#[test]
fn mistake_4_of_a_thread_that_closes_what_it_did_not_open() {
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.close(2, Session::from_raw(2)).unwrap_err(); // 3
    });
}

#[test]
fn mistake_4_is_reported_even_if_the_shutdown_fails() {
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.shutdown(2).unwrap_err();
    });
}

#[test]
fn mistake_4_is_forgotten_by_a_success_of_its_own() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        it.open(1);
    });
}

#[test]
fn mistake_4_is_forgotten_by_a_later_initialize_of_its_own() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.take(2, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
    });
    // And by one that fails otherwise: a shutdown after that is harmless.
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.scripted(2, Call::Initialize, BUSY).unwrap_err();
        it.shutdown(2).unwrap_err();
    });
}

#[test]
fn mistake_4_does_not_reach_into_the_next_period() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.take(2, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        it.shutdown(2).unwrap();
        it.open(1);
    });
}

/// A thread of a pool works for one task after the other: that one gave up is over when the next
/// one shuts down what it has initialized elsewhere.
#[test]
fn mistake_4_is_none_if_nobody_misses_what_is_shut_down() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(2).unwrap();
        // One knows that it is over, the other never had it.
        it.open(2);
        it.open(3);
    });
}

#[test]
fn mistake_4_of_a_pair_inside_a_pair() {
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(1).unwrap_err();
        it.shutdown(1).unwrap();
        let _ = it.open(1);
    });
}

#[test]
fn mistake_4_where_a_third_thread_shuts_down() {
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(3).unwrap();
        let _ = it.open(1);
    });
}

/// A thread that is refused because of itself overlaps with nobody.
#[test]
fn mistake_4_is_none_of_a_thread_alone() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(1).unwrap_err();
        it.shutdown(1).unwrap();
        it.shutdown(1).unwrap_err();
    });
}

/// Whatever it names, it opens nothing.
#[test]
fn mistake_5_is_none_after_a_call_that_only_names_the_open() {
    let function = Function::OpenSession;
    let session = Session::from_raw(2);
    makes(&[(2, 0, &[])], |it| {
        it.initialize(1).unwrap(); // 0
        it.take(1, Call::BeginOperation { session, function }).unwrap_err();
    });
}

// 6: S_FALSE taken for a failure (I3 Recorded)

#[test]
fn mistake_6_a_counted_initialize_returns_early() {
    makes_under(Contract::Recorded, &[(6, 1, &[0])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap();
        it.shutdown(1).unwrap();
    });
}

#[test]
fn mistake_6_of_a_thread_that_was_initialized() {
    makes_under(Contract::Recorded, &[(6, 1, &[0])], |it| {
        it.initialize(1).unwrap();
        it.initialize(1).unwrap();
    });
}

#[test]
fn mistake_6_a_scripted_s_false_under_both() {
    makes(&[(6, 0, &[])], |it| {
        it.scripted(1, Call::Initialize, Hresult::S_FALSE).unwrap();
    });
}

// 7: failed initialize ignored (I2, O1)

/// All that follows from it is one mistake.
#[test]
fn mistake_7_not_elevated_and_goes_on() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).elevated(false).build();
        let dism = emulator.dism();
        dism.initialize().unwrap_err();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap_or(Session::DEFAULT);
        dism.operation(session, Function::AddDriver).unwrap_err();
        dism.close_session(session).unwrap_err();
        dism.shutdown().unwrap_err();
        assert_eq!(found(&emulator.journal()), [(7, 1, vec![0])]);
    }
}

#[test]
fn mistake_7_beside_another_thread_that_initializes() {
    makes(&[(7, 3, &[0])], |it| {
        it.scripted(1, Call::Initialize, BUSY).unwrap_err();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        let _ = it.open(1);
    });
}

#[test]
fn mistake_7_takes_0xc0040001_for_initialized_already() {
    makes(&[(7, 1, &[0])], |it| {
        let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
        it.scripted(1, Call::Initialize, code).unwrap_err();
        it.take(1, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap_err();
    });
}

#[test]
fn mistake_7_is_not_that_of_another_thread_nor_of_one_that_tries_again() {
    makes(&[], |it| {
        it.scripted(1, Call::Initialize, BUSY).unwrap_err();
        it.open(2);
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
        it.open(1);
    });
}

/// E5: to ask why it failed is not to go on, and its success does not mean that the API is there.
#[test]
fn mistake_7_is_one_after_asking_for_the_message() {
    makes(&[(7, 2, &[0])], |it| {
        it.scripted(1, Call::Initialize, BUSY).unwrap_err(); // 0
        it.take(1, Call::GetLastErrorMessage).unwrap();
        it.open(1); // 2
    });
}

/// C2: it closes a handle of the period before, but that is not why the close fails.
#[test]
fn mistake_7_explains_the_close_of_a_closed_handle() {
    makes(&[(7, 6, &[5])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.shutdown(1).unwrap();
        it.scripted(1, Call::Initialize, BUSY).unwrap_err(); // 5
        it.close(1, session).unwrap_err(); // 6
    });
}
