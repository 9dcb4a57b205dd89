//! The client's mistakes: each is found where it is one, and a correct client has none.
//!
//! 1. For each mistake of the contract's list the programs that make it, under each contract in
//!    which they do; and their neighbours that make none.
//! 2. Generated correct clients have no mistake; with one planted, this one is found and no other.
//! 3. Any journal at all, with its beginning or without, is looked at and printed without a panic,
//!    and within 100 columns.

use dism_emu::{
    Call, Config, Contract, DISM_ONLINE_IMAGE, Effect, Emulator, Error, Function, Hresult, Journal,
    Machine, Memory, Mistake, OpenSession, Outcome, Remark, Session, Step, ThreadId, Timeline,
};
use proptest::prelude::*;

use crate::support::{self, BUSY, CONTRACTS, failing, unverified};

const REBOOT: Hresult = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;

/// A machine that is driven by hand, and the steps that it took.
struct Hand {
    machine: Machine,
    steps: Vec<Step>,
}

impl Hand {
    fn new(contract: Contract) -> Self {
        let mut config = Config::default();
        config.contract = contract;
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        Self { machine: Machine::new(config), steps: Vec::new() }
    }

    fn contract(&self) -> Contract {
        self.machine.config().contract
    }

    fn take(&mut self, thread: u64, call: Call) -> Outcome {
        let thread = ThreadId::new(thread);
        let outcome = self.machine.apply(thread, &call);
        self.steps.push(Step { thread, call, outcome, place: None });
        outcome
    }

    fn scripted(&mut self, thread: u64, call: Call, answer: Hresult) -> Outcome {
        self.take(thread, Call::Scripted { call: Box::new(call), answer })
    }

    fn initialize(&mut self, thread: u64) -> Outcome {
        self.take(thread, Call::Initialize)
    }

    fn shutdown(&mut self, thread: u64) -> Outcome {
        self.take(thread, Call::Shutdown)
    }

    fn open(&mut self, thread: u64) -> Session {
        self.open_path(thread, DISM_ONLINE_IMAGE)
    }

    /// 0, as in C, where it fails.
    fn open_path(&mut self, thread: u64, path: &str) -> Session {
        match self.take(thread, Call::OpenSession(OpenSession::new(path))) {
            Ok(Effect::Opened { session, .. }) => session,
            _ => Session::DEFAULT,
        }
    }

    fn begin(&mut self, thread: u64, session: Session) -> Outcome {
        let function = Function::GetFeatures;
        self.take(thread, Call::BeginOperation { session, function })
    }

    fn end(&mut self, thread: u64, session: Session, result: Hresult) -> Outcome {
        self.take(thread, Call::EndOperation { session, result })
    }

    fn operate(&mut self, thread: u64, session: Session, result: Hresult) -> Outcome {
        self.begin(thread, session)?;
        self.end(thread, session, result)
    }

    fn close(&mut self, thread: u64, session: Session) -> Outcome {
        match self.take(thread, Call::CloseSession { session })? {
            Effect::Closing { ready: true } => self.take(thread, Call::FinishClose { session }),
            effect => Ok(effect),
        }
    }

    fn hand_out(&mut self, thread: u64) -> Memory {
        match self.take(thread, Call::HandOut { function: Function::GetFeatures }) {
            Ok(Effect::HandedOut { memory }) => memory,
            _ => Memory::NULL,
        }
    }

    fn delete(&mut self, thread: u64, memory: Memory) -> Outcome {
        self.take(thread, Call::Delete { memory })
    }

    fn journal(&self) -> Journal {
        Journal::from_steps(*self.machine.config(), self.steps.clone())
    }

    /// The mistakes as number, step, and the steps that they collide with.
    fn found(&self) -> Vec<(u32, usize, Vec<usize>)> {
        found(&self.journal())
    }
}

fn found(journal: &Journal) -> Vec<(u32, usize, Vec<usize>)> {
    let mistakes = journal.mistakes().into_iter();
    mistakes.map(|it| (it.mistake.number(), it.at, it.collides_with)).collect()
}

fn both(client: impl Fn(&mut Hand)) -> impl Iterator<Item = (Contract, Hand)> {
    CONTRACTS.into_iter().map(move |contract| {
        let mut hand = Hand::new(contract);
        client(&mut hand);
        (contract, hand)
    })
}

/// The client makes these mistakes under both contracts.
#[track_caller]
fn makes(mistakes: &[(u32, usize, &[usize])], client: impl Fn(&mut Hand)) {
    for (contract, hand) in both(client) {
        let found = hand.found();
        let found: Vec<_> = found.iter().map(|(it, at, with)| (*it, *at, &with[..])).collect();
        assert_eq!(found, mistakes, "{contract:?}\n{}", hand.journal());
    }
}

