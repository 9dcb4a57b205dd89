//! Mistakes with initialize and shutdown.

use dism_emu::machine::Call;
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Function, Hresult, ImagePath, Initialize, Memory, Session,
};

use super::{makes, makes_under};
use crate::hand::{Hand, found};
use crate::support::{BUSY, unverified};

// 1: shutdown with a session open (S2)

#[test]
fn mistake_1_the_last_shutdown_is_refused() {
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
fn mistake_1_remains_after_a_late_close() {
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

/// C7: the session is still open because of the close from inside the operation.
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

/// O3: in the order of sessions they would be 1, 3, 2.
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

/// C3: there are two references, and the script makes the close of only one of them fail.
#[test]
fn mistake_1_if_the_script_is_not_the_only_reason() {
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

/// S3: under Recorded the same shutdown succeeds because the count is 2.
#[test]
fn mistake_1_is_mistake_2_of_another_thread_under_recorded() {
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

/// P5: an operation fails, and the client returns early and leaves everything open.
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
    // The call of the other thread that fails after the shutdown shows it.
    makes_under(Contract::Documented, &[(4, 2, &[0, 1, 3])], client);
    makes_under(Contract::Recorded, &[], client);
}

#[test]
fn mistake_4_a_refused_thread_goes_on_after_the_shutdown() {
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
    // The use of handle 0 follows from it.
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], client);
    makes_under(Contract::Recorded, &[], client);
}

/// C2: the thread never opened the handle, but that is not reported as another mistake.
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
fn mistake_4_is_13_after_a_successful_initialize_of_the_thread() {
    makes_under(Contract::Documented, &[(13, 5, &[4])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        it.open(1);
    });
}

#[test]
fn mistake_4_is_none_after_another_initialize_of_the_thread() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.take(2, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
    });
    // Also after an initialize that fails with another code: a shutdown after that does no harm.
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(1).unwrap();
        it.scripted(2, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.shutdown(2).unwrap_err();
    });
}

#[test]
fn mistake_4_is_13_in_the_next_period() {
    makes_under(Contract::Documented, &[(13, 6, &[5])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.take(2, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        it.shutdown(2).unwrap();
        it.open(1);
    });
}

/// A thread of a pool works for one task after another. One task gave up, and the next one shuts
/// down what it has initialized on another thread.
#[test]
fn mistake_4_is_13_if_no_thread_shared_what_was_shut_down() {
    makes_under(Contract::Documented, &[(13, 3, &[2]), (13, 4, &[2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(2).unwrap();
        // Thread 2 has shut it down itself, and thread 3 has never initialized.
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
fn mistake_4_a_third_thread_shuts_down() {
    makes_under(Contract::Documented, &[(4, 3, &[0, 1, 2])], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        it.shutdown(3).unwrap();
        let _ = it.open(1);
    });
}

/// A thread that is refused because of its own initialize overlaps with no other.
#[test]
fn mistake_4_is_none_of_a_thread_alone() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(1).unwrap_err();
        it.shutdown(1).unwrap();
        it.shutdown(1).unwrap_err();
    });
}

/// An operation with the function of an open does not open a session.
#[test]
fn mistake_5_is_none_after_a_call_that_only_names_the_open() {
    let function = Function::OpenSession;
    let session = Session::from_raw(2);
    makes(&[(2, 0, &[])], |it| {
        it.initialize(1).unwrap(); // 0
        it.take(1, Call::begin(session, function)).unwrap_err();
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
        it.scripted(1, Call::Initialize(Initialize::new()), Hresult::S_FALSE).unwrap();
    });
}

// 7: failed initialize ignored (I2, O1)

/// Everything that follows from it is one mistake.
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
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        let _ = it.open(1);
    });
}

