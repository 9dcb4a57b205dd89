//! Compares what a machine answered with what the emulator answers, line by line.

use std::collections::BTreeSet;
use std::fmt;

use dism_emu::capi::Process;
use dism_emu::{Contract, Emulator, Function, Rule};

use crate::dism::DismApi;
use crate::images::{Image, Images};
use crate::player::Player;
use crate::recording::{Call, Recording, Results, Step};

/// Where the real call waits for itself, the emulator fails with this (rules C7, P3).
const POSSIBLE_DEADLOCK: &str = "0x8007046b";

/// The upper half of the codes `DISMAPI_E_...`.
const DISMAPI: u32 = 0xC004;

/// All answers of a machine, beside the emulator's.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// In the order of the rules.
    pub lines: Vec<Line<'a>>,
    results: &'a Results,
}

/// An answer of a machine, beside the emulator's.
#[derive(Debug)]
pub struct Line<'a> {
    /// The recording that has the call.
    pub recording: &'a Recording,
    /// The call, with the machine's answer.
    pub step: &'a Step,
    documented: String,
    recorded: String,
}

impl<'a> Comparison<'a> {
    /// Plays the results on the emulator, under both contracts.
    #[must_use]
    pub fn of(results: &'a Results) -> Self {
        let mut lines = Vec::new();
        let is_elevated = !results.head.contains("elevated=no");
        for recording in &results.recordings {
            let documented = emulated(recording, Contract::Documented, is_elevated);
            let recorded = emulated(recording, Contract::Recorded, is_elevated);
            let steps = recording.steps.iter();
            lines.extend(steps.zip(documented.into_iter().zip(recorded)).map(
                |(step, (documented, recorded))| Line { recording, step, documented, recorded },
            ));
        }
        lines.sort_by(|one, other| one.step.rule.cmp(&other.step.rule));
        Self { lines, results }
    }

    /// Returns the lines that differ from a contract.
    #[must_use]
    pub fn differing_from(&self, contract: Contract) -> Vec<&Line<'a>> {
        self.lines.iter().filter(|line| !line.agrees_with(contract)).collect()
    }

    /// Returns the lines that differ from both contracts.
    #[must_use]
    pub fn differing_from_both(&self) -> Vec<&Line<'a>> {
        self.lines.iter().filter(|line| line.agrees_with_none()).collect()
    }
}

impl Line<'_> {
    /// Returns the emulator's answer under a contract.
    #[must_use]
    pub fn emulated(&self, contract: Contract) -> &str {
        match contract {
            Contract::Documented => &self.documented,
            Contract::Recorded => &self.recorded,
        }
    }

    /// Returns whether the emulator answers the same under a contract.
    #[must_use]
    pub fn agrees_with(&self, contract: Contract) -> bool {
        let emulated = compared(self.emulated(contract));
        let answer = compared(&self.step.answer);
        answer == emulated || self.waits_for_itself(emulated)
    }

    /// Returns whether it answers something else under both.
    #[must_use]
    pub fn agrees_with_none(&self) -> bool {
        !Contract::ALL.iter().any(|contract| self.agrees_with(*contract))
    }

    /// Returns whether the call hung where the emulator fails in place of that.
    fn waits_for_itself(&self, emulated: &str) -> bool {
        let rest = emulated.strip_prefix(&self.step.answer);
        let is_hung = self.recording.end.as_deref() == Some("hang")
            && self.recording.steps.last() == Some(self.step);
        is_hung
            && rest.is_some_and(|rest| {
                rest.trim_start_matches([' ', '=']).starts_with(POSSIBLE_DEADLOCK)
            })
    }

    /// Returns the rule with its sources, such as `I3 (DOC REC)`.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("{} ({})", self.step.rule, self.step.sources)
    }
}

/// Returns the part of an answer that does not depend on the machine's language.
fn compared(answer: &str) -> &str {
    answer.split_inclusive('"').next().unwrap_or_default()
}

/// Returns the emulator's answers to the calls of a recording.
fn emulated(recording: &Recording, contract: Contract, is_elevated: bool) -> Vec<String> {
    let builder =
        Emulator::builder().contract(contract).elevated(is_elevated).verify_on_drop(false);
    let process = Process::start(builder.clone());
    // Each emulator is a machine of its own.
    let elsewhere = move |image| {
        let other = builder.clone().build();
        let path = Images::emulated().path(image).unwrap_or_default();
        let opened = other.dism().initialize().and_then(|_| other.dism().open_session(path));
        let code = opened.map_or_else(|error| error.code().number(), |_| 0);
        format!("{code:#010x}")
    };
    let mut player = Player::new(DismApi::emulated(), Images::emulated(), elsewhere, |_| ());
    let mut answers = Vec::new();
    for step in &recording.steps {
        let _fact = fact(step).map(|fact| process.emulator().script(fact));
        answers.push(player.take(step));
    }
    answers
}

/// Returns what the emulator cannot know of the machine: how the open of a missing image fails, and
/// how an operation on an image ends. What follows from it is what is compared.
fn fact(step: &Step) -> Option<Rule> {
    let function = match step.call {
        Call::Open { image: Image::Missing(_), .. } => Function::OpenSession,
        Call::GetPackages { .. } => Function::GetPackages,
        Call::CheckImageHealth { .. } => Function::CheckImageHealth,
        _ => return None,
    };
    // An answer of the API itself says nothing about an image.
    let code = step.code().filter(|code| code >> 16 != DISMAPI)?;
    let fact = Rule::on(function).answer(code).optional();
    Some(if step.answer.starts_with("callback never") { fact.progress([]) } else { fact })
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [documented, recorded] = Contract::ALL.map(|contract| format!("{contract:?}"));
        row(f, ["rule", "sources", "this DLL", &documented, &recorded, "call"])?;
        for line in &self.lines {
            let [documented, recorded] = Contract::ALL.map(|contract| {
                let is_same = line.agrees_with(contract);
                if is_same { "the same".to_owned() } else { shown(line.emulated(contract)) }
            });
            let (call, _) = line.step.text.split_once(" [").expect("a step has brackets");
            let call = format!("{}: {call}", line.recording.name);
            let answer = shown(&line.step.answer);
            let step = line.step;
            row(f, [&step.rule, &step.sources, &answer, &documented, &recorded, &call])?;
        }
        for recording in &self.results.recordings {
            let end = recording.end.as_deref().filter(|end| *end != "return");
            if let Some(end) = end {
                writeln!(f, "did not return: {} ({end})", recording.name)?;
            }
        }
        for contract in Contract::ALL {
            writeln!(f, "differs from {contract:?}: {}", rules(&self.differing_from(contract)))?;
        }
        writeln!(f, "differs from both: {}", rules(&self.differing_from_both()))
    }
}

fn row(f: &mut fmt::Formatter<'_>, columns: [&str; 6]) -> fmt::Result {
    let [rule, sources, answer, documented, recorded, call] = columns;
    writeln!(f, "{rule:<5}{sources:<9}{answer:<34}{documented:<34}{recorded:<34}{call}")
}

/// Returns an answer as the table has it.
fn shown(answer: &str) -> String {
    match compared(answer).trim_start_matches("= ") {
        "" => "(nothing)".to_owned(),
        answer => answer.replace('"', "a message"),
    }
}

/// Returns the rules of some lines, each once.
#[must_use]
pub fn rules(lines: &[&Line<'_>]) -> String {
    let rules: BTreeSet<_> = lines.iter().map(|line| line.rule()).collect();
    match rules.len() {
        0 => "nothing".to_owned(),
        _ => rules.into_iter().collect::<Vec<_>>().join(", "),
    }
}
