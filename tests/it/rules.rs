//! What a test scripts: rules and their guards, progress, memory, and the functions that do
//! nothing but answer.

use std::ops::ControlFlow;
use std::thread;

use dism_emu::{
    Call, Contract, DISM_ONLINE_IMAGE, Effect, Emulator, Error, Function, Hresult, InvalidArgument,
    Memory, MountImage, Progress, Rule, Session, State,
};

use crate::support::{
    BUSY, CONTRACTS, IMAGE, MOUNTED, OTHER, blameless, failing, one_session, told, unverified, up,
    wait_for,
};

/// A process in which nothing but a rule can make the function fail, and what the function is
/// called on there.
pub(crate) fn ready_for(function: Function, contract: Contract) -> (Emulator, Session, Memory) {
    let dism = unverified().contract(contract).build();
    if function == Function::Initialize {
        return (dism, Session::DEFAULT, Memory::NULL);
    }
    dism.initialize().unwrap();
    if function == Function::Shutdown {
        return (dism, Session::DEFAULT, Memory::NULL);
    }
    for path in [IMAGE, MOUNTED] {
        dism.mount_image(MountImage::new(path, "install.wim")).unwrap();
    }
    let session = dism.open_session(IMAGE).unwrap();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    (dism, session, memory)
}

/// Calls a function through the method that stands for it.
pub(crate) fn call(
    dism: &Emulator,
    function: Function,
    session: Session,
    memory: Memory,
) -> Result<Hresult, Error> {
    match function {
        Function::Initialize => dism.initialize(),
        Function::OpenSession => dism.open_session(OTHER).map(|_| Hresult::S_OK),
        Function::CloseSession => dism.close_session(session),
        Function::Shutdown => dism.shutdown().map(|()| Hresult::S_OK),
        Function::GetLastErrorMessage => dism.last_error().map(|_| Hresult::S_OK),
        Function::Delete => dism.delete(memory).map(|()| Hresult::S_OK),
        Function::MountImage => dism.mount_image(MountImage::new(OTHER, "install.wim")),
        Function::UnmountImage => dism.unmount_image(MOUNTED),
        Function::RemountImage => dism.remount_image(MOUNTED),
        function if function.is_without_session() => dism.call(function),
        function => dism.perform(session, function),
    }
}

fn without_session() -> impl Iterator<Item = Function> {
    Function::ALL.iter().copied().filter(|it| it.is_without_session())
}

/// Which of a number of equal calls a rule answers.
fn answered(rule: Rule, calls: usize) -> Vec<usize> {
    let dism = up(Contract::Documented);
    let _rule = dism.script(rule.answer(BUSY));
    (1..=calls).filter(|_| dism.call(Function::CleanupMountpoints).is_err()).collect()
}

#[test]
fn every_function_can_be_made_to_fail() {
    for contract in CONTRACTS {
        for &function in Function::ALL {
            let (dism, session, memory) = ready_for(function, contract);
            let rule = dism.script(Rule::on(function).answer(BUSY));
            let failed = call(&dism, function, session, memory);
            let error = if function.is_operation() {
                Error::OperationFailed { code: BUSY }
            } else {
                Error::Scripted { code: BUSY }
            };
            assert_eq!(failed, Err(error), "{function}");
            assert_eq!(rule.fired(), 1, "{function}");
            dism.journal().replay().unwrap();
        }
    }
}

#[test]
fn p4_every_function_can_be_made_to_succeed_with_any_number() {
    let numbers = [0, 1, 3010, 0x0004_1234, 0x7FFF_FFFF].map(Hresult::new);
    for code in numbers {
        for &function in Function::ALL {
            let (dism, session, memory) = ready_for(function, Contract::Documented);
            let before = dism.journal().steps().len();
            let rule = dism.script(Rule::on(function).answer(code));
            let answer = call(&dism, function, session, memory).unwrap();
            assert_eq!(rule.fired(), 1, "{function}");
            let journal = dism.journal();
            journal.replay().unwrap();
            // These have no place for another success than their own, so the journal has it.
            let own_success_only = matches!(
                function,
                Function::OpenSession
                    | Function::Shutdown
                    | Function::GetLastErrorMessage
                    | Function::Delete
            );
            if own_success_only {
                assert_eq!(answer, Hresult::S_OK, "{function}");
            } else {
                assert_eq!(answer, code, "{function}");
            }
            let step = &journal.steps()[before];
            assert_eq!(step.call.answer(), Some(code), "{function}");
        }
    }
}

#[test]
fn a_step_tells_the_scripted_answer_as_its_code() {
    for code in [1, 3010].map(Hresult::new) {
        for function in [Function::Initialize, Function::Shutdown, Function::CleanupMountpoints] {
            let (dism, session, memory) = ready_for(function, Contract::Documented);
            let _rule = dism.script(Rule::on(function).answer(code));
            call(&dism, function, session, memory).unwrap();
            assert_eq!(dism.journal().steps().last().unwrap().code(), code, "{function}");
        }
    }
}

#[test]
fn a_rule_answers_s_ok_unless_told_otherwise() {
    let (dism, session) = one_session(Contract::Documented);
    dism.perform(session, Function::AddPackage).unwrap();
    let _rules = [Function::AddPackage, Function::CloseSession].map(|it| dism.script(Rule::on(it)));
    let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    assert_eq!(operation.end_with(reboot), Ok(Hresult::S_OK));
    dism.operation(session, Function::GetFeatures).unwrap().end_with(reboot).unwrap();
    // C6 would have it 3010, but the rule wins.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn a_failing_initialize_leaves_it_down() {
    let dism = unverified().build();
    let rule = dism.script(Rule::on(Function::Initialize).nth(1).answer(BUSY));
    assert_eq!(dism.initialize(), Err(Error::Scripted { code: BUSY }));
    assert_eq!(rule.fired(), 1);
    assert_eq!(dism.state(), State::Down);
    // E5: it was never initialized, so why can be read.
    assert_eq!(dism.last_error(), Ok(Some(BUSY)));
    assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
}

