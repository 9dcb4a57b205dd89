//! Programs that people who work with DISM have reported, and what a report has to say of them.

use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Dism, Emulator, Error, Function, Hold, Hresult, Memory, Mistake,
    MountImage, Remark, Rule, Session,
};

use crate::hand::found;
use crate::support::{BUSY, REBOOT, unverified};

/// Asserts that the program makes these mistakes under both contracts.
#[track_caller]
fn makes(mistakes: &[(u32, usize, &[usize])], program: impl Fn(&Emulator, &Dism)) {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).build();
        program(&emulator, &emulator.dism());
        let found = found(&emulator.journal());
        let found: Vec<_> = found.iter().map(|(it, at, with)| (*it, *at, &with[..])).collect();
        assert_eq!(found, mistakes, "{contract:?}\n{}", emulator.journal());
    }
}

/// The rule that an enabled feature asks for a reload.
fn asks_for_reload(emulator: &Emulator) {
    emulator.script(Rule::on(Function::EnableFeature).answer(Hresult::S_FALSE)).keep();
}

#[test]
fn a_wrapper_keeps_a_boolean_where_a_count_is_needed() {
    makes(&[(13, 2, &[1])], |_, dism| {
        let mut is_initialized = false;
        for _part in 0..2 {
            if !is_initialized {
                dism.initialize().unwrap(); // 0
                is_initialized = true;
            }
        }
        dism.shutdown().unwrap(); // 1
        dism.open_session(DISM_ONLINE_IMAGE).unwrap_err(); // 2
    });
}

#[test]
fn a_program_takes_the_1_of_a_feature_for_an_error_and_leaves() {
    makes(&[(2, 0, &[1])], |emulator, dism| {
        asks_for_reload(emulator);
        dism.initialize().unwrap(); // 0
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap(); // 1
        assert_eq!(dism.perform(session, Function::EnableFeature), Ok(Hresult::S_FALSE));
    });
    assert!(Mistake::NeverShutDown.advice().contains("an operation to ask for a reload"));
}

#[test]
fn a_program_goes_on_with_a_session_that_has_to_be_reloaded() {
    makes(&[(12, 4, &[2])], |emulator, dism| {
        asks_for_reload(emulator);
        dism.initialize().unwrap();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        dism.perform(session, Function::EnableFeature).unwrap(); // 2, 3
        dism.perform(session, Function::GetFeatures).unwrap(); // 4, 5
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
    });
}

#[test]
fn deferred_clean_up_closes_the_number_from_before_a_reload() {
    makes(&[(3, 7, &[4])], |emulator, dism| {
        asks_for_reload(emulator);
        dism.initialize().unwrap();
        let old = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        dism.perform(old, Function::EnableFeature).unwrap(); // 2, 3
        dism.close_session(old).unwrap(); // 4, 5
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        dism.close_session(old).unwrap_err(); // 7
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
    });
}

#[test]
fn a_look_up_and_a_close_of_0_after_an_open_that_failed_late() {
    makes(&[(10, 2, &[1])], |emulator, dism| {
        let no_host = Rule::on(Function::OpenSession).fail(Hresult::new(0x8004_0154));
        emulator.script(no_host).keep();
        dism.initialize().unwrap();
        std::thread::scope(|scope| {
            let hold = emulator.hold(Hold::before(Function::OpenSession));
            let program = scope.spawn(|| {
                dism.open_session("image").unwrap_err(); // 1
                dism.perform(Session::DEFAULT, Function::GetFeatures).unwrap_err(); // 2
                dism.close_session(Session::DEFAULT).unwrap_err();
            });
            hold.wait();
            hold.release();
            program.join().unwrap();
        });
        dism.shutdown().unwrap();
    });
}

#[test]
fn a_message_is_lost_to_a_second_one_in_the_same_variable() {
    makes(&[(11, 2, &[6])], |emulator, dism| {
        emulator.script(Rule::on(Function::OpenSession).fail(BUSY)).keep();
        dism.initialize().unwrap();
        let mut message = Memory::NULL;
        for _ in 0..2 {
            dism.open_session("image").unwrap_err();
            message = dism.hand_out(Function::GetLastErrorMessage).unwrap(); // 2, 4
        }
        dism.delete(message).unwrap();
        dism.shutdown().unwrap(); // 6
    });
}

