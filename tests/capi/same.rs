//! What the references and the recordings say about the methods holds for the C functions, too, at
//! every step of the journal.

use std::collections::BTreeMap;
use std::thread;

use dism_emu::capi::Process;
use dism_emu::machine::{Call, Config, Effect, Outcome};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Function, Hresult, Initialize, Journal, Memory, OpenSession, Rule,
    Session,
};
use proptest::prelude::*;

use crate::exports::{C, forget, note};
use crate::sequences::{Happening, Line, SEQUENCES, play};
use crate::strategies::{acts, configs, scripts_with_a_hold};
use crate::support::client::run_on;
use crate::support::{Act, unverified};

fn run_in_c(config: Config, acts: &[Act]) -> Result<(), TestCaseError> {
    let process = Process::start(unverified().config(config.clone()));
    forget();
    run_on(process.emulator(), config, C, acts).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4 * ProptestConfig::default().cases,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_c_functions_answer_as_the_references(
        config in configs(),
        acts in prop::collection::vec(acts(), 1..120),
    ) {
        run_in_c(config, &acts)?;
    }

    /// X1.
    #[test]
    fn a_held_c_function_takes_effect_where_it_is_held(
        config in configs(),
        acts in scripts_with_a_hold(),
    ) {
        run_in_c(config, &acts)?;
    }
}

#[test]
fn every_recorded_sequence_has_the_same_journal_through_the_c_functions() {
    for contract in [Contract::Recorded, Contract::Documented] {
        for sequence in SEQUENCES {
            let (_, rust) = play(contract, sequence.lines);
            let c = play_in_c(contract, sequence.lines);
            assert_eq!(normal(&c), normal(&rust), "{contract:?}\n{:#?}", sequence.lines);
        }
    }
}

fn play_in_c(contract: Contract, lines: &[Line]) -> Journal {
    let process = Process::start(unverified().contract(contract));
    forget();
    let emulator = process.emulator();
    let dism = emulator.dism();
    let make = |call: &Call| {
        let _ = (C.make)(&dism, call);
        note(emulator);
    };
    for (at, (thread, happening)) in lines.iter().enumerate() {
        let perform = || match *happening {
            Happening::Initialize { .. } => make(&Call::Initialize(Initialize::new())),
            Happening::Open { .. } => make(&Call::OpenSession(OpenSession::new(DISM_ONLINE_IMAGE))),
            Happening::Close { session, .. } => {
                make(&Call::CloseSession { session: Session::from_raw(session) });
            }
            Happening::Shutdown { .. } => make(&Call::Shutdown),
            Happening::Failed { .. } => {}
            Happening::Operation { function, session, times } => {
                let last = match lines.get(at + 1) {
                    Some((_, Happening::Failed { code, .. })) => Hresult::new(*code),
                    _ => Hresult::S_OK,
                };
                let (function, session) = (exported(function), Session::from_raw(session));
                for time in 1..=times {
                    // Here the image is empty, so a rule has to answer as the recorded image did.
                    let result = if time == times { last } else { Hresult::S_OK };
                    let _rule = emulator.script(Rule::on(function).optional().answer(result));
                    make(&Call::begin(session, function));
                }
            }
        };
        match thread {
            1 => perform(),
            _ => thread::scope(|scope| scope.spawn(perform).join().expect("no call panics")),
        }
    }
    for memory in emulator.journal().steps().iter().filter_map(|step| match step.outcome {
        Ok(Effect::HandedOut { memory }) => Some(memory),
        _ => None,
    }) {
        give_back(memory, &make);
    }
    let journal = emulator.journal();
    journal.replay().expect("the journal replays");
    journal
}

fn give_back(memory: Memory, make: &impl Fn(&Call)) {
    make(&Call::Delete { memory });
}

/// Returns the function to call. Three functions of the recordings are in no header; another
/// operation takes the part of each.
fn exported(function: Function) -> Function {
    match function {
        Function::GetOsInfo | Function::GetUsedSpace | Function::EnableDisableFeature => {
            Function::GetPackages
        }
        function => function,
    }
}

/// Returns the thread, call and outcome of each step. Threads are numbered in the order of their
/// first calls. Steps with memory and scripted answers are left out, since the methods take results
/// as arguments.
fn normal(journal: &Journal) -> Vec<(usize, Call, Outcome)> {
    let mut threads = BTreeMap::new();
    let steps = journal.steps().iter().filter_map(|step| {
        let call = match step.call.asked() {
            Call::HandOut { .. } | Call::Delete { .. } => return None,
            Call::BeginOperation { session, function, .. } => {
                Call::begin(*session, exported(*function))
            }
            call => call.clone(),
        };
        let next = threads.len();
        Some((*threads.entry(step.thread).or_insert(next), call, step.outcome))
    });
    steps.collect()
}
