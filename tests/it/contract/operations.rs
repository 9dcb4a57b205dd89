//! Operations: rules P1 to P6, and X2 inside one. Rule P7 is in `progress.rs`.

use std::panic::catch_unwind;
use std::sync::{Barrier, mpsc};
use std::thread;

use dism_emu::machine::{Call, Effect, Step};
use dism_emu::{Contract, Error, Function, Hresult, InvalidArgument, MountImage, Rule, Session};

use super::{state, while_closing};
use crate::support::{IMAGE, OTHER, replays, up, wait_for};

#[test]
fn p1_commit_has_a_code_of_its_own() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let refused = dism.operation(session, Function::CommitImage).unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::NotMounted { session }));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
        for session in [0, 1, 99].map(Session::from_raw) {
            let refused = dism.operation(session, Function::CommitImage).unwrap_err();
            let code = Hresult::E_INVALIDARG;
            assert_eq!(refused, Error::InvalidSession { session, code });
        }
        let closed = while_closing(&emulator, session, |_operation| {
            let refused = dism.operation(session, Function::CommitImage).unwrap_err();
            let code = Hresult::E_INVALIDARG;
            assert_eq!(refused, Error::SessionClosing { session, code });
        });
        assert_eq!(closed, Ok(Hresult::S_OK));
    }
}

#[test]
fn p1_a_commit_is_performed_on_a_mounted_image() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
        // O6: in any spelling.
        let session = dism.open_session("c:/MOUNT/").unwrap();
        assert_eq!(dism.perform(session, Function::CommitImage), Ok(Hresult::S_OK));
        let other = dism.open_session(OTHER).unwrap();
        let refused = dism.perform(other, Function::CommitImage).unwrap_err();
        assert_eq!(refused, InvalidArgument::NotMounted { session: other }.into());
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn p1_a_commit_is_checked_before_it_waits_for_its_turn() {
    let dism = up(Contract::Documented).dism();
    let session = dism.open_session(IMAGE).unwrap();
    let _operation = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        // If it were accepted, it would wait for ever for the operation of this thread.
        let commit = scope.spawn(|| dism.perform(session, Function::CommitImage).map(drop));
        let refused = InvalidArgument::NotMounted { session };
        assert_eq!(commit.join().unwrap(), Err(refused.into()));
    });
}

#[test]
fn p1_only_operations_are_performed_on_a_session() {
    let dism = up(Contract::Documented).dism();
    let session = dism.open_session(IMAGE).unwrap();
    for &function in Function::ALL {
        let performed = dism.operation(session, function).map(|operation| {
            assert_eq!((operation.function(), operation.session()), (function, session));
            let shown = format!("Operation {{ function: {function:?}, session: Session(2), .. }}");
            assert_eq!(format!("{operation:?}"), shown);
        });
        let refused = match function {
            Function::CommitImage => InvalidArgument::NotMounted { session },
            function if function.is_operation() => {
                assert_eq!(performed, Ok(()), "{function}");
                continue;
            }
            function => InvalidArgument::NotAnOperation { function },
        };
        assert_eq!(performed, Err(Error::InvalidArgument(refused)), "{function}");
    }
}

#[test]
fn p2_operations_on_one_session_run_one_at_a_time_in_the_order_of_arrival() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let first = dism.operation(session, Function::AddPackage).unwrap();
        let (done, order) = mpsc::channel();
        thread::scope(|scope| {
            for number in 0..4 {
                let done = done.clone();
                let dism = &dism;
                let functions = [
                    Function::AddDriver,
                    Function::GetDrivers,
                    Function::GetPackages,
                    Function::GetFeatures,
                ];
                let function = functions[number];
                scope.spawn(move || {
                    let operation = dism.operation(session, function).unwrap();
                    done.send(number).unwrap();
                    operation.end().unwrap();
                });
                // Each is in the queue before the next one comes.
                wait_for(&emulator, |step| {
                    step.call == Call::begin(session, function)
                        && step.outcome == Ok(Effect::Begun { ready: false })
                });
            }
            assert!(
                order.try_recv().is_err(),
                "an operation is performed while the first one runs"
            );
            first.end().unwrap();
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}

#[test]
fn p2_operations_on_different_sessions_run_in_parallel() {
    let dism = up(Contract::Documented).dism();
    let one = dism.open_session(IMAGE).unwrap();
    let other = dism.open_session(OTHER).unwrap();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for session in [one, other] {
            let (dism, barrier) = (&dism, &barrier);
            scope.spawn(move || {
                let _operation = dism.operation(session, Function::GetFeatures).unwrap();
                // Neither passes the barrier before the other's operation has begun.
                barrier.wait();
            });
        }
    });
}

#[test]
fn p3_a_nested_operation_on_the_same_session_and_thread_fails() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        let other = dism.open_session(OTHER).unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        let refused = dism.operation(session, Function::GetFeatures).unwrap_err();
        assert_eq!(refused, Error::PossibleDeadlock { session });
        dism.operation(other, Function::GetFeatures).unwrap().end().unwrap();
        operation.end().unwrap();
        dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    }
}