/// Under Recorded it has an initialization of its own, under Documented it gives up.
#[test]
fn a_second_task_begins_while_the_first_one_hangs_in_an_open() {
    makes(&[], |emulator, dism| {
        dism.initialize().unwrap();
        std::thread::scope(|scope| {
            let hold = emulator.hold(Hold::before(Function::OpenSession));
            let first = scope.spawn(|| {
                let session = dism.open_session("image").unwrap();
                dism.perform(session, Function::AddPackage).unwrap();
                dism.close_session(session).unwrap();
            });
            hold.wait();
            let second = scope.spawn(|| match dism.initialize() {
                Ok(_) => dism.shutdown().map(drop).unwrap(),
                Err(refused) => assert!(matches!(refused, Error::AlreadyInitialized { .. })),
            });
            second.join().unwrap();
            hold.release();
            first.join().unwrap();
        });
        dism.shutdown().unwrap();
    });
}

/// Cleans up as the platform's own sample does.
fn clean_up(dism: &Dism, session: Session) {
    dism.delete(Memory::NULL).unwrap();
    dism.close_session(session).unwrap_err();
    let _ = dism.shutdown();
}

#[test]
fn the_sample_cleans_up_after_an_initialize_that_failed() {
    for (works_on, mistakes) in [(false, vec![]), (true, vec![(7, 1, vec![0])])] {
        let emulator = unverified().elevated(false).build();
        let dism = emulator.dism();
        dism.initialize().unwrap_err(); // 0
        if works_on {
            dism.open_session(DISM_ONLINE_IMAGE).unwrap_err(); // 1
        }
        clean_up(&dism, Session::DEFAULT);
        assert_eq!(found(&emulator.journal()), mistakes);
    }
}

#[test]
fn the_sample_cleans_up_after_an_open_that_failed() {
    makes(&[], |emulator, dism| {
        emulator.script(Rule::on(Function::OpenSession).fail(BUSY)).keep();
        dism.initialize().unwrap();
        dism.open_session(DISM_ONLINE_IMAGE).unwrap_err();
        clean_up(dism, Session::DEFAULT);
    });
}

#[test]
fn three_features_need_a_reboot_each() {
    makes(&[], |emulator, dism| {
        emulator.script(Rule::on(Function::EnableFeature).answer(REBOOT)).keep();
        dism.initialize().unwrap();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        for _ in 0..3 {
            assert_eq!(dism.perform(session, Function::EnableFeature), Ok(REBOOT));
        }
        assert_eq!(dism.close_session(session), Ok(REBOOT));
        dism.shutdown().unwrap();
    });
}

#[test]
fn an_initialize_works_the_third_time() {
    makes(&[], |emulator, dism| {
        emulator
            .script(Rule::on(Function::Initialize).times(2).fail(Hresult::new(0x8000_4005)))
            .keep();
        dism.initialize().unwrap_err();
        dism.initialize().unwrap_err();
        dism.initialize().unwrap();
        dism.shutdown().unwrap();
    });
}

/// What every C program does on a failure: it reads the message and deletes it.
#[test]
fn a_failed_initialize_is_ignored_after_its_message_was_read() {
    let emulator = unverified().elevated(false).build();
    let dism = emulator.dism();
    dism.initialize().unwrap_err(); // 0
    dism.last_error().unwrap();
    let text = dism.hand_out(Function::GetLastErrorMessage).unwrap();
    dism.delete(text).unwrap();
    dism.delete(Memory::NULL).unwrap();
    dism.open_session("image").unwrap_err(); // 5
    dism.perform(Session::DEFAULT, Function::GetFeatures).unwrap_err();
    assert_eq!(found(&emulator.journal()), [(7, 5, vec![0])]);
}

#[test]
fn a_pool_thread_that_was_refused_once_initializes_lazily_later() {
    let emulator = unverified().build();
    let dism = &emulator.dism();
    let step = &std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            step.wait();
            dism.initialize().unwrap_err(); // Task 1 is refused and gives up.
            step.wait();
            step.wait();
            dism.open_session("image").unwrap_err();
            dism.initialize().unwrap();
            let session = dism.open_session("image").unwrap();
            dism.close_session(session).unwrap();
            dism.shutdown().unwrap();
        });
        dism.initialize().unwrap();
        step.wait();
        step.wait();
        dism.shutdown().unwrap();
        step.wait();
    });
    assert_eq!(found(&emulator.journal()), []);
}

/// Returns the remarks, in words, without locations.
fn remarks(emulator: &Emulator) -> Vec<String> {
    let report = emulator.verify().unwrap_err();
    assert!(report.mistakes().is_empty(), "{report}");
    let remarks = report.remarks().iter().filter(|it| !matches!(it, Remark::HandlesLeft { .. }));
    let without_location = |remark: &Remark| {
        let text = remark.to_string();
        let (words, location) = text.split_once(", at ").expect("a location");
        assert!(location.starts_with("tests/it/mistakes/field.rs:"), "{text}");
        words.to_owned()
    };
    remarks.map(without_location).collect()
}