#[test]
fn a_failing_initialize_is_not_counted() {
    let dism = up(Contract::Recorded);
    let _rule = dism.script(Rule::on(Function::Initialize).nth(1).answer(BUSY));
    dism.initialize().unwrap_err();
    assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 });
}

#[test]
fn a_failing_open_leaves_nothing_behind() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let _rule = dism.script(Rule::on(Function::OpenSession).nth(1).answer(BUSY));
        dism.open_session(IMAGE).unwrap_err();
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 });
        // Not even a number (rule O2).
        assert_eq!(dism.open_session(IMAGE).unwrap().raw(), 2);
    }
}

#[test]
fn a_failing_open_of_an_open_image_adds_no_reference() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::OpenSession).answer(BUSY));
    dism.open_session(IMAGE).unwrap_err();
    dism.close_session(session).unwrap();
    assert_eq!(dism.state().open_sessions(), 0);
}

#[test]
fn a_failing_close_leaves_the_session_open() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::CloseSession).nth(1).answer(BUSY));
    assert_eq!(dism.close_session(session), Err(Error::Scripted { code: BUSY }));
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.state().open_sessions(), 0);
}

#[test]
fn a_failing_close_keeps_its_reference() {
    let (dism, session) = one_session(Contract::Documented);
    dism.open_session(IMAGE).unwrap();
    let _rule = dism.script(Rule::on(Function::CloseSession).nth(1).answer(BUSY));
    dism.close_session(session).unwrap_err();
    dism.close_session(session).unwrap();
    assert_eq!(dism.state().open_sessions(), 1);
}

#[test]
fn a_failing_shutdown_leaves_it_up() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let _rule = dism.script(Rule::on(Function::Shutdown).nth(1).answer(BUSY));
        assert_eq!(dism.shutdown(), Err(Error::Scripted { code: BUSY }));
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 });
        assert_eq!(dism.shutdown(), Ok(()));
    }
}

#[test]
fn s3_a_failing_shutdown_takes_nothing_off_the_count() {
    let dism = up(Contract::Recorded);
    dism.initialize().unwrap();
    let _rule = dism.script(Rule::on(Function::Shutdown).nth(1).answer(BUSY));
    dism.shutdown().unwrap_err();
    assert_eq!(dism.state(), State::Up { count: 2, open_sessions: 0 });
}

#[test]
fn a_failing_delete_leaves_the_memory_handed_out() {
    let dism = up(Contract::Documented);
    let memory = dism.hand_out(Function::GetImageInfo).unwrap();
    let _rule = dism.script(Rule::on(Function::Delete).nth(1).answer(BUSY));
    assert_eq!(dism.delete(memory), Err(Error::Scripted { code: BUSY }));
    assert_eq!(dism.delete(memory), Ok(()));
}

#[test]
fn a_scripted_success_does_what_the_call_always_does() {
    let code = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    for &function in &[Function::Initialize, Function::OpenSession, Function::CloseSession] {
        let (dism, session, memory) = ready_for(function, Contract::Documented);
        let before = dism.state().open_sessions();
        let _rule = dism.script(Rule::on(function).answer(code));
        call(&dism, function, session, memory).unwrap();
        let open_sessions = match function {
            Function::OpenSession => before + 1,
            _ => 0,
        };
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions }, "{function}");
    }
    let (dism, _, memory) = ready_for(Function::Delete, Contract::Documented);
    let _rule = dism.script(Rule::on(Function::Delete).answer(code));
    dism.delete(memory).unwrap();
    assert!(dism.delete(memory).is_err());
    let dism = up(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::Shutdown).answer(code));
    dism.shutdown().unwrap();
    assert_eq!(dism.state(), State::Down);
}

#[test]
fn p2_a_failing_operation_has_its_turn_as_any_other() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).answer(BUSY));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(|| dism.perform(session, Function::GetFeatures));
        wait_for(&dism, |step| step.outcome == Ok(Effect::Begun { ready: false }));
        assert_eq!(operation.end(), Err(Error::OperationFailed { code: BUSY }));
        assert_eq!(other.join().unwrap(), Ok(Hresult::S_OK));
    });
}

#[test]
fn p5_a_failing_operation_ends_and_leaves_the_session_closable() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        let _rule = dism.script(Rule::on(Function::AddPackage).answer(BUSY));
        dism.perform(session, Function::AddPackage).unwrap_err();
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    }
}

#[test]
fn p5_an_operation_that_is_dropped_ends_as_scripted() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).answer(BUSY));
    drop(dism.operation(session, Function::AddPackage).unwrap());
    let journal = dism.journal();
    let ended = journal.steps().last().unwrap();
    assert_eq!(ended.call, Call::EndOperation { session, result: BUSY });
    assert_eq!(dism.last_error(), Ok(Some(BUSY)));
}

#[test]
fn what_is_scripted_wins_over_what_an_adapter_ends_an_operation_with() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).answer(BUSY));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    assert_eq!(operation.end_with(3010_u32), Err(Error::OperationFailed { code: BUSY }));
    // C6: nothing asked for a reboot, since nothing returned 3010.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn e2_a_scripted_failure_sets_the_last_error_as_its_function_does() {
    for contract in CONTRACTS {
        for &function in Function::ALL {
            let (dism, session, memory) = ready_for(function, contract);
            let _rule = dism.script(Rule::on(function).nth(1).answer(BUSY));
            call(&dism, function, session, memory).unwrap_err();
            let silent = [Function::Shutdown, Function::Delete, Function::GetLastErrorMessage];
            let expected = if silent.contains(&function) { None } else { Some(BUSY) };
            assert_eq!(dism.last_error(), Ok(expected), "{function}");
        }
    }
}