/// The client makes these mistakes under one contract.
#[track_caller]
fn makes_under(
    contract: Contract,
    mistakes: &[(u32, usize, &[usize])],
    client: impl Fn(&mut Hand),
) {
    let mut hand = Hand::new(contract);
    client(&mut hand);
    let found = hand.found();
    let found: Vec<_> = found.iter().map(|(it, at, with)| (*it, *at, &with[..])).collect();
    assert_eq!(found, mistakes, "{}", hand.journal());
}

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
fn mistake_1_is_told_once_in_a_period_at_the_last_refusal() {
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
fn mistake_2_is_told_once_for_each_thread() {
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
    makes(&[(3, 4, &[3])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.begin(2, session).unwrap();
        it.take(1, Call::CloseSession { session }).unwrap(); // 3
        it.close(3, session).unwrap_err(); // 4
        it.end(2, session, Hresult::S_OK).unwrap();
        it.take(1, Call::FinishClose { session }).unwrap();
        it.shutdown(1).unwrap();
    });
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

/// The wrapper of the contract's list: a close and reopen fails at the reopen.
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

/// C3: as many closes as references is no mistake, one more is.
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
fn mistake_4_is_told_even_where_the_shutdown_fails() {
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
        it.take(2, Call::CallWithoutSession { function: Function::GetImageInfo }).unwrap();
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
        it.take(2, Call::CallWithoutSession { function: Function::GetImageInfo }).unwrap();
        it.shutdown(1).unwrap();
        it.initialize(1).unwrap();
        it.shutdown(2).unwrap();
        it.open(1);
    });
}