#[test]
fn the_message_of_an_open_is_read_on_another_thread_and_after_a_shutdown() {
    let emulator = unverified().build();
    let dism = &emulator.dism();
    dism.initialize().unwrap(); // 1
    let session = dism.open_session("image").unwrap();
    dism.open_session("").unwrap_err(); // 3
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(dism.last_error(), Ok(None))); // 4
    });
    for _ in 0..3 {
        dism.shutdown().unwrap_err(); // 5
        assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG))); // 6, 8, 10
    }
    dism.close_session(session).unwrap();
    // Its own message again.
    dism.open_session("").unwrap_err();
    dism.last_error().unwrap();
    dism.shutdown().unwrap();
    assert_eq!(
        remarks(&emulator),
        [
            "the last error message was read on another thread than that of the failure: call 4 found \
             none, since each thread has its own, and call 3 failed",
            "the last error message of another call was read: call 6 got that of call 3, since call \
             5 failed and has none; so with 2 more",
        ]
    );
}

/// A thread that has cleaned up reads the message of what failed before, and a thread beside one
/// that fails reads its own.
#[test]
fn a_message_is_read_after_clean_up() {
    let emulator = Emulator::new();
    let dism = &emulator.dism();
    dism.initialize().unwrap();
    assert_eq!(dism.last_error(), Ok(None));
    let session = dism.open_session("image").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            dism.open_session("").unwrap_err();
            dism.last_error().unwrap();
        });
    });
    dism.open_session("").unwrap_err();
    dism.close_session(session).unwrap();
    dism.delete(Memory::NULL).unwrap();
    assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
    dism.shutdown().unwrap();
}

#[test]
fn the_name_of_the_online_image_has_a_letter_wrong() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let wrong = [
        "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF846}", // 2 opens it
        "dism_{53bfae52-b167-4e2f-a258-0a37b57ff8}",
        "DSIM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}",
        "{53bfae52-b167-4e2f-a258-0a37b57ff845}",
        r"C:\DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}",
        "DISM_ONLINE_IMAGE",
    ];
    let right = [DISM_ONLINE_IMAGE, &DISM_ONLINE_IMAGE.to_lowercase(), r"C:\DISM", "DISM_MOUNT"];
    for path in wrong.into_iter().chain(right) {
        let session = dism.open_session(path).unwrap();
        dism.close_session(session).unwrap();
    }
    dism.mount_image(MountImage::new(wrong[0], "install.wim")).unwrap();
    dism.shutdown().unwrap();
    let looks = |call, more| {
        let wrong = wrong[0];
        format!(
            "a path looks like DISM_ONLINE_IMAGE and is another: \"{wrong}\" of call {call}{more}"
        )
    };
    assert_eq!(remarks(&emulator), [looks(2, "; so with 5 more"), looks(22, "")]);
}

/// With the whole journal, and without its beginning.
#[test]
fn a_scripted_close_is_not_held_against_the_client_after_it_has_left_the_journal() {
    for limit in [65_536, 10] {
        let emulator = unverified().journal_limit(limit).build();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let lost = dism.open_session("lost").unwrap();
        emulator.script(Rule::on(Function::CloseSession).times(1).fail(BUSY)).keep();
        dism.close_session(lost).unwrap_err();
        let session = dism.open_session("image").unwrap();
        for _ in 0..5 {
            dism.perform(session, Function::GetFeatures).unwrap();
        }
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap_err(); // OPEN_SESSION_HANDLES, because of the rule alone.
        assert_eq!(found(&emulator.journal()), []);
    }
}

/// I6: the API is up although initialize failed. A client that goes on is right, and one that stops
/// there leaves the initialization behind.
#[test]
fn an_initialize_without_its_log_fails_and_brings_the_api_up() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).build();
        let no_log = Rule::on(Function::Initialize).fail_in_effect(0xC004_0009);
        emulator.script(no_log).keep();
        let dism = emulator.dism();
        dism.initialize().unwrap_err();
        assert_eq!(numbers(&emulator), [2]);
        let session = dism.open_session("image").unwrap();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        assert!(numbers(&emulator).is_empty(), "{}", emulator.journal());
    }
}

/// What the test scripted is not the client's fault: the call has failed for it, so it tries again.
#[test]
fn a_close_and_a_shutdown_that_fail_in_effect_are_tried_again() {
    for contract in Contract::ALL {
        let emulator = unverified().contract(contract).build();
        let dism = emulator.dism();
        for function in [Function::CloseSession, Function::Shutdown] {
            emulator.script(Rule::on(function).nth(1).fail_in_effect(0x8007_0005)).keep();
        }
        dism.initialize().unwrap();
        let session = dism.open_session("image").unwrap();
        dism.close_session(session).unwrap_err();
        dism.close_session(session).unwrap_err();
        dism.shutdown().unwrap_err();
        dism.shutdown().unwrap_err();
        assert!(numbers(&emulator).is_empty(), "{}", emulator.journal());
    }
}