#[test]
fn e3_a_scripted_success_does_not_clear_the_last_error() {
    for &function in Function::ALL {
        let (dism, session, memory) = ready_for(function, Contract::Documented);
        // Fails in any state.
        dism.perform(Session::DEFAULT, Function::GetFeatures).unwrap_err();
        let before = if function == Function::Initialize {
            Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED
        } else {
            Hresult::DISMAPI_E_INVALID_DISM_SESSION
        };
        let rule = dism.script(Rule::on(function).answer(1_u32));
        call(&dism, function, session, memory).unwrap();
        drop(rule);
        if function == Function::Shutdown {
            // E5: out of reach until then.
            dism.initialize().unwrap();
        }
        assert_eq!(dism.last_error(), Ok(Some(before)), "{function}");
    }
}

#[test]
fn c6_a_reboot_that_a_rule_answers_is_told_at_the_last_close() {
    let (dism, session) = one_session(Contract::Documented);
    let reboot = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
    let _rule = dism.script(Rule::on(Function::AddPackage).answer(reboot));
    dism.open_session(IMAGE).unwrap();
    assert_eq!(dism.perform(session, Function::AddPackage), Ok(reboot));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(reboot));
}

#[test]
fn a_rule_means_its_function_alone() {
    for &function in Function::ALL {
        let (dism, session, memory) = ready_for(function, Contract::Documented);
        let others = Function::ALL.iter().filter(|it| **it != function);
        let rules: Vec<_> =
            others.map(|it| dism.script(Rule::on(*it).optional().answer(BUSY))).collect();
        let result = call(&dism, function, session, memory);
        assert_eq!(result, Ok(Hresult::S_OK), "{function}");
        assert!(rules.iter().all(|rule| rule.fired() == 0), "{function}");
    }
}

#[test]
fn a_rule_on_any_operation_means_what_takes_a_session_but_for_the_close() {
    for &function in Function::ALL {
        let (dism, session, memory) = ready_for(function, Contract::Documented);
        let rule = dism.script(Rule::on_any_operation().answer(BUSY));
        let result = call(&dism, function, session, memory);
        assert_eq!(result.is_err(), function.is_operation(), "{function}");
        assert_eq!(rule.fired(), u64::from(function.is_operation()), "{function}");
    }
}

#[test]
fn the_first_rule_in_force_answers() {
    let dism = up(Contract::Documented);
    let rule = |code: Hresult| Rule::on(Function::CleanupMountpoints).answer(code);
    let first = dism.script(rule(BUSY));
    let second = dism.script(rule(Hresult::E_OUTOFMEMORY).optional());
    for _ in 0..3 {
        assert_eq!(dism.call(Function::CleanupMountpoints), Err(Error::Scripted { code: BUSY }));
    }
    assert_eq!((first.fired(), second.fired()), (3, 0));
}

#[test]
fn rules_behind_the_one_that_answers_do_not_count_the_call() {
    let dism = up(Contract::Documented);
    let rule = || Rule::on(Function::CleanupMountpoints);
    let _first = dism.script(rule().times(2).answer(BUSY));
    let second = dism.script(rule().nth(2).answer(Hresult::E_OUTOFMEMORY));
    let codes = [(); 5].map(|()| dism.call(Function::CleanupMountpoints).map_err(|it| it.code()));
    let fine = Ok(Hresult::S_OK);
    assert_eq!(codes, [Err(BUSY), Err(BUSY), fine, Err(Hresult::E_OUTOFMEMORY), fine]);
    assert_eq!(second.fired(), 1);
}

#[test]
fn a_rule_that_lets_a_call_pass_leaves_it_to_the_next() {
    let dism = up(Contract::Documented);
    let rule = || Rule::on(Function::CleanupMountpoints);
    let _first = dism.script(rule().after(1).answer(BUSY));
    let _second = dism.script(rule().answer(Hresult::E_OUTOFMEMORY));
    let codes = [(); 2].map(|()| dism.call(Function::CleanupMountpoints).unwrap_err().code());
    assert_eq!(codes, [Hresult::E_OUTOFMEMORY, BUSY]);
}

#[test]
fn a_rule_answers_all_calls_unless_told_otherwise() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints), 5), [1, 2, 3, 4, 5]);
}

#[test]
fn nth_answers_one_call_counted_from_1() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(1), 5), [1]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(3), 5), [3]);
}

#[test]
fn there_is_no_0th_call() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(0), 5), [0; 0]);
}

#[test]
fn nth_counts_since_the_rule_came_into_force() {
    let dism = up(Contract::Documented);
    dism.call(Function::CleanupMountpoints).unwrap();
    let _rule = dism.script(Rule::on(Function::CleanupMountpoints).nth(2).answer(BUSY));
    assert!(dism.call(Function::CleanupMountpoints).is_ok());
    assert!(dism.call(Function::CleanupMountpoints).is_err());
}

#[test]
fn nth_counts_only_the_calls_that_the_rule_means() {
    let (dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let _rule = dism.script(Rule::on(Function::AddPackage).session(session).nth(2).answer(BUSY));
    assert!(dism.perform(session, Function::AddPackage).is_ok());
    assert!(dism.perform(other, Function::AddPackage).is_ok());
    assert!(dism.perform(session, Function::GetFeatures).is_ok());
    assert!(dism.perform(session, Function::AddPackage).is_err());
}

#[test]
fn after_lets_calls_pass_and_answers_the_rest() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(3), 5), [4, 5]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(0), 2), [1, 2]);
}

#[test]
fn times_bounds_how_many_calls_are_answered() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(2), 5), [1, 2]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(0), 5), [0; 0]);
}

#[test]
fn after_and_times_go_together_in_either_order() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(1).times(2), 5), [2, 3]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(2).after(1), 5), [2, 3]);
}

#[test]
fn a_session_narrows_a_rule_to_its_operations_and_closes() {
    for function in [Function::AddPackage, Function::CloseSession] {
        let (dism, session) = one_session(Contract::Documented);
        let other = dism.open_session(OTHER).unwrap();
        let rule = dism.script(Rule::on(function).session(other).answer(BUSY));
        assert!(call(&dism, function, session, Memory::NULL).is_ok(), "{function}");
        assert_eq!(rule.fired(), 0);
        assert!(call(&dism, function, other, Memory::NULL).is_err(), "{function}");
        assert_eq!(rule.fired(), 1);
    }
}

