//! What holds for every function of the table.

use dism_emu::machine::{Call, Step};
use dism_emu::{Contract, Function, Hresult, ImagePath, Rule};

use crate::c::{call, last_error, mount, open, process, up};
use crate::exports::{EXPORTS, Export, Given, code, wide};
use crate::support::{BUSY, IMAGE, MOUNTED, OTHER};

const DOWN: Hresult = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;

/// Returns arguments with which only a rule can make the function fail.
fn ready_for(export: &Export) -> Given {
    match export.function {
        Function::Initialize => return Given::new(0, ""),
        Function::Shutdown => {
            assert_eq!(call(Function::Initialize, &Given::new(0, "")), Hresult::S_OK);
            return Given::new(0, "");
        }
        _ => assert_eq!(call(Function::Initialize, &Given::new(0, "")), Hresult::S_OK),
    }
    mount(IMAGE);
    mount(MOUNTED);
    let session = open(IMAGE);
    Given::new(
        session,
        match export.function {
            Function::OpenSession | Function::MountImage => OTHER,
            _ => MOUNTED,
        },
    )
}

/// Functions that work before the first initialize (I1, S1, E5, D4).
fn works_before_initialize(function: Function) -> bool {
    matches!(function, Function::Initialize | Function::GetLastErrorMessage | Function::Delete)
}

#[test]
fn the_table_has_every_function_that_the_dll_exports() {
    let names: Vec<_> = EXPORTS.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), 36 + 4 + 3);
    for function in Function::ALL.iter().filter(|it| it.name().contains("Dism")) {
        assert!(names.contains(&function.name()), "{function}");
    }
}

#[test]
fn n1_every_function_fails_before_initialize_whatever_it_is_given() {
    for contract in Contract::ALL {
        for export in EXPORTS.iter().filter(|it| !works_before_initialize(it.function)) {
            for given in [Given::new(2, IMAGE), Given::null(2), Given::null(0)] {
                let process = process(contract);
                assert_eq!(code((export.call)(&given)), DOWN, "{}", export.name);
                assert!(given.are_outs_untouched(), "{}", export.name);
                let journal = process.emulator().journal();
                assert_eq!(journal.steps().len(), 1, "{}", export.name);
                journal.replay().unwrap();
                // E2, S7.
                let is_reported = last_error().is_some();
                assert_eq!(is_reported, export.function != Function::Shutdown, "{}", export.name);
            }
        }
    }
}

#[test]
fn s4_every_function_but_initialize_fails_after_the_last_shutdown() {
    for contract in Contract::ALL {
        for export in EXPORTS.iter().filter(|it| it.function != Function::Initialize) {
            for given in [Given::new(2, IMAGE), Given::null(2)] {
                let process = up(contract);
                assert_eq!(call(Function::Shutdown, &Given::new(0, "")), Hresult::S_OK);
                assert_eq!(code((export.call)(&given)), DOWN, "{}", export.name);
                assert!(given.are_outs_untouched(), "{}", export.name);
                process.emulator().journal().replay().unwrap();
            }
        }
    }
}

#[test]
fn every_function_can_be_made_to_fail_and_then_writes_nothing() {
    for contract in Contract::ALL {
        for export in EXPORTS {
            let process = process(contract);
            let given = ready_for(export);
            let busy = Rule::on(export.function).answer(BUSY);
            let rule = process.emulator().script(busy);
            assert_eq!(code((export.call)(&given)), BUSY, "{}", export.name);
            assert!(given.are_outs_untouched(), "{}", export.name);
            assert_eq!(rule.fired(), 1, "{}", export.name);
            process.emulator().journal().replay().unwrap();
        }
    }
}

#[test]
fn p4_every_function_returns_the_success_that_a_rule_has() {
    for number in [0, 1, 3010, 0x7FFF_FFFF_u32] {
        for export in EXPORTS {
            let process = process(Contract::Documented);
            let given = ready_for(export);
            let rule = process.emulator().script(Rule::on(export.function).answer(number));
            assert_eq!(code((export.call)(&given)).number(), number, "{}", export.name);
            assert_eq!(rule.fired(), 1, "{}", export.name);
            process.emulator().journal().replay().unwrap();
        }
    }
}

