//! Rules: which calls they answer and with what, and what is reported of those that answer none.

mod answers;
mod guards;
mod host;
mod matching;
mod refused;
mod unused;

use std::thread;

use dism_emu::{Function, Memory, Rule, Session};

use crate::methods::call;
use crate::support::{BUSY, CONTRACTS, IMAGE, up};

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