#[test]
fn an_open_names_no_session() {
    let (dism, session) = one_session(Contract::Documented);
    let rule = Rule::on(Function::OpenSession).session(session).optional().answer(BUSY);
    let rule = dism.script(rule);
    assert_eq!(dism.open_session(IMAGE), Ok(session));
    assert_eq!(rule.fired(), 0);
}

#[test]
fn o6_an_image_narrows_a_rule_to_its_opens_operations_and_closes_in_any_spelling() {
    for spelt in [IMAGE, "c:/MOUNT", r"C:\Mount\", "C:/mount//"] {
        let dism = up(Contract::Documented);
        let rule = |function| Rule::on(function).image(spelt).nth(1).answer(BUSY);
        let functions = [Function::OpenSession, Function::AddPackage, Function::CloseSession];
        let rules = functions.map(|function| dism.script(rule(function)));

        let other = dism.open_session(OTHER).unwrap();
        assert!(dism.perform(other, Function::AddPackage).is_ok());
        assert!(dism.close_session(other).is_ok());
        assert!(rules.iter().all(|rule| rule.fired() == 0), "{spelt}");

        assert!(dism.open_session(r"C:\mount\").is_err(), "{spelt}");
        let session = dism.open_session(r"C:\mount\").unwrap();
        assert!(dism.perform(session, Function::AddPackage).is_err(), "{spelt}");
        assert!(dism.close_session(session).is_err(), "{spelt}");
        assert!(rules.iter().all(|rule| rule.fired() == 1), "{spelt}");
    }
}

#[test]
fn an_image_can_be_the_online_one() {
    let dism = up(Contract::Documented);
    let rule = Rule::on_any_operation().image(DISM_ONLINE_IMAGE.to_lowercase()).answer(BUSY);
    let rule = dism.script(rule);
    let [offline, online] = [IMAGE, DISM_ONLINE_IMAGE].map(|it| dism.open_session(it).unwrap());
    assert!(dism.perform(offline, Function::AddPackage).is_ok());
    assert!(dism.perform(online, Function::AddPackage).is_err());
    assert_eq!(rule.fired(), 1);
}

#[test]
fn a_rule_for_an_image_means_its_mounting_in_any_spelling() {
    let functions = [Function::MountImage, Function::RemountImage, Function::UnmountImage];
    for function in functions {
        let dism = up(Contract::Documented);
        let answers = |path: &str| {
            let mounted = dism.mount_image(MountImage::new(path, "install.wim"));
            [mounted, dism.remount_image(path), dism.unmount_image(path)]
        };
        let rule = dism.script(Rule::on(function).image("d:/OTHER/").answer(3010_u32));
        assert_eq!(answers(IMAGE), [Ok(Hresult::S_OK); 3], "{function}");
        let expected = functions.map(|it| Ok(Hresult::new(if it == function { 3010 } else { 0 })));
        assert_eq!(answers(OTHER), expected, "{function}");
        assert_eq!(rule.fired(), 1, "{function}");
    }
}

#[test]
fn what_names_no_image_is_not_meant_by_a_rule_for_one() {
    for function in
        [Function::Initialize, Function::Shutdown, Function::Delete, Function::CleanupMountpoints]
    {
        let (dism, session, memory) = ready_for(function, Contract::Documented);
        let rule = dism.script(Rule::on(function).image(IMAGE).optional().answer(BUSY));
        assert!(call(&dism, function, session, memory).is_ok(), "{function}");
        assert_eq!(rule.fired(), 0, "{function}");
    }
}

/// Puts a rule in force for the one call that the contract refuses, and shows that it was neither
/// asked nor counted.
#[track_caller]
fn refused_as_ever(dism: &Emulator, function: Function, call: impl Fn() -> Option<Error>) {
    let unscripted = call().expect("the contract refuses it");
    let rule = dism.script(Rule::on(function).nth(1).optional().answer(BUSY));
    assert_eq!(call(), Some(unscripted), "{function}");
    assert_eq!(rule.fired(), 0, "{function}");
    dism.journal().replay().unwrap();
}

#[test]
fn i2_an_initialize_that_the_contract_refuses_asks_no_rule() {
    let dism = unverified().elevated(false).build();
    refused_as_ever(&dism, Function::Initialize, || dism.initialize().err());
    let dism = up(Contract::Documented);
    refused_as_ever(&dism, Function::Initialize, || dism.initialize().err());
}

#[test]
fn o1_an_open_that_the_contract_refuses_asks_no_rule() {
    let dism = unverified().last_session(2).build();
    refused_as_ever(&dism, Function::OpenSession, || dism.open_session(IMAGE).err());
    dism.initialize().unwrap();
    refused_as_ever(&dism, Function::OpenSession, || dism.open_session("").err());
    dism.open_session(IMAGE).unwrap();
    // O8: the numbers ran out.
    refused_as_ever(&dism, Function::OpenSession, || dism.open_session(OTHER).err());
}

#[test]
fn c2_a_close_that_the_contract_refuses_asks_no_rule() {
    let function = Function::CloseSession;
    let dism = unverified().build();
    refused_as_ever(&dism, function, || dism.close_session(Session::from_raw(2)).err());
    dism.initialize().unwrap();
    refused_as_ever(&dism, function, || dism.close_session(Session::DEFAULT).err());
    let session = dism.open_session(IMAGE).unwrap();
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    // C7: it would wait for its own thread.
    refused_as_ever(&dism, function, || dism.close_session(session).err());
    drop(operation);
}

#[test]
fn s2_a_shutdown_that_the_contract_refuses_asks_no_rule() {
    let dism = unverified().build();
    refused_as_ever(&dism, Function::Shutdown, || dism.shutdown().err());
    dism.initialize().unwrap();
    dism.open_session(IMAGE).unwrap();
    refused_as_ever(&dism, Function::Shutdown, || dism.shutdown().err());
}

#[test]
fn p1_an_operation_that_the_contract_refuses_asks_no_rule() {
    let function = Function::AddPackage;
    let dism = unverified().build();
    refused_as_ever(&dism, function, || dism.perform(Session::from_raw(2), function).err());
    dism.initialize().unwrap();
    refused_as_ever(&dism, function, || dism.perform(Session::DEFAULT, function).err());
    let session = dism.open_session(IMAGE).unwrap();
    let operation = dism.operation(session, Function::GetFeatures).unwrap();
    // P3: it would wait for its own thread.
    refused_as_ever(&dism, function, || dism.perform(session, function).err());
    drop(operation);
}

#[test]
fn e5_a_last_error_that_is_out_of_reach_asks_no_rule() {
    let dism = up(Contract::Documented);
    dism.shutdown().unwrap();
    refused_as_ever(&dism, Function::GetLastErrorMessage, || dism.last_error().err());
}

#[test]
fn d3_a_delete_that_the_contract_refuses_asks_no_rule() {
    let dism = up(Contract::Documented);
    refused_as_ever(&dism, Function::Delete, || dism.delete(Memory::from_raw(1)).err());
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.shutdown().unwrap();
    refused_as_ever(&dism, Function::Delete, || dism.delete(memory).err());
}

#[test]
fn n1_a_call_that_the_contract_refuses_asks_no_rule() {
    let dism = unverified().build();
    for function in without_session() {
        refused_as_ever(&dism, function, || dism.call(function).err());
    }
}

#[test]
fn p1_a_rule_answers_a_commit_of_a_mounted_image_alone() {
    let dism = up(Contract::Documented);
    dism.mount_image(MountImage::new(IMAGE, "install.wim")).unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    let other = dism.open_session("other").unwrap();
    let rule = dism.script(Rule::on(Function::CommitImage).answer(3010_u32));
    for session in [other, Session::DEFAULT] {
        let refused = dism.perform(session, Function::CommitImage).unwrap_err();
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
        assert_eq!(rule.fired(), 0);
    }
    let reboot = Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED);
    assert_eq!(dism.perform(session, Function::CommitImage), reboot);
    assert_eq!(rule.fired(), 1);
    dism.journal().replay().unwrap();
}

#[test]
fn p5_a_dead_host_answers_as_recorded() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
        let dead = dism.kill_host(session);
        let answers = [Function::DisableFeature, Function::GetFeatureInfo, Function::GetFeatures]
            .map(|function| dism.perform(session, function).unwrap_err().code());
        let [disconnected, failed] = [0x8001_0108, 0x8007_06BE].map(Hresult::new);
        assert_eq!(answers, [disconnected, failed, failed]);
        assert_eq!(dead.fired(), 3);
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(()));
        dism.journal().replay().unwrap();
    }
}