#[test]
fn mistake_7_takes_0xc0040001_for_initialized_already() {
    makes(&[(7, 1, &[0])], |it| {
        let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
        it.scripted(1, Call::Initialize(Initialize::new()), code).unwrap_err();
        it.take(1, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap_err();
    });
}

#[test]
fn mistake_7_is_none_of_a_thread_that_retries() {
    makes(&[(13, 6, &[5])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 3, 4
        it.shutdown(1).unwrap(); // 5
        it.open(1); // 6
    });
}

/// All threads go on for the same cause.
#[test]
fn mistake_7_of_a_thread_that_works_for_the_one_that_failed() {
    makes(&[(7, 1, &[0])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.open(2);
        it.open(1);
        it.open(3);
    });
    makes(&[(7, 2, &[1])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.scripted(2, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.open(3);
        it.open(4);
    });
}

/// An earlier task on the thread of a pool failed, too, but that is over.
#[test]
fn mistake_7_of_a_pool_is_of_the_last_initialize_that_failed() {
    makes(&[(7, 4, &[3])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        it.scripted(2, Call::Initialize(Initialize::new()), BUSY).unwrap_err(); // 3
        it.open(1); // 4
        it.open(2);
    });
}

/// Of the second thread another task may have given up before, as on a pool.
#[test]
fn mistake_7_is_reported_once_while_the_api_is_down() {
    makes(&[(7, 2, &[0])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err(); // 0
        it.scripted(2, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.open(1); // 2
        it.open(2);
    });
}

/// S4: the thread worked in a period that began later, or had begun before.
#[test]
fn mistake_7_of_another_thread_is_13_after_a_shutdown() {
    makes(&[(13, 3, &[2])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        it.open(2);
    });
    makes_under(Contract::Recorded, &[(13, 3, &[2])], |it| {
        it.initialize(2).unwrap();
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.shutdown(2).unwrap();
        it.open(3);
    });
}

/// A client that tries each time, and does not look at the answer. The first time it seems to
/// initialize on demand.
#[test]
fn mistake_7_is_not_excused_by_another_initialize_that_fails() {
    makes(&[(7, 3, &[2])], |it| {
        for _ in 0..2 {
            it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
            it.open(1);
        }
    });
}

/// E5: asking why it failed does not count as using the API. It succeeds before the API is
/// initialized, and so does freeing the message.
#[test]
fn mistake_7_after_asking_for_the_message() {
    makes(&[(7, 4, &[0])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err(); // 0
        it.take(1, Call::GetLastErrorMessage).unwrap();
        let memory = it.hand_out(1);
        it.delete(1, memory).unwrap();
        it.open(1); // 4
        it.begin(1, Session::DEFAULT).unwrap_err();
    });
}

/// I3: the initialize failed while another thread had the API up. Reading and freeing the message is
/// no use of what that thread initialized.
#[test]
fn mistake_7_after_the_message_beside_another_thread() {
    makes_under(Contract::Recorded, &[(7, 5, &[1])], |it| {
        it.initialize(2).unwrap();
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err(); // 1
        let memory = it.hand_out(1);
        it.delete(1, memory).unwrap();
        it.shutdown(2).unwrap();
        it.open(1); // 5
    });
}

/// A close of 0 alone is harmless, but not if work follows.
#[test]
fn mistake_7_after_a_close_of_0() {
    makes(&[(7, 1, &[0])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.close(1, Session::DEFAULT).unwrap_err(); // 1
        it.open(1);
        it.close(1, Session::DEFAULT).unwrap_err();
    });
}

/// C2: the handle was closed in the period before, but the close fails for another reason.
#[test]
fn mistake_7_explains_the_close_of_a_closed_handle() {
    makes(&[(7, 6, &[5])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.shutdown(1).unwrap();
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err(); // 5
        it.close(1, session).unwrap_err(); // 6
    });
}

// 13: called while down (S4, O1, C1, P1, N1)

/// Once a thread, whatever it calls.
#[test]
fn mistake_13_before_the_first_initialize() {
    makes(&[(13, 0, &[]), (13, 3, &[])], |it| {
        let session = it.open(1); // 0
        it.begin(1, session).unwrap_err();
        it.take(1, Call::GetImageInfo { file: ImagePath::new("image.wim") }).unwrap_err();
        it.take(2, Call::CleanupMountpoints).unwrap_err(); // 3
    });
}

/// The second part of the program thinks that the first initialize still stands.
#[test]
fn mistake_13_a_boolean_in_place_of_a_count() {
    makes(&[(13, 5, &[4])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.shutdown(1).unwrap(); // 4
        it.open(2); // 5
    });
}

/// Once a period, too.
#[test]
fn mistake_13_in_each_period() {
    makes(&[(13, 2, &[1]), (13, 5, &[4])], |it| {
        for _ in 0..2 {
            it.initialize(2).unwrap();
            it.shutdown(2).unwrap();
            it.open(1);
        }
    });
}

/// S5, E5: they do no harm.
#[test]
fn mistake_13_is_none_of_a_shutdown_or_a_message() {
    makes(&[], |it| {
        it.shutdown(1).unwrap_err();
        it.initialize(1).unwrap();
        it.shutdown(1).unwrap();
        it.shutdown(1).unwrap_err();
        it.take(1, Call::GetLastErrorMessage).unwrap_err();
        it.delete(1, Memory::NULL).unwrap_err();
        let function = Function::GetLastErrorMessage;
        it.take(1, Call::CallWithoutArgument { function }).unwrap_err();
        it.take(1, Call::HandOut { function }).unwrap_err();
    });
}

/// C1: no failed open or initialize explains the close of 0.
#[test]
fn mistake_13_of_a_close_after_the_shutdown() {
    makes(&[(13, 2, &[1])], |it| {
        it.initialize(1).unwrap();
        it.shutdown(1).unwrap();
        it.close(1, Session::DEFAULT).unwrap_err();
    });
}

/// C2: the close has a better explanation.
#[test]
fn mistake_13_is_3_of_a_closed_handle() {
    makes(&[(3, 5, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.shutdown(1).unwrap();
        it.close(1, session).unwrap_err(); // 5
    });
}

/// The first failure did not make the client initialize.
#[test]
fn mistake_13_of_a_client_that_initializes_too_late() {
    makes(&[(13, 0, &[])], |it| {
        it.open(1); // 0
        it.open(1);
        it.initialize(1).unwrap();
        it.shutdown(1).unwrap();
    });
}
