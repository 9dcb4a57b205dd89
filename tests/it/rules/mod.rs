//! Rules: which calls they answer, with what, and which rules are reported.

mod answers;
mod guards;
mod host;
mod matching;
mod notation;
mod refused;
mod unused;

use std::thread;

use dism_emu::{Contract, Function, Hresult, Memory, Progress, Rule, Session};

use crate::methods::call;
use crate::support::{BUSY, IMAGE, failing, line_of_panic, up};

#[test]
fn a_rule_is_shown_in_words() {
    let shown = [
        (Rule::on(Function::AddPackage), "DismAddPackage, answers 0x00000000 (S_OK)"),
        (
            Rule::on(Function::AddPackage).session(Session::from_raw(2)).nth(3).answer(BUSY),
            "DismAddPackage on session 2, call 3 only, answers 0x800F0902 (DISMAPI_E_BUSY)",
        ),
        (
            Rule::on_any_operation().image("image").after(2).answer(1),
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
        (
            Rule::dead_host(Session::from_raw(2)),
            "any operation on session 2, answers 0x80010108 (RPC_E_DISCONNECTED), then 0x800706BE \
             (WIN32_RPC_S_CALL_FAILED)",
        ),
        (
            Rule::dead_host(Session::from_raw(2)).answer(BUSY),
            "any operation on session 2, answers 0x800F0902 (DISMAPI_E_BUSY)",
        ),
    ];
    for (rule, text) in shown {
        assert_eq!(rule.to_string(), text);
        assert_eq!(format!("{rule:?}"), format!("Rule({text})"));
    }
    let rule = Rule::on(Function::AddPackage).progress([Progress::new(0, 9), Progress::new(5, 9)]);
    let text = "DismAddPackage, answers 0x00000000 (S_OK), progress 0/9 5/9";
    assert_eq!(format!("{:?}", rule.clone().optional()), format!("Rule({text}, optional)"));
    assert_eq!(format!("{:?}", rule.expect(2)), format!("Rule({text}, expected 2 times)"));
}

/// A rule can answer with any number (P4), but `fail` takes only a failure.
#[test]
fn fail_with_a_success_code_panics_at_the_line_of_the_test() {
    let rule = || Rule::on(Function::AddPackage);
    assert_eq!(rule().fail(0x800F_0902), rule().answer(BUSY));
    assert_eq!(line_of_panic(|| drop(rule().fail(5))), line!());
    let message = failing(|| rule().fail(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
    let expected = "0x00000BC2 (ERROR_SUCCESS_REBOOT_REQUIRED) is a success";
    assert!(message.starts_with(expected), "{message}");
}

/// X1: rules of all functions, with calls of all functions on several threads.
#[test]
fn x1_the_journal_of_a_scripted_run_replays() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(IMAGE).unwrap();
        for &function in Function::ALL {
            for rule in [Rule::on(function).nth(2).answer(BUSY), Rule::on(function).answer(1)] {
                emulator.script(rule.optional()).keep();
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
        let journal = emulator.journal();
        let machine = journal.replay().unwrap();
        assert_eq!(machine.state(), emulator.state());
        assert!(journal.steps().iter().any(|step| step.call.answer() == Some(BUSY.into())));
    }
}