#[test]
fn p5_a_dead_host_fails_every_operation() {
    for &function in Function::ALL.iter().filter(|it| it.is_operation()) {
        let (dism, session, _) = ready_for(function, Contract::Documented);
        let _dead = dism.kill_host(session);
        let code = Hresult::RPC_E_DISCONNECTED;
        let failed = dism.perform(session, function);
        assert_eq!(failed, Err(Error::OperationFailed { code }), "{function}");
    }
}

#[test]
fn p5_the_host_of_one_session_is_not_that_of_another() {
    let (dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let dead = dism.kill_host(session);
    assert_eq!(dism.perform(other, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dead.fired(), 0);
}

#[test]
fn p5_a_host_is_alive_again_once_its_guard_is_dropped() {
    let (dism, session) = one_session(Contract::Documented);
    let dead = dism.kill_host(session);
    dism.perform(session, Function::GetFeatures).unwrap_err();
    drop(dead);
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
}

#[test]
fn a_guard_that_is_dropped_takes_its_rule_back() {
    let dism = up(Contract::Documented);
    let rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    assert!(dism.call(Function::CleanupMountpoints).is_err());
    drop(rule);
    assert!(dism.call(Function::CleanupMountpoints).is_ok());
}

#[test]
fn a_guard_that_is_dropped_leaves_other_rules_in_force() {
    let dism = up(Contract::Documented);
    let rule = |code: Hresult| dism.script(Rule::on(Function::CleanupMountpoints).answer(code));
    let (first, second) = (rule(BUSY), rule(Hresult::E_OUTOFMEMORY));
    drop(first);
    assert_eq!(dism.call(Function::CleanupMountpoints).unwrap_err().code(), Hresult::E_OUTOFMEMORY);
    assert_eq!(second.fired(), 1);
}

#[test]
fn a_guard_that_is_dropped_by_a_panic_takes_its_rule_back() {
    let dism = up(Contract::Documented);
    failing(|| {
        let _rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
        dism.call(Function::CleanupMountpoints).unwrap();
    });
    assert!(dism.call(Function::CleanupMountpoints).is_ok());
}

#[test]
fn a_rule_that_is_kept_outlives_its_guard() {
    let dism = up(Contract::Documented);
    dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY)).keep();
    for _ in 0..2 {
        assert!(dism.call(Function::CleanupMountpoints).is_err());
    }
}

#[test]
fn a_rule_is_in_force_for_every_handle_and_every_thread() {
    let dism = up(Contract::Documented);
    let rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    let clone = dism.clone();
    let failed = thread::spawn(move || clone.call(Function::CleanupMountpoints)).join().unwrap();
    assert_eq!(failed, Err(Error::Scripted { code: BUSY }));
    assert_eq!(rule.fired(), 1);
}

#[test]
fn a_rule_survives_a_shutdown() {
    let dism = up(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::CleanupMountpoints).answer(BUSY));
    dism.shutdown().unwrap();
    dism.initialize().unwrap();
    assert!(dism.call(Function::CleanupMountpoints).is_err());
}