/// A thread of a pool works for one task after the other: that one gave up is over when the next
/// one shuts down what it has initialized elsewhere.
#[test]
fn mistake_4_is_none_where_nobody_misses_what_is_shut_down() {
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

#[test]
fn mistake_7_beside_another_thread_that_initializes() {
    makes(&[(7, 3, &[0])], |it| {
        it.scripted(1, Call::Initialize, BUSY).unwrap_err();
        it.initialize(2).unwrap();
        it.shutdown(2).unwrap();
        let _ = it.open(1);
    });
}

/// RAII closes on the way out what was opened before.
#[test]
fn mistake_5_where_another_session_is_closed_on_the_way_out() {
    makes(&[(5, 2, &[0])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.scripted(1, Call::OpenSession(OpenSession::new("other")), BUSY).unwrap_err();
        it.close(1, session).unwrap();
    });
}

#[test]
fn mistake_5_where_all_of_it_is_tried_again() {
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

#[test]
fn mistake_8_where_another_session_is_closed_on_the_way_out() {
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

/// O5: the contract's own refusal is as good as a scripted one.
#[test]
fn mistake_5_also_where_the_path_is_empty() {
    makes(&[(5, 1, &[0])], |it| {
        it.initialize(1).unwrap();
        it.open_path(1, "");
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
    for contract in CONTRACTS {
        let dism = unverified().contract(contract).elevated(false).build();
        dism.initialize().unwrap_err();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap_or(Session::DEFAULT);
        dism.operation(session, Function::AddDriver).unwrap_err();
        dism.close_session(session).unwrap_err();
        dism.shutdown().unwrap_err();
        assert_eq!(found(&dism.journal()), [(7, 1, vec![0])]);
    }
}

#[test]
fn mistake_7_takes_0xc0040001_for_initialized_already() {
    makes(&[(7, 1, &[0])], |it| {
        let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
        it.scripted(1, Call::Initialize, code).unwrap_err();
        it.take(1, Call::CallWithoutSession { function: Function::GetImageInfo }).unwrap_err();
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
fn mistake_8_returns_early() {
    makes(&[(8, 4, &[0])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.operate(1, session, REBOOT).unwrap(); // 2, 3
        it.close(1, session).unwrap(); // 4, 5
    });
}

/// What a test scripts for a close stands where it begins, not where the session is gone.
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
    for contract in CONTRACTS {
        let dism = unverified().contract(contract).build();
        dism.initialize().unwrap();
        let session = dism.open_session("image").unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap(); // 2
        dism.operation(session, Function::GetPackages).unwrap_err(); // 3
        dism.close_session(session).unwrap_err(); // 4
        operation.end().unwrap();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        assert_eq!(found(&dism.journal()), [(9, 3, vec![2]), (9, 4, vec![2])]);
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
    makes(&[(10, 4, &[2]), (10, 6, &[2])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.begin(1, session).unwrap_err(); // 4
        it.shutdown(1).unwrap();
        it.begin(1, session).unwrap_err(); // 6
    });
}

#[test]
fn mistake_10_while_another_thread_closes() {
    makes(&[(10, 4, &[3])], |it| {
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.begin(2, session).unwrap();
        it.take(1, Call::CloseSession { session }).unwrap(); // 3
        it.begin(3, session).unwrap_err(); // 4
        it.end(2, session, Hresult::S_OK).unwrap();
        it.take(1, Call::FinishClose { session }).unwrap();
        it.shutdown(1).unwrap();
    });
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

#[test]
fn mistake_10_what_a_failed_open_left() {
    makes(&[(10, 2, &[1]), (10, 3, &[1])], |it| {
        it.initialize(1).unwrap();
        let session = it.open_path(1, "");
        it.begin(1, session).unwrap_err();
        it.close(1, session).unwrap_err();
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

/// P1: it has a code of its own for a handle that is not open, and for an image not mounted.
#[test]
fn mistake_10_of_commit_image_is_not_its_refusal_of_an_image() {
    makes(&[(10, 4, &[2])], |it| {
        let function = Function::CommitImage;
        it.initialize(1).unwrap();
        let session = it.open(1);
        it.close(1, session).unwrap(); // 2, 3
        it.take(1, Call::BeginOperation { session, function }).unwrap_err(); // 4
        let session = it.open(1);
        it.take(1, Call::BeginOperation { session, function }).unwrap_err();
        it.close(1, session).unwrap();
        it.shutdown(1).unwrap();
    });
}

// 11: memory mishandled (D1 to D4)

#[test]
fn mistake_11_never_deleted() {
    makes(&[(11, 1, &[4])], |it| {
        it.initialize(1).unwrap();
        it.hand_out(1); // 1
        let memory = it.hand_out(1); // 2
        it.delete(1, memory).unwrap(); // 3
        it.shutdown(1).unwrap(); // 4
    });
}

/// E5: before the first initialize, too, when somebody asks why it failed.
#[test]
fn mistake_11_of_a_process_that_was_never_initialized() {
    makes(&[(11, 1, &[])], |it| {
        it.scripted(1, Call::Initialize, BUSY).unwrap_err();
        it.hand_out(1);
    });
}

#[test]
fn mistake_11_given_twice_and_made_up() {
    makes(&[(11, 3, &[2]), (11, 4, &[])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1);
        it.delete(1, memory).unwrap(); // 2
        it.delete(1, memory).unwrap_err(); // 3
        it.delete(1, Memory::from_raw(9)).unwrap_err(); // 4
        it.shutdown(1).unwrap();
    });
}

/// D4: one memory, one mistake.
#[test]
fn mistake_11_given_after_the_shutdown() {
    makes(&[(11, 3, &[1, 2])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1); // 1
        it.shutdown(1).unwrap(); // 2
        it.delete(1, memory).unwrap_err(); // 3
        it.delete(1, memory).unwrap_err();
        it.delete(1, Memory::NULL).unwrap_err();
    });
}

#[test]
fn mistake_11_given_in_the_next_period() {
    makes(&[(11, 1, &[2])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1); // 1
        it.shutdown(1).unwrap(); // 2
        it.initialize(1).unwrap();
        it.delete(1, memory).unwrap();
        it.shutdown(1).unwrap();
    });
}

// Correct clients

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

/// S5: losers of a race for the shutdown; on real threads.
#[test]
fn a_correct_client_races_for_the_shutdown() {
    for contract in CONTRACTS {
        let dism = unverified().contract(contract).build();
        dism.initialize().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| dism.shutdown());
            }
        });
        assert_eq!(dism.journal().mistakes(), []);
    }
}

#[test]
fn a_correct_client_gives_up_where_it_is_refused() {
    makes_under(Contract::Documented, &[], |it| {
        it.initialize(1).unwrap();
        it.initialize(2).unwrap_err();
        let memory = it.hand_out(2);
        it.delete(2, memory).unwrap();
        it.shutdown(1).unwrap();
        // E5: too late to ask why, and no mistake.
        it.take(2, Call::GetLastErrorMessage).unwrap_err();
    });
}

#[test]
fn a_correct_client_initializes_here_and_shuts_down_there() {
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

/// P5, O7, C6: failures and remarks that it takes for what they are.
#[test]
fn a_correct_client_takes_what_comes() {
    makes(&[], |it| {
        it.scripted(1, Call::Initialize, Hresult::S_FALSE).unwrap();
        let session = it.open(1);
        it.operate(1, session, Hresult::RPC_S_CALL_FAILED).unwrap_err();
        it.open_path(1, "");
        it.operate(1, session, REBOOT).unwrap();
        it.close(1, session).unwrap();
        it.open_path(1, "");
        it.shutdown(1).unwrap();
    });
}

#[test]
fn a_correct_client_stops_where_initialize_fails() {
    makes(&[], |it| {
        it.scripted(1, Call::Initialize, Hresult::ERROR_ELEVATION_REQUIRED).unwrap_err();
        it.take(1, Call::GetLastErrorMessage).unwrap();
        it.shutdown(1).unwrap_err();
    });
}

/// What a test does not let it give back is not its fault.
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
    // D4: it tries again when it is too late, or in time for the next period.
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

/// O1: a thread whose open loses against the shutdown, as long as it uses nothing of it.
#[test]
fn a_correct_client_loses_an_open() {
    makes(&[], |it| {
        it.initialize(1).unwrap();
        it.shutdown(1).unwrap();
        it.open(2);
        it.take(2, Call::CallWithoutSession { function: Function::GetImageInfo }).unwrap_err();
    });
}

/// What many calls left behind is one mistake, and its timeline stays short.
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
    assert_eq!((found.len(), found[0].collides_with.len()), (1, 3_999));
    let text = Timeline::new(&journal, &found).to_string();
    assert!(text.contains("calls 2, 3, 4, 5, 6, 7, 8, 9 and 3991 more"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

// Generated clients

/// A correct client, which does the things that it is told to as far as they are right to do.
struct Correct<'a> {
    hand: &'a mut Hand,
    /// Who initialized, for each initialization that stands.
    owners: Vec<u64>,
    /// Refused or failed at its own initialize, and without one.
    gave_up: [bool; THREADS],
    /// References: whose, and to what.
    references: Vec<(u64, Session)>,
    /// Operations that were begun and not ended.
    running: Vec<(u64, Session)>,
    /// Closes that wait.
    closing: Vec<(u64, Session)>,
    memory: Vec<Memory>,
}

const THREADS: usize = 4;

/// What to try: which thread, which thing, which of several, and what the test answers to it.
type Try = (u64, u8, usize, Option<u32>);

fn tries() -> impl Strategy<Value = Try> {
    let answer = prop_oneof![
        6 => Just(None),
        1 => prop_oneof![Just(0x800F_0902_u32), Just(0xC004_0001), Just(0x8007_02E4), Just(1)].prop_map(Some),
    ];
    (1..=THREADS as u64, 0..13_u8, 0..6_usize, answer)
}

impl<'a> Correct<'a> {
    fn new(hand: &'a mut Hand, gave_up: [bool; THREADS]) -> Self {
        Self {
            hand,
            owners: Vec::new(),
            gave_up,
            references: Vec::new(),
            running: Vec::new(),
            closing: Vec::new(),
            memory: Vec::new(),
        }
    }

    fn is_waiting(&self, thread: u64) -> bool {
        let mut waits = self.running.iter().chain(&self.closing).filter(|it| it.0 == thread);
        waits.any(|it| !self.hand.machine.is_ready(ThreadId::new(thread), it.1))
    }

    fn ask(&mut self, thread: u64, call: Call, answer: Option<u32>) -> Outcome {
        match answer {
            Some(answer) => self.hand.scripted(thread, call, Hresult::new(answer)),
            None => self.hand.take(thread, call),
        }
    }

    fn attempt(&mut self, (thread, what, which, answer): Try) {
        self.finish_closes();
        if self.is_waiting(thread) {
            return;
        }
        let gave_up = self.gave_up[thread as usize - 1];
        let may_use = !gave_up && !self.owners.is_empty();
        let own: Vec<_> = self.references.iter().filter(|it| it.0 == thread).copied().collect();
        match what {
            0 => self.initialize(thread, answer),
            1 | 2 if may_use => {
                let path =
                    ["", DISM_ONLINE_IMAGE, r"C:\one", "c:/ONE/", r"D:\two", r"E:\three"][which];
                let open = Call::OpenSession(OpenSession::new(path));
                if let Ok(Effect::Opened { session, .. }) = self.ask(thread, open, answer) {
                    self.references.push((thread, session));
                }
            }
            3 | 4 if may_use && !self.references.is_empty() => {
                let session = self.references[which % self.references.len()].1;
                // Whoever is inside an operation waits for nobody, so nobody waits for ever.
                let is_inside = self.running.iter().any(|it| it.0 == thread);
                if !is_inside || self.running.iter().all(|it| it.1 != session) {
                    self.hand.begin(thread, session).unwrap();
                    self.running.push((thread, session));
                }
            }
            5..=7 => self.end(thread, support::RESULTS[which]),
            8 | 9 if !own.is_empty() => self.close(thread, own[which % own.len()].1, answer),
            10 if may_use => {
                let memory = self.hand.hand_out(thread);
                self.memory.push(memory);
            }
            11 => {
                let _ = self.ask(thread, Call::GetLastErrorMessage, None);
                if let Some(memory) = self.memory.pop() {
                    if self.ask(thread, Call::Delete { memory }, answer).is_err() {
                        self.memory.push(memory);
                    }
                }
            }
            12 if !gave_up => self.shutdown(thread, answer),
            _ => {}
        }
    }

    fn initialize(&mut self, thread: u64, answer: Option<u32>) {
        let outcome = self.ask(thread, Call::Initialize, answer);
        let owns = self.owners.contains(&thread);
        self.gave_up[thread as usize - 1] = outcome.is_err() && !owns;
        if outcome.is_ok() {
            self.owners.push(thread);
        }
    }

    fn end(&mut self, thread: u64, result: u32) {
        let Some(at) = self.running.iter().rposition(|it| it.0 == thread) else { return };
        let (_, session) = self.running.remove(at);
        let _ = self.hand.end(thread, session, Hresult::new(result));
    }

    fn close(&mut self, thread: u64, session: Session, answer: Option<u32>) {
        if self.running.iter().any(|it| it.0 == thread) {
            return;
        }
        match self.ask(thread, Call::CloseSession { session }, answer) {
            Ok(effect) => {
                let at = self.references.iter().position(|it| *it == (thread, session));
                self.references.remove(at.unwrap());
                if matches!(effect, Effect::Closing { .. }) {
                    self.closing.push((thread, session));
                }
            }
            Err(error) => assert!(matches!(error, Error::Scripted { .. }), "{error}"),
        }
        self.finish_closes();
    }

    fn finish_closes(&mut self) {
        let (hand, closing) = (&mut *self.hand, &mut self.closing);
        closing.retain(|&(thread, session)| {
            let is_over = hand.machine.is_ready(ThreadId::new(thread), session);
            if is_over {
                hand.take(thread, Call::FinishClose { session }).unwrap();
            }
            !is_over
        });
    }

    /// Too early, it is refused and comes again; where nothing stands, it has lost a race.
    fn shutdown(&mut self, thread: u64, answer: Option<u32>) {
        let is_last = self.owners.len() == 1;
        let is_free = self.references.is_empty() && self.closing.is_empty();
        if is_last && is_free && !self.memory.is_empty() {
            return;
        }
        if let Ok(effect) = self.ask(thread, Call::Shutdown, answer) {
            assert!(matches!(effect, Effect::ShutDown { .. }));
            let own = self.owners.iter().rposition(|owner| *owner == thread);
            self.owners.remove(own.unwrap_or(0));
        }
    }

    fn go_home(mut self) {
        while let Some(&(thread, _)) = self.running.iter().find(|it| !self.is_waiting(it.0)) {
            self.end(thread, 0);
        }
        self.finish_closes();
        for (thread, session) in self.references.clone() {
            self.close(thread, session, None);
        }
        assert!(self.running.is_empty() && self.closing.is_empty() && self.references.is_empty());
        for memory in std::mem::take(&mut self.memory) {
            self.hand.delete(1, memory).unwrap();
        }
        while let Some(&thread) = self.owners.last() {
            self.shutdown(thread, None);
        }
    }
}

/// Takes and gives who has given up: nobody forgets that from one life to the next.
fn live(hand: &mut Hand, gave_up: &mut [bool; THREADS], tries: &[Try]) {
    let mut client = Correct::new(hand, *gave_up);
    tries.iter().for_each(|it| client.attempt(*it));
    *gave_up = client.gave_up;
    client.go_home();
}

/// Begins and ends while the process is down; what it leaves behind it leaves on purpose. Gives
/// whether it can be followed by a correct client.
fn plant(hand: &mut Hand, mistake: Mistake, thread: u64, other: u64, variant: usize) -> bool {
    let image = || Call::OpenSession(OpenSession::new("planted"));
    if mistake == Mistake::FailedInitializeIgnored {
        hand.scripted(thread, Call::Initialize, BUSY).unwrap_err();
        let session = hand.open(thread);
        hand.begin(thread, session).unwrap_err();
        return true;
    }
    if mistake == Mistake::SFalseTakenForFailure {
        if variant == 0 && hand.contract() == Contract::Recorded {
            hand.initialize(other).unwrap();
            hand.initialize(thread).unwrap();
            hand.shutdown(other).unwrap();
        } else {
            hand.scripted(thread, Call::Initialize, Hresult::S_FALSE).unwrap();
        }
        return false;
    }
    hand.initialize(thread).unwrap();
    match mistake {
        Mistake::ShutdownWithOpenSession => {
            hand.open(other);
            hand.shutdown(thread).unwrap_err();
            return false;
        }
        Mistake::NeverShutDown => {
            if variant == 0 && hand.contract() == Contract::Recorded {
                hand.initialize(thread).unwrap();
                hand.shutdown(thread).unwrap();
            } else if variant == 1 {
                hand.open(thread);
            }
            return false;
        }
        Mistake::CloseTwice => {
            let session = hand.open(thread);
            hand.close(other, session).unwrap();
            hand.close([thread, other][variant % 2], session).unwrap_err();
        }
        Mistake::OverlappingPairs => {
            hand.initialize(other).unwrap_err();
            if variant == 0 {
                hand.shutdown(other).unwrap();
                hand.shutdown(thread).unwrap_err();
                return true;
            }
            hand.shutdown(thread).unwrap();
            hand.take(other, image()).unwrap_err();
            return true;
        }
        Mistake::LeftAfterFailedOpen => {
            hand.scripted(thread, image(), BUSY).unwrap_err();
            return false;
        }
        Mistake::RebootTakenForFailure => {
            let session = hand.open(thread);
            hand.operate(other, session, REBOOT).unwrap();
            hand.close(thread, session).unwrap();
            if variant == 0 {
                return false;
            }
            hand.close(thread, session).unwrap_err();
        }
        Mistake::CallInsideOperation => {
            let session = hand.open(thread);
            hand.begin(thread, session).unwrap();
            match variant {
                0 => hand.begin(thread, session).unwrap_err(),
                _ => hand.close(thread, session).unwrap_err(),
            };
            hand.end(thread, session, Hresult::S_OK).unwrap();
            hand.close(thread, session).unwrap();
        }
        Mistake::HandleNotOpen => {
            let session = hand.open(thread);
            hand.close(thread, session).unwrap();
            let session = [session, Session::DEFAULT, Session::from_raw(1)][variant];
            hand.begin(thread, session).unwrap_err();
        }
        Mistake::MemoryMishandled => {
            let memory = hand.hand_out(thread);
            if variant == 0 {
                hand.delete(thread, memory).unwrap();
                hand.delete(other, memory).unwrap_err();
            }
            hand.shutdown(thread).unwrap();
            if variant == 1 {
                hand.delete(thread, memory).unwrap_err();
            }
            return true;
        }
        _ => unreachable!("{mistake}"),
    }
    hand.shutdown(thread).unwrap();
    true
}

fn lives() -> impl Strategy<Value = Vec<Try>> {
    prop::collection::vec(tries(), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    /// And none in any part of its life that goes to the end.
    #[test]
    fn a_correct_client_has_no_mistakes(
        contract in 0..2_usize,
        life in lives(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut hand = Hand::new(CONTRACTS[contract]);
        live(&mut hand, &mut [false; THREADS], &life);
        let journal = hand.journal();
        journal.replay().unwrap();
        prop_assert_eq!(found(&journal), [], "{}", journal.timeline());
        let steps = &journal.steps()[cut.index(journal.steps().len() + 1)..];
        let part = Journal::from_steps(*journal.config(), steps.to_vec());
        prop_assert_eq!(found(&part), [], "{}", part.timeline());
    }

    #[test]
    fn a_correct_client_with_one_mistake_has_that(
        contract in 0..2_usize,
        lives in [lives(), lives()],
        mistake in 0..Mistake::ALL.len(),
        thread in 0..THREADS as u64,
        other in 1..THREADS as u64,
        variant in 0..3_usize,
    ) {
        let mistake = Mistake::ALL[mistake];
        let contract = CONTRACTS[contract];
        prop_assume!(mistake != Mistake::OverlappingPairs || contract == Contract::Documented);
        let other = (thread + other) % THREADS as u64 + 1;
        let mut hand = Hand::new(contract);
        let mut gave_up = [false; THREADS];
        live(&mut hand, &mut gave_up, &lives[0]);
        let before = hand.steps.len();
        if plant(&mut hand, mistake, thread + 1, other, variant) {
            live(&mut hand, &mut gave_up, &lives[1]);
        }
        let journal = hand.journal();
        let found = journal.mistakes();
        let text = Timeline::new(&journal, &found).to_string();
        prop_assert_eq!(found.len(), 1, "{}\n{}", mistake, text);
        prop_assert_eq!(found[0].mistake, mistake, "{}", text);
        prop_assert!(found[0].at >= before, "{}", text);
    }

    /// Handles that nobody keeps in order, up to 16 threads, long paths; and nothing is wider than
    /// a terminal.
    #[test]
    fn any_journal_is_printed_within_100_columns(
        contract in 0..2_usize,
        threads in 1..17_u64,
        factor in prop_oneof![Just(1_u64), Just(1_000_003), Just(u64::MAX / 20)],
        picks in prop::collection::vec((0..16_u64, 0..9_u8, 0..6_u32, 0..200_usize), 0..120),
    ) {
        let mut hand = Hand::new(CONTRACTS[contract]);
        for (thread, what, number, length) in picks {
            let thread = (thread % threads + 1) * factor;
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
            prop_assert!(finding.collides_with.iter().all(|step| *step < journal.steps().len()));
        }
    }

    /// Nothing false is said of a correct client whose beginning is missing.
    #[test]
    fn a_correct_client_without_its_beginning_has_no_mistakes(
        contract in 0..2_usize,
        picks in prop::collection::vec((0..6_u8, 0..3_u8), 0..60),
        limit in 1..60_usize,
    ) {
        let dism = unverified().contract(CONTRACTS[contract]).journal_limit(limit).build();
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
        let journal = dism.journal();
        prop_assert_eq!(journal.mistakes(), [], "{}", journal);
    }
}

// Journals that are not whole

#[test]
fn without_its_beginning_what_is_certain_is_found() {
    let dism = unverified().journal_limit(4).build();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    let other = dism.open_session("other").unwrap();
    dism.close_session(session).unwrap();
    dism.close_session(session).unwrap_err(); // 2 of those that are kept
    dism.shutdown().unwrap_err(); // 3
    let journal = dism.journal();
    assert_eq!(journal.dropped(), 3);
    assert_eq!(found(&journal), [(3, 2, vec![0]), (1, 3, vec![])]);
    let _ = other;
}

/// S3: the shutdown is more likely that of the thread's own initialize, which is missing.
#[test]
fn without_its_beginning_a_shutdown_is_not_taken_for_anothers() {
    let mut hand = Hand::new(Contract::Recorded);
    hand.initialize(2).unwrap();
    hand.initialize(1).unwrap();
    hand.take(1, Call::CallWithoutSession { function: Function::GetImageInfo }).unwrap();
    hand.shutdown(2).unwrap();
    hand.steps.remove(0);
    assert_eq!(hand.found(), [(2, 0, vec![])]);
}

/// I3: whose the initialize is that stands is missing, too.
#[test]
fn without_its_beginning_a_refused_initialize_overlaps_with_nobody() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    hand.initialize(2).unwrap_err();
    hand.shutdown(1).unwrap();
    hand.open(2);
    hand.steps.remove(0);
    assert_eq!(hand.found(), []);
}

/// C3: the close is more likely that of the thread's own open, which is missing.
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
    let dism = unverified().journal_limit(0).build();
    dism.initialize().unwrap();
    assert_eq!(dism.journal().mistakes(), []);
    assert_eq!(dism.journal().timeline().to_string(), "(the journal is switched off)\n");
}

// The timeline

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
    // What the contract refuses asks no script.
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
    // Not that it is left out is what tells a line, but the calls are all there.
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

/// C4, C6: it waited, so it stands in two lines.
#[test]
fn the_timeline_names_a_mistake_where_its_call_returns() {
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

// The report, when it is asked for and at the drop

/// Ten sessions of images with paths that are long and would break a line.
fn ten_sessions_left_open() -> String {
    let dism = unverified().build();
    dism.initialize().unwrap();
    for number in 0..10 {
        dism.open_session(format!("C:\\{number}\n\u{2028}{}", "bücher".repeat(40))).unwrap();
    }
    dism.shutdown().unwrap_err();
    dism.verify().unwrap_err().to_string()
}

#[test]
fn a_report_is_no_wider_than_100_columns_and_has_every_answer() {
    let report = ten_sessions_left_open();
    for line in report.lines() {
        let width = line.chars().count();
        // Nothing is cut off before it has to be.
        assert!(if line.contains('…') { width == 100 } else { width <= 100 }, "{line}");
    }
    for session in 2..12 {
        let told = 1 + usize::from(session < 10);
        assert_eq!(report.matches(&format!("… -> session {session}\n")).count(), told, "{report}");
    }
}

#[test]
fn no_path_breaks_a_line_of_a_report() {
    let report = ten_sessions_left_open();
    assert_eq!(report.matches(r"\n\u{2028}b").count(), 8 + 10, "{report}");
    assert!(!report.contains('\u{2028}'), "{report}");
}

#[test]
fn a_report_tells_eight_of_many_calls_and_counts_the_others() {
    let report = ten_sessions_left_open();
    assert!(
        report.starts_with("1 mistake under the contract Documented\n\nmistake 1,"),
        "{report}"
    );
    assert_eq!(report.matches("\n    collides with call ").count(), 8, "{report}");
    assert!(report.contains("\n    and with calls 10 and 11\n"), "{report}");
}

#[test]
fn a_report_has_the_place_of_each_call_in_the_source_of_the_client() {
    let dism = unverified().build();
    dism.initialize().unwrap();
    let opened = line!() + 1;
    dism.open_session("image").unwrap();
    let refused = line!() + 1;
    dism.shutdown().unwrap_err();
    let report = dism.verify().unwrap_err().to_string();
    let thread = ThreadId::current();
    for (call, line) in [(2, opened), (3, refused)] {
        let header = format!("call {call} by {thread} at {}:{line}:", file!());
        assert!(report.contains(&header), "{header}\n{report}");
    }
}

#[test]
fn the_drop_of_the_last_handle_names_the_mistakes() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    drop(dism.clone());
    let said = failing(|| drop(dism));
    let begins = "1 mistake under the contract Documented\n\nmistake 2, never shut down: call 1 by";
    assert!(said.starts_with(begins), "{said}");
}

#[test]
fn the_drop_of_the_last_handle_names_nothing_for_a_test_that_opted_out() {
    let dism = unverified().build();
    dism.initialize().unwrap();
}

/// Two panics at once would end the process, and hide the test's own.
#[test]
fn the_drop_of_the_last_handle_keeps_quiet_in_a_test_that_panics() {
    let said = failing(|| {
        let dism = Emulator::new();
        dism.initialize().unwrap();
        panic!("the test's own");
    });
    assert_eq!(said, "the test's own");
}

#[test]
fn the_drop_of_the_last_handle_names_no_mistake_twice() {
    let dism = Emulator::new();
    dism.initialize().unwrap();
    dism.verify().unwrap_err();
}

#[test]
fn the_drop_of_the_last_handle_names_what_came_after_a_verification() {
    let dism = Emulator::new();
    dism.verify().unwrap();
    dism.initialize().unwrap();
    assert!(failing(|| drop(dism)).contains("mistake 2, never shut down"));
}

/// Who asks is told that the answer is worth less; who does not ask is left alone.
#[test]
fn what_the_journal_lost_is_told_by_verify_and_not_by_the_drop() {
    for is_asked in [true, false] {
        for (limit, lost) in
            [(0, Remark::JournalOff), (1, Remark::JournalIncomplete { dropped: 1 })]
        {
            let dism = Emulator::builder().journal_limit(limit).build();
            dism.initialize().unwrap();
            dism.shutdown().unwrap();
            if is_asked {
                let report = dism.verify().unwrap_err();
                assert_eq!((report.mistakes(), report.remarks()), (&[][..], &[lost][..]));
            }
        }
    }
}

#[cfg(feature = "serde")]
mod machines {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn a_step_and_a_finding_as_json() {
        let mut hand = Hand::new(Contract::Documented);
        hand.initialize(1).unwrap();
        hand.take(2, Call::FinishClose { session: Session::from_raw(9) }).unwrap_err();
        let journal = to_value(hand.journal()).unwrap();
        assert_eq!(
            journal["steps"][0],
            json!({
                "thread": 1,
                "call": "Initialize",
                "outcome": { "Ok": { "Initialized": { "count": 1 } } },
                "place": null,
            })
        );
        assert_eq!(journal["config"]["contract"], "Documented");
        assert!(journal["steps"][1]["outcome"]["Err"].is_object());
        let found = to_value(hand.journal().mistakes()).unwrap();
        assert_eq!(
            found,
            json!([{ "mistake": "NeverShutDown", "call": 1, "at": 0, "collides_with": [] }])
        );
    }

    #[test]
    fn a_place_is_a_string() {
        let dism = unverified().build();
        dism.initialize().unwrap();
        let journal = dism.journal();
        let place = journal.steps()[0].place.unwrap();
        let value = to_value(&journal).unwrap();
        assert_eq!(value["steps"][0]["place"], place.to_string());
    }
}

/// A mistake in a loop is one mistake: it is told once, and its later rounds are folded away.
#[test]
fn a_report_tells_a_mistake_in_a_loop_once() {
    let dism = unverified().build();
    dism.initialize().unwrap();
    for _ in 0..200 {
        let session = dism.open_session("image").unwrap();
        dism.close_session(session).unwrap();
        dism.close_session(session).unwrap_err();
    }
    dism.shutdown().unwrap();
    let report = dism.verify().unwrap_err();
    assert_eq!(report.mistakes().len(), 200);
    assert_eq!((report.mistakes()[1].call, report.mistakes()[1].at), (7, 8));
    let text = report.to_string();
    assert_eq!(text.matches("instead: ").count(), 1, "{text}");
    assert!(
        text.contains(
            "the same, from the same place: calls 7, 10, 13, 16, 19, 22, 25, 28 and 191 more"
        ),
        "{text}"
    );
    assert!(text.lines().count() < 80, "{text}");
}