#[test]
fn p1_every_operation_on_what_is_no_session_has_its_code() {
    for contract in Contract::ALL {
        for export in EXPORTS {
            if !export.function.is_operation() && export.function != Function::CloseSession {
                continue;
            }
            let _process = up(contract);
            let closed = open(IMAGE);
            assert_eq!(call(Function::CloseSession, &Given::new(closed, "")), Hresult::S_OK);
            for session in [0, 1, closed, closed + 1, u32::MAX] {
                let expected = match export.function {
                    Function::CommitImage => Hresult::E_INVALIDARG,
                    _ => Hresult::DISMAPI_E_INVALID_DISM_SESSION,
                };
                let given = Given::new(session, "name");
                assert_eq!(code((export.call)(&given)), expected, "{} {session}", export.name);
                assert!(given.are_outs_untouched(), "{}", export.name);
            }
        }
    }
}

#[test]
fn o5_what_needs_an_argument_refuses_null_and_says_so() {
    for contract in Contract::ALL {
        for export in EXPORTS.iter().filter(|it| it.needs) {
            let process = up(contract);
            let session = open(IMAGE);
            let refused = code((export.call)(&Given::null(session)));
            assert_eq!(refused, Hresult::E_INVALIDARG, "{}", export.name);
            let journal = process.emulator().journal();
            let function = export.function;
            let last = &journal.steps().last().unwrap().call;
            assert_eq!(*last, Call::CallWithoutArgument { function }, "{}", export.name);
            // E2: except for the function that reads it.
            let message = last_error();
            let is_reported = message.is_some_and(|it| it.contains("0x80070057"));
            assert_eq!(is_reported, function != Function::GetLastErrorMessage, "{}", export.name);
        }
    }
}

/// Each is NULL alone, while all others are good. Only the driver's package is optional.
#[test]
fn o5_no_argument_that_is_needed_may_be_null_alone() {
    for export in EXPORTS.iter().filter(|it| it.needs) {
        let _process = up(Contract::Documented);
        let session = open(IMAGE);
        let good = Given::new(session, "name");
        let answered = code((export.call)(&good));
        for at in 0..good.pointers.get() {
            let given = Given { null_at: Some(at), ..Given::new(session, "name") };
            let is_optional = export.function == Function::GetDriverInfo && at == 3;
            let expected = if is_optional { answered } else { Hresult::E_INVALIDARG };
            assert_eq!(code((export.call)(&given)), expected, "{} {at}", export.name);
            assert!(given.are_outs_untouched(), "{} {at}", export.name);
        }
    }
}

/// They take NULL for everything that they take a pointer for.
#[test]
fn what_needs_no_argument_succeeds_with_null() {
    for export in EXPORTS.iter().filter(|it| !it.needs) {
        let process = process(Contract::Documented);
        let session = ready_for(export).session;
        let expected = code((export.call)(&Given::null(session)));
        assert_eq!(expected, Hresult::S_OK, "{}", export.name);
        process.emulator().journal().replay().unwrap();
    }
}

/// A rule can ask for what the call is about, so the journal has it as the caller passed it.
#[test]
fn the_name_that_a_function_is_called_with_is_in_the_journal() {
    let mut named = 0;
    for export in EXPORTS {
        let process = process(Contract::Documented);
        let given = Given { text: wide("Bücher"), ..ready_for(export) };
        (export.call)(&given);
        let journal = process.emulator().journal();
        let call = |step: &Step| step.call.function() == Some(export.function);
        let step = journal.steps().iter().rfind(|step| call(step)).unwrap();
        let expected = export.is_named.then(|| ImagePath::new("Bücher"));
        assert_eq!(step.call.name(), expected.as_ref(), "{}", export.name);
        named += usize::from(export.is_named);
    }
    assert_eq!(named, 20);
}

#[test]
fn a_rule_asks_for_the_name_that_a_function_is_called_with() {
    for export in EXPORTS.iter().filter(|it| it.is_named) {
        let process = process(Contract::Documented);
        let session = ready_for(export).session;
        let rule = Rule::on(export.function).named("kb2.cab").fail(BUSY);
        let rule = process.emulator().script(rule);
        for (name, is_answered) in [("kb1.cab", false), (r"C:\updates\KB2.cab", true)] {
            let answered = code((export.call)(&Given::new(session, name)));
            assert_eq!(answered == BUSY, is_answered, "{} {name}", export.name);
        }
        assert_eq!(rule.fired(), 1, "{}", export.name);
    }
}