#[test]
fn a_rule_that_never_fired_is_told_by_name_and_place() {
    let dism = unverified().build();
    let rule = Rule::on(Function::AddPackage).session(Session::from_raw(7)).answer(BUSY);
    let line = line!() + 1;
    let guard = dism.script(rule.clone());
    blameless(&dism);
    let report = told(&dism);
    assert!(report.contains(&rule.to_string()), "{report}");
    assert!(report.contains(file!()) && report.contains(&line.to_string()), "{report}");
    drop(guard);
}

#[test]
fn a_rule_that_was_taken_back_without_having_fired_is_told_once() {
    let dism = unverified().build();
    drop(dism.script(Rule::on(Function::AddPackage)));
    blameless(&dism);
    assert_eq!(told(&dism).matches("DismAddPackage").count(), 1);
}

#[test]
fn a_rule_that_is_kept_and_never_fired_is_told() {
    let dism = unverified().build();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
    assert!(told(&dism).contains("DismAddPackage"));
}

#[test]
fn a_rule_that_fired_is_not_told() {
    let dism = unverified().build();
    let guard = dism.script(Rule::on(Function::Initialize));
    blameless(&dism);
    assert!(dism.verify().is_ok());
    drop(guard);
    assert!(dism.verify().is_ok());
}

#[test]
fn an_optional_rule_need_not_fire() {
    let dism = unverified().build();
    let guard = dism.script(Rule::on(Function::AddPackage).optional());
    dism.script(Rule::on(Function::AddDriver).optional()).keep();
    blameless(&dism);
    assert!(dism.verify().is_ok());
    drop(guard);
    assert!(dism.verify().is_ok());
}

#[test]
fn a_host_that_died_unnoticed_is_told_as_one_rule() {
    for is_dropped in [false, true] {
        let dism = unverified().build();
        let dead = dism.kill_host(Session::from_raw(2));
        if is_dropped {
            drop(dead);
        } else {
            dead.keep();
        }
        blameless(&dism);
        assert_eq!(told(&dism).matches("any operation on session 2").count(), 1);
    }
}

#[test]
fn a_host_that_died_is_noticed_by_one_operation() {
    let dism = unverified().build();
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    dism.kill_host(session).keep();
    dism.perform(session, Function::GetFeatures).unwrap_err();
    dism.close_session(session).unwrap();
    dism.shutdown().unwrap();
    assert!(dism.verify().is_ok());
}

#[test]
fn the_drop_of_the_last_handle_tells_of_a_rule_that_never_fired() {
    let message = failing(|| {
        let dism = Emulator::new();
        let _guard = dism.script(Rule::on(Function::AddPackage));
        blameless(&dism);
    });
    assert!(message.contains("DismAddPackage"), "{message}");
}

#[test]
fn the_drop_of_the_last_handle_says_nothing_of_an_optional_rule() {
    let dism = Emulator::new();
    dism.script(Rule::on(Function::AddPackage).optional()).keep();
    blameless(&dism);
}

#[test]
fn the_drop_of_the_last_handle_tells_nothing_twice() {
    let dism = Emulator::new();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
    assert!(dism.verify().is_err());
}

#[test]
fn a_test_that_opted_out_is_not_told_at_the_drop() {
    let dism = unverified().build();
    dism.script(Rule::on(Function::AddPackage)).keep();
    blameless(&dism);
}

#[test]
fn a_rule_says_what_it_means() {
    let shown = [
        (Rule::on(Function::AddPackage), "DismAddPackage, answers 0x00000000 (S_OK)"),
        (
            Rule::on(Function::AddPackage).session(Session::from_raw(2)).nth(3).answer(BUSY),
            "DismAddPackage on session 2, call 3 only, answers 0x800F0902 (DISMAPI_E_BUSY)",
        ),
        (
            Rule::on_any_operation().image("image").after(2).answer(1_u32),
            "any operation of \"image\", from call 3 on, answers 0x00000001 (S_FALSE)",
        ),
        (
            Rule::on(Function::Shutdown).times(2).answer(BUSY),
            "DismShutdown, 2 times, answers 0x800F0902 (DISMAPI_E_BUSY)",
        ),
        (
            Rule::on(Function::Shutdown).after(2).times(3).answer(BUSY),
            "DismShutdown, from call 3 on, 3 times, answers 0x800F0902 (DISMAPI_E_BUSY)",
        ),
    ];
    for (rule, text) in shown {
        assert_eq!(rule.to_string(), text);
    }
}

/// The steps that a running operation reports, and its result.
fn run(dism: &Emulator, session: Session) -> (Vec<(u32, u32)>, Result<Hresult, Error>) {
    let mut seen = Vec::new();
    let result = dism.operation(session, Function::AddPackage).unwrap().run(|progress| {
        seen.push((progress.current, progress.total));
        ControlFlow::Continue(())
    });
    (seen, result)
}

#[test]
fn an_operation_reports_quarter_by_quarter() {
    let (dism, session) = one_session(Contract::Documented);
    let (seen, result) = run(&dism, session);
    assert_eq!(seen, [(0, 100), (25, 100), (50, 100), (75, 100), (100, 100)]);
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn an_operation_reports_the_progress_that_is_scripted() {
    let (dism, session) = one_session(Contract::Documented);
    let steps = [Progress::new(7, 9), Progress::new(3, 9), Progress::new(u32::MAX, 0)];
    let rule = Rule::on(Function::AddPackage).progress(steps).answer(BUSY);
    let _rule = dism.script(rule);
    for _ in 0..2 {
        let (seen, result) = run(&dism, session);
        assert_eq!(seen, [(7, 9), (3, 9), (u32::MAX, 0)]);
        assert_eq!(result, Err(Error::OperationFailed { code: BUSY }));
    }
}

#[test]
fn an_operation_can_be_scripted_to_report_nothing() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).progress([]));
    assert_eq!(run(&dism, session), (vec![], Ok(Hresult::S_OK)));
}

