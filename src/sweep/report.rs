//! What a sweep found.

use std::fmt;

use crate::MODEL_CHECKED;
use crate::call::{Call, Effect, Error, Session};
use crate::evidence::Report;
use crate::script::{Fault, Injection};

/// The report of a [`FaultSweep`](crate::FaultSweep): the runs in which the client made a mistake,
/// panicked or did not end.
///
/// [`Display`](fmt::Display) writes a line for each call whose failure shows something, and how to
/// repeat that run alone; then the whole [`Report`] of the first. [`Debug`](fmt::Debug) writes the
/// same, since an `unwrap` prints it.
#[derive(Clone, Default)]
pub struct SweepReport {
    runs: usize,
    failed: Vec<Run>,
    /// Whether a run made a call.
    is_used: bool,
    pub(super) is_incomplete: bool,
}

/// One run of the client.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) injection: Injection,
    pub(super) ending: Ending,
    /// What the verification returns.
    pub(super) verdict: Result<Report, Report>,
}

/// How the client ended.
#[derive(Clone)]
pub(super) enum Ending {
    Returned,
    Panicked(String),
    CutOff,
}

impl SweepReport {
    pub(super) fn add(&mut self, run: Run) {
        self.runs += 1;
        self.is_used |= MODEL_CHECKED || !run.report().journal().steps().is_empty();
        if !run.is_clean() {
            self.failed.push(run);
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.is_used && !self.is_incomplete
    }

    /// Returns how many runs there were, including those that only showed that the client makes no
    /// further call.
    #[must_use]
    pub const fn runs(&self) -> usize {
        self.runs
    }

    /// Returns the reports of the runs that failed, for a test that looks at their mistakes.
    pub fn failed(&self) -> impl Iterator<Item = &Report> {
        self.failed.iter().map(Run::report)
    }
}

impl std::error::Error for SweepReport {}

/// Writes the text of [`Display`](fmt::Display).
impl fmt::Debug for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a paragraph for each call whose failure shows something, and the whole report of the first
/// run that failed.
impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "dism-emu: {} of {} runs of the fault sweep fail",
            self.failed.len(),
            self.runs
        )?;
        if self.is_incomplete {
            writeln!(f, "there are more runs than allowed: see `FaultSweep::max_runs`")?;
        }
        if !self.is_used {
            writeln!(f, "no run makes a call: see `FaultSweep::through_c` for the C functions")?;
        }
        // Most failures look the same with every code and under both contracts.
        let mut runs: Vec<_> =
            self.failed.iter().map(|run| ((run.calls(), run.result()), run)).collect();
        runs.sort_by(|(a, _), (b, _)| a.cmp(b));
        for alike in runs.chunk_by(|(a, _), (b, _)| a == b) {
            let [((calls, result), first), others @ ..] = alike else { continue };
            writeln!(f, "\n{}:\n    {result}", first.when(calls))?;
            match others.len() {
                0 => {}
                1 => writeln!(f, "    the same in 1 more run")?,
                others => writeln!(f, "    the same in {others} more runs")?,
            }
            writeln!(f, "    repeat it with {}", first.line())?;
        }
        let Some(run) = self.failed.first() else { return Ok(()) };
        let how = match &run.ending {
            Ending::Returned => "",
            Ending::Panicked(_) => ", which panicked",
            Ending::CutOff => ", which was cut off",
        };
        write!(f, "\nThe first of these runs{how}:\n\n{}", run.report())
    }
}

impl Run {
    fn report(&self) -> &Report {
        let (Ok(report) | Err(report)) = &self.verdict;
        report
    }

    /// Returns the calls that should fail and that the client does not make. They come last.
    pub(super) fn unreached(&self) -> impl Iterator<Item = &Fault> {
        self.injection.faults.iter().filter(|fault| fault.step.is_none())
    }

    fn is_clean(&self) -> bool {
        // A fault can keep a client from a call that a rule was for. That is not its mistake.
        let is_well = match self.injection.faults.is_empty() {
            true => self.verdict.is_ok(),
            false => self.report().mistakes().is_empty(),
        };
        is_well && matches!(self.ending, Ending::Returned) && self.unreached().next().is_none()
    }

    /// `when call 4, DismAddPackage "kb2.cab" on session 2 at src/tool.rs:52:9, fails with 0x800F0902`.
    fn when(&self, calls: &[(u32, String)]) -> String {
        if calls.is_empty() {
            return format!("without a fault under the contract {}", self.contract());
        }
        let faults =
            calls.iter().zip(&self.injection.faults).map(|((call, what), Fault { code, .. })| {
                format!("call {call}, {what}, fails with {code}")
            });
        format!("when {}", faults.collect::<Vec<_>>().join(", and "))
    }

    /// What went wrong: `never shut down; session 2 left open`.
    fn result(&self) -> String {
        let mut result: Vec<String> = Vec::new();
        match &self.ending {
            Ending::Returned => {}
            Ending::Panicked(message) => result.push(format!("panicked: {message}")),
            Ending::CutOff => result.push("did not end, and was cut off".to_owned()),
        }
        for finding in self.report().mistakes() {
            let name = finding.mistake.name().to_owned();
            if !result.contains(&name) {
                result.push(name);
            }
        }
        result.extend(self.left_open().iter().map(|session| format!("{session} left open")));
        let unreached = self.unreached().map(|fault| format!("call {} is not reached", fault.call));
        result.extend(unreached);
        if self.injection.faults.is_empty() {
            result.extend(self.report().remarks().iter().map(ToString::to_string));
        }
        result.join("; ")
    }

    /// The calls that were made to fail, by their numbers and in words: under another contract, the
    /// same number can be that of another call.
    fn calls(&self) -> Vec<(u32, String)> {
        let reached =
            self.injection.faults.iter().filter_map(|fault| Some((fault.call, fault.step?)));
        let in_words = |(call, step)| (call, self.report().call_at(step as usize));
        reached.map(in_words).collect()
    }

    /// Returns the sessions that are left open although no close of them was made to fail.
    fn left_open(&self) -> Vec<Session> {
        let mut open = Vec::new();
        for step in self.report().journal().steps() {
            match (step.call.asked(), &step.outcome) {
                (_, Ok(Effect::Opened { session, references: 1 })) => open.push(*session),
                (
                    Call::CloseSession { session } | Call::FinishClose { session },
                    Ok(Effect::Closed { .. }) | Err(Error::Failed { .. }),
                ) => open.retain(|it| it != session),
                (_, Ok(Effect::ShutDown { count: 0 })) => open.clear(),
                _ => {}
            }
        }
        open
    }

    fn contract(&self) -> crate::Contract {
        self.report().journal().config().contract
    }

    /// The code that makes this run alone.
    fn line(&self) -> String {
        format!("`{}`, under the contract {}", self.injection, self.contract())
    }
}
