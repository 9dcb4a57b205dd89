//! What the references and the recordings say about the methods holds for the C functions, too, at
//! every step of the journal.

use std::collections::BTreeMap;
use std::thread;

use dism_emu::capi::Process;
use dism_emu::machine::{Call, Config, Effect, Outcome};
use dism_emu::{
    CommitFlags, Contract, Emulator, Function, Hresult, ImagePath, Journal, MountFlags, MountImage,
    OpenSession, Rule, Session,
};
use proptest::prelude::*;

use crate::exports::{C, EXPORTS, LOGS, forget, note};
use crate::sequences::{Happening, Line, SEQUENCES, SETUP, play};
use crate::strategies::{acts, configs, scripts_with_a_hold};
use crate::support::client::{RUST, Way, run_on};
use crate::support::{Act, IMAGE, unverified};

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

/// Through the methods and through the C functions, each call with a name, flags or log of its own.
#[test]
fn every_recorded_sequence_has_the_same_journal_through_the_c_functions() {
    for contract in [Contract::Recorded, Contract::Documented] {
        for sequence in SEQUENCES.iter().chain(SETUP) {
            let rust = play_through(RUST, contract, sequence.lines);
            let c = play_through(C, contract, sequence.lines);
            assert_eq!(normal(&c), normal(&rust), "{contract:?}\n{:#?}", sequence.lines);
            let (_, recorded) = play(contract, sequence.lines);
            assert_eq!(outcomes(&rust), outcomes(&recorded), "{contract:?}\n{:#?}", sequence.lines);
        }
    }
}

/// I3, N8: calls that the recordings do not have, with every argument that a journal keeps.
#[test]
fn every_argument_is_in_the_journal_of_both_ways() {
    let [quiet, verbose, scratch] = LOGS else { panic!("three") };
    let mount = MountImage::new(IMAGE, r"D:\install.wim").name("Pro").flags(MountFlags::OPTIMIZE);
    let open = OpenSession::new(IMAGE).windows_directory("Windows");
    let session = Session::from_raw(2);
    let unmount = |flags| Call::UnmountImage { path: ImagePath::new(IMAGE), flags };
    let append = Function::CommitImage.with_flags(CommitFlags::APPEND);
    let calls = [
        Call::Initialize(verbose.arguments()),
        Call::Initialize(scratch.arguments()),
        Call::Initialize(quiet.arguments()),
        Call::MountImage(mount),
        Call::OpenSession(open),
        Call::begin(session, Function::AddPackage.named(r"C:\updates\kb1.cab")),
        Call::begin(session, append),
        Call::CloseSession { session },
        unmount(CommitFlags::from_bits_retain(0xFFFF_0000)),
        unmount(CommitFlags::DISCARD | CommitFlags::GENERATE_INTEGRITY),
    ];
    for contract in Contract::ALL {
        let [c, rust] = [C, RUST].map(|way| {
            journal_of(contract, |emulator| {
                let dism = emulator.dism();
                for call in &calls {
                    let _ = (way.make)(&dism, call);
                }
            })
        });
        assert_eq!(normal(&c), normal(&rust), "{contract:?}");
        let steps = c.steps().iter().map(|step| &step.call);
        let parts =
            |call: &&Call| !matches!(call, Call::EndOperation { .. } | Call::FinishClose { .. });
        assert!(steps.filter(parts).eq(&calls), "{c}");
    }
}

/// Returns the journal of a process that the C functions reach, too.
fn journal_of(contract: Contract, play: impl FnOnce(&Emulator)) -> Journal {
    let process = Process::start(unverified().contract(contract));
    forget();
    play(process.emulator());
    let journal = process.emulator().journal();
    journal.replay().expect("the journal replays");
    journal
}

fn play_through(way: Way, contract: Contract, lines: &[Line]) -> Journal {
    journal_of(contract, |emulator| {
        let dism = emulator.dism();
        let make = |call: &Call| {
            let _ = (way.make)(&dism, call);
            note(emulator);
        };
        for (at, (thread, happening)) in lines.iter().enumerate() {
            let perform = || match *happening {
                Happening::Initialize { .. } => {
                    make(&Call::Initialize(LOGS[at % LOGS.len()].arguments()));
                }
                Happening::Open { image, .. } => {
                    make(&Call::OpenSession(OpenSession::new(image.path())));
                }
                Happening::OpenFailed { image, code, .. } => {
                    let open = Rule::on(Function::OpenSession).optional().answer(code);
                    let _rule = emulator.script(open);
                    make(&Call::OpenSession(OpenSession::new(image.path())));
                }
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
                    let name = format!("name {at}");
                    let is_named = EXPORTS.iter().any(|it| it.function == function && it.is_named);
                    let action = if is_named { function.named(&name) } else { function.into() };
                    for time in 1..=times {
                        // Here the image is empty, so a rule has to answer as the recorded image
                        // did.
                        let result = if time == times { last } else { Hresult::S_OK };
                        let _rule = emulator.script(Rule::on(function).optional().answer(result));
                        make(&Call::begin(session, action));
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
            make(&Call::Delete { memory });
        }
    })
}

/// Returns the function to call. Some functions of the recordings are in no header; another
/// operation takes the part of each.
fn exported(function: Function) -> Function {
    match function {
        Function::GetOsInfo
        | Function::GetUsedSpace
        | Function::EnableDisableFeature
        | Function::GetEffectiveSystemUiLanguage
        | Function::GetInstallLanguage
        | Function::SetAllIntlSettings
        | Function::SetFirstBootCommandLine
        | Function::SetSkuIntlDefaults
        | Function::Stage => Function::GetPackages,
        function => function,
    }
}

/// Returns the thread, call and outcome of each step. Threads are numbered in the order of their
/// first calls. Steps with memory are left out, which only the C functions hand out by themselves.
fn normal(journal: &Journal) -> Vec<(usize, Call, Outcome)> {
    let mut threads = BTreeMap::new();
    let steps = journal.steps().iter().filter_map(|step| {
        if matches!(step.call, Call::HandOut { .. } | Call::Delete { .. }) {
            return None;
        }
        let next = threads.len();
        let thread = *threads.entry(step.thread).or_insert(next);
        Some((thread, step.call.clone(), step.outcome))
    });
    steps.collect()
}

fn outcomes(journal: &Journal) -> Vec<Outcome> {
    journal.steps().iter().map(|step| step.outcome).collect()
}