#[test]
fn a_rule_without_progress_leaves_the_operation_its_own() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).answer(1_u32));
    let (seen, result) = run(&dism, session);
    assert_eq!(seen.len(), 5);
    assert_eq!(result, Ok(Hresult::S_FALSE));
}

#[test]
fn an_operation_that_is_scripted_to_be_cancelled_fails_after_its_steps() {
    let (dism, session) = one_session(Contract::Documented);
    let aborted = Hresult::ERROR_REQUEST_ABORTED;
    let rule = Rule::on(Function::AddPackage).progress([Progress::new(30, 100)]).answer(aborted);
    let _rule = dism.script(rule);
    let (seen, result) = run(&dism, session);
    assert_eq!(seen, [(30, 100)]);
    assert_eq!(result, Err(Error::OperationFailed { code: aborted }));
    assert_eq!(dism.last_error(), Ok(Some(aborted)));
}

#[test]
fn a_callback_cancels_the_operation_with_break() {
    let (dism, session) = one_session(Contract::Documented);
    let mut calls = 0;
    let cancelled = dism.operation(session, Function::AddPackage).unwrap().run(|progress| {
        calls += 1;
        if progress.current < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!(calls, 3, "it goes on after it was cancelled");
    let code = Hresult::new(0x8007_04D3);
    assert_eq!(cancelled, Err(Error::OperationFailed { code }));
    assert_eq!(dism.last_error(), Ok(Some(code)));
    // P5: the session is as usable as after any failure.
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn a_cancel_wins_over_the_scripted_answer() {
    let (dism, session) = one_session(Contract::Documented);
    let rule = dism.script(Rule::on(Function::AddPackage).answer(3010_u32));
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let cancelled = operation.run(|_| ControlFlow::Break(()));
    assert_eq!(cancelled.unwrap_err().code(), Hresult::ERROR_REQUEST_ABORTED);
    assert_eq!(rule.fired(), 1);
    // C6: nothing returned 3010.
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    dism.journal().replay().unwrap();
}

#[test]
fn a_callback_is_called_on_the_thread_of_the_operation() {
    let (dism, session) = one_session(Contract::Documented);
    let caller = thread::current().id();
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(thread::current().id(), caller);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn a_callback_is_called_under_no_lock() {
    let (dism, session) = one_session(Contract::Documented);
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert!(dism.state().is_initialized());
        assert!(!dism.journal().steps().is_empty());
        let other = dism.open_session(OTHER).unwrap();
        assert_eq!(dism.perform(other, Function::GetFeatures), Ok(Hresult::S_OK));
        // Nor does another thread find one.
        thread::scope(|scope| {
            scope.spawn(|| dism.close_session(other).unwrap());
        });
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
    dism.journal().replay().unwrap();
}

#[test]
fn p3_a_callback_cannot_operate_on_its_own_session() {
    let (dism, session) = one_session(Contract::Documented);
    let refused = Err(Error::PossibleDeadlock { session });
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(dism.perform(session, Function::GetFeatures), refused);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
}

#[test]
fn c7_a_callback_cannot_close_its_own_session() {
    let (dism, session) = one_session(Contract::Documented);
    let refused = Err(Error::PossibleDeadlock { session });
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let result = operation.run(|_| {
        assert_eq!(dism.close_session(session), refused);
        ControlFlow::Continue(())
    });
    assert_eq!(result, Ok(Hresult::S_OK));
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
}

#[test]
fn p2_an_operation_is_performed_until_its_callback_is_through() {
    let (dism, session) = one_session(Contract::Documented);
    let operation = dism.operation(session, Function::AddPackage).unwrap();
    let before = dism.journal().steps().len();
    let _ = operation.run(|_| {
        assert_eq!(dism.journal().steps().len(), before);
        ControlFlow::Continue(())
    });
    assert_eq!(dism.journal().steps().len(), before + 1);
}

#[test]
fn x2_a_panic_in_a_callback_ends_the_operation_and_leaves_the_emulator_usable() {
    let (dism, session) = one_session(Contract::Documented);
    let _rule = dism.script(Rule::on(Function::AddPackage).times(1).answer(BUSY));
    let said = failing(|| {
        let operation = dism.operation(session, Function::AddPackage).unwrap();
        operation.run(|_| panic!("in the callback"))
    });
    assert_eq!(said, "in the callback");
    let journal = dism.journal();
    let ended = journal.steps().last().unwrap();
    assert_eq!(ended.call, Call::EndOperation { session, result: BUSY });
    // Also for another thread, which would have to wait for it.
    thread::scope(|scope| {
        scope.spawn(|| dism.perform(session, Function::AddPackage).unwrap());
    });
    assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
    assert_eq!(dism.shutdown(), Ok(()));
    dism.journal().replay().unwrap();
}

#[test]
fn d1_memory_is_numbered_as_it_is_handed_out() {
    let dism = up(Contract::Documented);
    for number in 1..=3 {
        assert_eq!(dism.hand_out(Function::GetFeatures).unwrap().raw(), number);
    }
}

#[test]
fn d1_memory_is_deleted_once_each() {
    let dism = up(Contract::Documented);
    let memory = [(); 3].map(|()| dism.hand_out(Function::GetFeatures).unwrap());
    // In any order.
    for memory in [memory[1], memory[2], memory[0]] {
        assert_eq!(dism.delete(memory), Ok(()));
    }
}

#[test]
fn d1_a_number_is_not_handed_out_again() {
    let dism = up(Contract::Documented);
    let first = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(first).unwrap();
    assert_ne!(dism.hand_out(Function::GetFeatures).unwrap(), first);
}

#[test]
fn d1_memory_can_be_handed_out_before_the_first_initialize() {
    // E5: the message that tells why the first initialize failed has to be given back.
    let dism = unverified().elevated(false).build();
    dism.initialize().unwrap_err();
    let message = dism.hand_out(Function::GetLastErrorMessage).unwrap();
    assert_eq!(dism.delete(message), Ok(()));
}

#[test]
fn d2_deleting_null_is_a_success() {
    let dism = unverified().build();
    assert_eq!(dism.delete(Memory::NULL), Ok(()));
    dism.initialize().unwrap();
    for _ in 0..2 {
        assert_eq!(dism.delete(Memory::NULL), Ok(()));
    }
}

#[test]
fn d3_what_was_not_handed_out_cannot_be_deleted() {
    let dism = up(Contract::Documented);
    dism.hand_out(Function::GetFeatures).unwrap();
    for memory in [2, u32::MAX].map(Memory::from_raw) {
        let refused = dism.delete(memory).unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::NotHandedOut { memory }));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn d3_memory_cannot_be_deleted_twice() {
    let dism = up(Contract::Documented);
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(memory).unwrap();
    assert_eq!(dism.delete(memory).unwrap_err().code(), Hresult::E_INVALIDARG);
}

#[test]
fn d4_after_a_last_shutdown_nothing_is_deleted_and_nothing_handed_out() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let memory = dism.hand_out(Function::GetFeatures).unwrap();
        dism.shutdown().unwrap();
        for memory in [memory, Memory::NULL, Memory::from_raw(99)] {
            assert_eq!(dism.delete(memory), Err(Error::NotInitialized));
        }
        assert_eq!(dism.hand_out(Function::GetFeatures), Err(Error::NotInitialized));
    }
}

#[test]
fn d4_memory_outlives_a_shutdown() {
    let dism = up(Contract::Documented);
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.shutdown().unwrap();
    dism.initialize().unwrap();
    assert_ne!(dism.hand_out(Function::GetFeatures).unwrap(), memory);
    assert_eq!(dism.delete(memory), Ok(()));
}

#[test]
fn e2_a_failing_delete_is_no_last_error() {
    let dism = up(Contract::Documented);
    dism.delete(Memory::from_raw(1)).unwrap_err();
    assert_eq!(dism.last_error(), Ok(None));
    dism.shutdown().unwrap();
    dism.delete(Memory::from_raw(1)).unwrap_err();
    dism.initialize().unwrap();
    assert_eq!(dism.last_error(), Ok(None));
}

#[test]
fn e2_a_function_that_cannot_hand_out_sets_the_last_error() {
    for function in [Function::GetFeatures, Function::GetLastErrorMessage] {
        let dism = up(Contract::Documented);
        dism.shutdown().unwrap();
        dism.hand_out(function).unwrap_err();
        dism.initialize().unwrap();
        let noted = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
        let noted = if function == Function::GetFeatures { Some(noted) } else { None };
        assert_eq!(dism.last_error(), Ok(noted), "{function}");
    }
}

#[test]
fn e3_a_delete_does_not_clear_the_last_error() {
    let dism = up(Contract::Documented);
    dism.open_session("").unwrap_err();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(memory).unwrap();
    assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
}

#[test]
fn n1_a_function_without_a_session_needs_an_initialized_api() {
    assert_eq!(without_session().count(), 3);
    for contract in CONTRACTS {
        for function in without_session() {
            let dism = unverified().contract(contract).build();
            assert_eq!(dism.call(function), Err(Error::NotInitialized), "{function}");
            // E2.
            let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
            assert_eq!(dism.last_error(), Ok(Some(code)), "{function}");
            dism.initialize().unwrap();
            assert_eq!(dism.call(function), Ok(Hresult::S_OK), "{function}");
            dism.shutdown().unwrap();
            assert_eq!(dism.call(function), Err(Error::NotInitialized), "{function}");
        }
    }
}

#[test]
fn a_function_that_has_a_method_of_its_own_is_not_called_without_a_session() {
    for &function in Function::ALL.iter().filter(|it| !it.is_without_session()) {
        let dism = up(Contract::Documented);
        let refused = Error::InvalidArgument(InvalidArgument::TakesSession { function });
        assert_eq!(dism.call(function), Err(refused));
        assert_eq!(dism.state(), State::Up { count: 1, open_sessions: 0 }, "{function}");
    }
}

/// X1: everything at once that a rule can do, on several threads.
#[test]
fn x1_the_journal_of_a_scripted_run_replays() {
    for contract in CONTRACTS {
        let dism = up(contract);
        let session = dism.open_session(IMAGE).unwrap();
        for &function in Function::ALL {
            for rule in [Rule::on(function).nth(2).answer(BUSY), Rule::on(function).answer(1_u32)] {
                dism.script(rule.optional()).keep();
            }
        }
        let client = || {
            for &function in Function::ALL {
                let memory = dism.hand_out(function).unwrap_or(Memory::NULL);
                let _ = call(&dism, function, session, memory);
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(client);
            }
        });
        let journal = dism.journal();
        let machine = journal.replay().unwrap();
        assert_eq!(machine.state(), dism.state());
        assert!(journal.steps().iter().any(|step| step.call.answer() == Some(BUSY)));
    }
}

#[test]
#[should_panic(expected = "a rule of the test never fired")]
fn the_drop_tells_of_what_was_scripted_after_an_explicit_verify() {
    let dism = Emulator::new();
    blameless(&dism);
    dism.verify().unwrap();
    drop(dism.script(Rule::on(Function::AddPackage)));
}

#[test]
fn a_report_without_a_journal_does_not_say_that_there_are_no_mistakes() {
    let dism = unverified().journal_limit(0).build();
    let report = dism.verify().unwrap_err().to_string();
    assert!(report.starts_with("mistakes were not looked for"), "{report}");
}

#[test]
#[should_panic(expected = "still initialized at the end: count 1, open sessions 1")]
fn what_is_left_behind_is_told_where_the_journal_has_lost_how_it_came() {
    let dism = Emulator::builder().journal_limit(2).build();
    dism.initialize().unwrap();
    let session = dism.open_session("image").unwrap();
    dism.perform(session, Function::GetFeatures).unwrap();
}