#[test]
fn p4_every_result_is_returned_unchanged() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        let end = |number: u32| {
            dism.operation(session, Function::EnableFeature).unwrap().end_with(number)
        };
        for number in [0, 1, 3010, 0x7FFF_FFFF] {
            assert_eq!(end(number), Ok(Hresult::new(number)));
        }
        for code in [0x800F_080C, 0x8001_0108, 0x8007_06BE, 0x8000_0000].map(Hresult::new) {
            assert_eq!(end(code.number()), Err(Error::Failed { code }));
            assert_eq!(Error::Failed { code }.code(), code);
        }
    }
}

#[test]
fn p5_a_failing_operation_leaves_the_session_open_and_closable() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        for _ in 0..2 {
            let operation = dism.operation(session, Function::DisableFeature).unwrap();
            operation.end_with(0x8007_06BE).unwrap_err();
        }
        assert_eq!(emulator.state(), state(1, 1));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn p6_an_operation_that_answers_1_has_succeeded_and_asks_for_a_reload() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        let reload = Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED;
        let _rule = emulator.script(Rule::on(Function::GetFeatures).nth(1).answer(reload));
        // A query, too, and whether a rule or an adapter says so.
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_FALSE));
        let operation = dism.operation(session, Function::EnableFeature).unwrap();
        assert_eq!(operation.end_with(1), Ok(Hresult::S_FALSE));
        let journal = emulator.journal();
        let asks = |step: &&Step| step.outcome == Ok(Effect::ReloadRequired);
        assert_eq!(journal.steps().iter().filter(asks).count(), 2);
        let last = journal.steps().last().unwrap();
        assert_eq!((last.code(), dism.last_error()), (Hresult::S_FALSE, Ok(None)));
        // Nothing stops a client that goes on.
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        replays(&emulator);
    }
}

/// C6: only 3010 changes what the close returns.
#[test]
fn p6_a_close_returns_the_reboot_and_not_the_reload() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let end = |results: &[u32]| {
            let session = dism.open_session(IMAGE).unwrap();
            for &result in results {
                let operation = dism.operation(session, Function::AddPackage).unwrap();
                operation.end_with(result).unwrap();
            }
            dism.close_session(session).unwrap().number()
        };
        assert_eq!(end(&[1]), 0);
        assert_eq!(end(&[3010, 1]), 3010);
        assert_eq!(end(&[1, 3010]), 3010);
    }
}

/// C3, O3: another reference holds the session open, so the open that follows returns it.
#[test]
fn p6_a_close_that_leaves_references_reloads_nothing() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let session = dism.open_session(IMAGE).unwrap();
        dism.open_session(IMAGE).unwrap();
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        operation.end_with(1).unwrap();
        dism.close_session(session).unwrap();
        assert_eq!(dism.open_session(IMAGE), Ok(session));
        dism.close_session(session).unwrap();
        dism.close_session(session).unwrap();
        assert_ne!(dism.open_session(IMAGE), Ok(session));
    }
}

#[test]
fn x2_a_panic_inside_an_operation_leaves_the_emulator_usable() {
    let dism = up(Contract::Documented).dism();
    let session = dism.open_session(IMAGE).unwrap();
    let panicked = thread::scope(|scope| {
        let callback = || {
            let _operation = dism.operation(session, Function::AddPackage).unwrap();
            panic!("a client's callback");
        };
        scope.spawn(callback).join()
    });
    assert!(panicked.is_err());
    dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    let caught = catch_unwind(|| {
        let _operation = dism.operation(session, Function::AddPackage).unwrap();
        panic!("a callback that the client catches");
    });
    assert!(caught.is_err());
    dism.operation(session, Function::GetFeatures).unwrap().end().unwrap();
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
}

#[test]
fn x2_an_operation_ends_once() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let session = dism.open_session(IMAGE).unwrap();
    let begin = || dism.operation(session, Function::GetFeatures).unwrap();
    begin().end().unwrap();
    drop(begin());
    begin().end_with(Hresult::S_OK).unwrap();
    let ends = |call: &Call| matches!(call, Call::EndOperation { .. });
    let journal = emulator.journal();
    assert_eq!(journal.steps().iter().filter(|step| ends(&step.call)).count(), 3);
    assert_eq!(dism.last_error(), Ok(None));
}

/// P1: an operation is a function that takes a session, except the close. The list of the others is
/// by name, so that it does not depend on the table that it checks.
#[test]
fn p1_all_functions_except_these_are_operations() {
    let others: Vec<_> = (Function::ALL.iter())
        .filter(|function| !function.is_operation())
        .map(|function| function.name())
        .collect();
    assert_eq!(
        others,
        [
            "DismCleanupMountpoints",
            "DismCloseSession",
            "DismDelete",
            "DismGetImageInfo",
            "DismGetLastErrorMessage",
            "DismGetMountedImageInfo",
            "DismInitialize",
            "DismMountImage",
            "DismOpenSession",
            "DismRemountImage",
            "DismShutdown",
            "DismUnmountImage",
        ]
    );
    assert_eq!(Function::ALL.len(), 36 + 4 + 9);
}