/// After a failure that took effect the client does not know what the process knows, and what it
/// does then is no mistake (I6, S2, C2, P6, D4). Nor is it told of another call's message (E1).
#[test]
fn a_client_is_not_to_blame_for_a_failure_in_effect() {
    const FAILED: u32 = 0x8007_0005;
    type Client = fn(&Emulator, &Dism);
    let fails_in_effect = |emulator: &Emulator, function| {
        emulator.script(Rule::on(function).nth(1).fail_in_effect(FAILED)).keep();
    };
    let clients: &[(Function, Client)] = &[
        (Function::Initialize, |_, dism| {
            dism.initialize().unwrap_err();
            dism.close_session(Session::DEFAULT).unwrap_err();
            dism.shutdown().unwrap();
        }),
        (Function::CloseSession, |emulator, dism| {
            asks_for_reload(emulator);
            dism.initialize().unwrap();
            let session = dism.open_session("image").unwrap();
            dism.open_session("image").unwrap();
            dism.perform(session, Function::EnableFeature).unwrap();
            dism.close_session(session).unwrap_err();
            dism.perform(session, Function::GetFeatures).unwrap();
            // It repeats the close that failed, and then makes its second one.
            dism.close_session(session).unwrap();
            dism.close_session(session).unwrap_err();
            dism.shutdown().unwrap();
        }),
        (Function::CloseSession, |_, dism| {
            dism.initialize().unwrap();
            let session = dism.open_session("image").unwrap();
            dism.close_session(session).unwrap_err();
            dism.perform(session, Function::GetFeatures).unwrap_err();
            dism.close_session(session).unwrap_err();
            dism.shutdown().unwrap();
        }),
        (Function::Shutdown, |_, dism| {
            dism.initialize().unwrap();
            let memory = dism.hand_out(Function::GetMountedImageInfo).unwrap();
            dism.shutdown().unwrap_err();
            dism.open_session("image").unwrap_err();
            dism.delete(memory).unwrap_err();
            dism.shutdown().unwrap_err();
        }),
        (Function::MountImage, |_, dism| {
            dism.initialize().unwrap();
            let session = dism.open_session("image").unwrap();
            dism.perform(Session::DEFAULT, Function::CommitImage).unwrap_err();
            dism.mount_image(MountImage::new("other", "install.wim")).unwrap_err();
            dism.shutdown().unwrap_err();
            dism.close_session(session).unwrap();
            assert_eq!(dism.last_error(), Ok(Some(Hresult::new(FAILED))));
            dism.shutdown().unwrap();
        }),
    ];
    for contract in Contract::ALL {
        for (at, (function, client)) in clients.iter().enumerate() {
            let emulator = unverified().contract(contract).build();
            fails_in_effect(&emulator, *function);
            client(&emulator, &emulator.dism());
            let expected: &[u32] = if *function == Function::MountImage { &[10] } else { &[] };
            assert_eq!(numbers(&emulator), expected, "{at}\n{}", emulator.journal());
            let (Ok(report) | Err(report)) = emulator.verify();
            let is_of_another = |it: &Remark| matches!(it, Remark::MessageOfAnotherCall { .. });
            assert!(!report.remarks().iter().any(is_of_another), "{report}");
        }
    }
}

/// Each excuse is for one close, and for one period: the next is the client's own (C2, O1).
#[test]
fn a_failure_in_effect_excuses_once() {
    makes(&[(3, 5, &[2]), (13, 9, &[8])], |emulator, dism| {
        emulator.script(Rule::on(Function::CloseSession).nth(1).fail_in_effect(0x8007_0005)).keep();
        dism.initialize().unwrap();
        let session = dism.open_session("image").unwrap();
        dism.close_session(session).unwrap_err();
        dism.close_session(session).unwrap_err();
        dism.close_session(session).unwrap_err();
        emulator.script(Rule::on(Function::Shutdown).nth(1).fail_in_effect(0x8007_0005)).keep();
        dism.shutdown().unwrap_err();
        dism.initialize().unwrap();
        dism.shutdown().unwrap();
        dism.open_session("image").unwrap_err();
    });
}

/// Returns the numbers of the mistakes.
fn numbers(emulator: &Emulator) -> Vec<u32> {
    emulator.journal().mistakes().iter().map(|found| found.mistake.number()).collect()
}
