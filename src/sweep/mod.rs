//! Fault sweeps: the client runs once for each of its calls, with that call failing.

mod report;

use std::any::Any;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::{Duration, Instant};

pub use self::report::SweepReport;
use self::report::{Ending, Run};
use crate::MODEL_CHECKED;
use crate::call::Hresult;
#[cfg(feature = "capi")]
use crate::capi::Process;
use crate::emulator::{Builder, Dism, Emulator};
use crate::evidence::shown;
use crate::machine::config::Contract;
use crate::script::{Fault, Injection, Rule, failure};

/// Runs a client again and again, each time with another of its calls failing, and checks what each
/// failure leaves behind.
///
/// The first run has no fault. Then the first call fails, in the next run the second one, and so on,
/// until a run ends before it reaches the call that should fail. Every run has an emulated process of
/// its own, which is verified, the last one included. So the sweep finds the error path that leaks a
/// session or forgets the shutdown, although no test was written for it.
///
/// Every call of the client counts that the contract allows: `initialize`, `close_session` and
/// `shutdown` included. By default each call fails with [`Hresult::E_ACCESSDENIED`], and the client
/// runs under both contracts.
///
/// ```should_panic
/// use dism_emu::{Dism, Error, FaultSweep, Function};
///
/// /// The code under test. If the operation fails, the session stays open.
/// fn enable(dism: &Dism) -> Result<(), Error> {
///     dism.initialize()?;
///     let enabled = dism.open_session(r"C:\mount").and_then(|session| {
///         dism.perform(session, Function::EnableFeature.named("TelnetClient"))?;
///         dism.close_session(session)
///     });
///     dism.shutdown()?;
///     enabled.map(drop)
/// }
///
/// FaultSweep::new().assert(enable);
/// ```
///
/// # What a run does
///
/// - A rule that the sweep [has](Self::rule) is in force in every run. Calls that it answers are not
///   made to fail.
/// - If a close, a shutdown or a delete is made to fail, what it leaves behind is not the client's
///   fault. Nor is an image that stays mounted a mistake.
/// - A panic of the client ends the run and is reported.
/// - A client that takes too many [steps](Self::max_steps), for example since it tries again without a
///   limit, is cut off and reported: its next call panics. A C function cannot panic, so it returns
///   [`Hresult::E_UNEXPECTED`]. A client that goes on nevertheless, and then makes more calls than it
///   had steps, cannot be stopped. So the program is aborted, and standard error has the line that
///   repeats the run.
/// - A client with one thread behaves the same in every run. If a client has several threads, another
///   call may be the failing one when a run is repeated: the report says which call it was.
#[derive(Clone, Debug)]
#[must_use = "a sweep does nothing until `run` or `assert` is called"]
pub struct FaultSweep {
    builders: Vec<Builder>,
    codes: Vec<Hresult>,
    rules: Vec<(Rule, &'static Location<'static>)>,
    pairs: bool,
    only: Option<(usize, Vec<Fault>)>,
    max_runs: usize,
    max_steps: u64,
    #[cfg(feature = "capi")]
    through_c: bool,
}

/// Returns the same sweep as [`FaultSweep::new`].
impl Default for FaultSweep {
    fn default() -> Self {
        Self {
            builders: Contract::ALL.map(|it| Emulator::builder().contract(it)).to_vec(),
            codes: vec![Hresult::E_ACCESSDENIED],
            rules: Vec::new(),
            pairs: false,
            only: None,
            max_runs: 10_000,
            max_steps: 10_000,
            #[cfg(feature = "capi")]
            through_c: false,
        }
    }
}

impl FaultSweep {
    /// Creates a sweep under both contracts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the processes in which the client runs, in place of one under each contract. How many
    /// steps a journal keeps and whether it is verified on drop is the sweep's to set.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn builders(mut self, builders: impl IntoIterator<Item = Builder>) -> Self {
        self.builders = builders.into_iter().collect();
        assert!(!self.builders.is_empty(), "there is no process in which the client could run");
        self
    }

    /// Sets the codes with which calls fail: each call fails with each of them, in a run of its own.
    ///
    /// # Panics
    ///
    /// If a code is a success, or if there is none.
    #[track_caller]
    pub fn codes<C: Into<Hresult>>(mut self, codes: impl IntoIterator<Item = C>) -> Self {
        self.codes.clear();
        for code in codes {
            self.codes.push(failure(code.into()));
        }
        assert!(!self.codes.is_empty(), "there is no code with which a call could fail");
        self
    }

    /// Adds a rule that is in force in every run. It need not fire in each of them: whether it did
    /// counts only in the runs without a fault.
    #[track_caller]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push((rule, Location::caller()));
        self
    }

    /// Lets also every two calls of a run fail. The number of runs is then about the square, so set
    /// [`max_runs`](Self::max_runs) for a long client.
    pub fn pairs(mut self) -> Self {
        self.pairs = true;
        self
    }

    /// Makes one run only: in the process with this number, from 1, with these calls failing, which
    /// are counted from 1, too. The report prints the line to copy. If the client does not reach one
    /// of the calls, the report says so, and is an error.
    ///
    /// Under a model checker this is the only way to run: call it inside the model, which then
    /// explores the one run. A schedule that does not reach a call is no error.
    ///
    /// # Panics
    ///
    /// If a call is the 0th or is there twice, or if a code is a success.
    ///
    /// ```
    /// use dism_emu::FaultSweep;
    ///
    /// FaultSweep::new().only(1, [(1, 0x8007_0005)]).assert(|dism| {
    ///     if dism.initialize().is_ok() {
    ///         dism.shutdown().expect("no session is open");
    ///     }
    /// });
    /// ```
    #[track_caller]
    pub fn only<C: Into<Hresult>>(
        mut self,
        process: usize,
        faults: impl IntoIterator<Item = (u32, C)>,
    ) -> Self {
        let mut only = Vec::<Fault>::new();
        for (call, code) in faults {
            assert!(call > 0, "there is no call 0: the first one is 1");
            assert!(only.iter().all(|fault| fault.call != call), "call {call} fails twice");
            only.push(Fault { call, code: failure(code.into()), step: None });
        }
        only.sort_unstable_by_key(|fault| fault.call);
        self.only = Some((process, only));
        self
    }

    /// Sets how many runs there are at most: 10,000 by default. If that is not enough, the report
    /// says so, and is an error.
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// Sets how many steps a run has at most: 10,000 by default. Most calls are one step, an
    /// operation and the last close of a session are two.
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.max_steps = steps;
        self
    }

    /// Directs the C functions to the process of each run, as [`Process`] does, for a client that
    /// calls them. The sweep panics if its thread already has a `Process`.
    ///
    /// ```
    /// use std::ptr::null;
    ///
    /// use dism_emu::FaultSweep;
    /// use dism_emu::capi::ffi::{DismInitialize, DismLogErrors, DismShutdown};
    ///
    /// FaultSweep::new().through_c().assert(|_| {
    ///     // SAFETY: NULL is allowed for both paths.
    ///     if unsafe { DismInitialize(DismLogErrors, null(), null()) } == 0 {
    ///         // SAFETY: it takes no pointer.
    ///         unsafe { DismShutdown() };
    ///     }
    /// });
    /// ```
    #[cfg(feature = "capi")]
    pub fn through_c(mut self) -> Self {
        self.through_c = true;
        self
    }

    /// Runs the client, and panics with the report if a run has a mistake.
    ///
    /// # Panics
    ///
    /// With the report that [`run`](Self::run) returns as an error.
    #[track_caller]
    pub fn assert<T>(&self, client: impl Fn(&Dism) -> T) {
        if let Err(report) = self.run(client) {
            panic!("{}", shown(report));
        }
    }

    /// Runs the client. What it returns does not matter, only what it leaves behind.
    ///
    /// # Errors
    ///
    /// The report, if a run has a mistake, panics or is cut off, if a run without a fault has a
    /// remark, if there were too many runs, or if no run made a call.
    ///
    /// # Panics
    ///
    /// If the build is [`MODEL_CHECKED`] and the sweep is not for [one run](Self::only), or if that
    /// is in a process that the sweep does not have.
    #[track_caller]
    pub fn run<T>(&self, client: impl Fn(&Dism) -> T) -> Result<SweepReport, SweepReport> {
        assert!(
            !MODEL_CHECKED || self.only.is_some(),
            "under a model checker a sweep makes one run in each model: use `FaultSweep::only`"
        );
        if let Some((process, _)) = self.only {
            let last = self.builders.len();
            assert!(
                (1..=last).contains(&process),
                "there is no process {process}, only 1 to {last}"
            );
        }
        #[cfg(feature = "capi")]
        if self.through_c {
            Process::assert_none();
        }
        let mut sweep = Sweep::new(self, client);
        match &self.only {
            Some((process, faults)) => drop(sweep.take(*process, faults.clone())),
            None => (1..=self.builders.len()).for_each(|process| sweep.all(process)),
        }
        sweep.end()
    }
}

/// A sweep while it runs.
struct Sweep<'a, F> {
    plan: &'a FaultSweep,
    client: F,
    report: SweepReport,
    started: Instant,
    /// Whether standard error shows how far the sweep is.
    is_shown: bool,
}

impl<T, F: Fn(&Dism) -> T> Sweep<'_, F> {
    fn new(plan: &FaultSweep, client: F) -> Sweep<'_, F> {
        let report = SweepReport::default();
        Sweep { plan, client, report, started: Instant::now(), is_shown: false }
    }

    /// Makes all runs in one process.
    fn all(&mut self, process: usize) {
        self.take(process, Vec::new());
        self.each_call(process, &[]);
    }

    /// Lets one call after the other fail in addition to `faults`, until a run does not reach the
    /// call that should fail. With another code it would not reach it either.
    fn each_call(&mut self, process: usize, faults: &[Fault]) {
        let first = faults.last().map_or(1, |fault| fault.call + 1);
        for call in first.. {
            for code in &self.plan.codes {
                let faults = [faults, &[Fault { call, code: *code, step: None }]].concat();
                if !self.take(process, faults.clone()) {
                    return;
                }
                if self.plan.pairs && faults.len() == 1 {
                    self.each_call(process, &faults);
                }
            }
        }
    }

    /// Makes one run. Returns whether it reached all of its faults.
    fn take(&mut self, process: usize, faults: Vec<Fault>) -> bool {
        if self.report.runs() >= self.plan.max_runs {
            self.report.is_incomplete = true;
            return false;
        }
        self.show();
        let mut run = self.run(process, faults);
        let is_reached = run.unreached().next().is_none();
        // The run that ends the sweep is one without the call that should fail.
        if self.plan.only.is_none() || MODEL_CHECKED {
            run.injection.faults.retain(|fault| fault.step.is_some());
        }
        self.report.add(run);
        is_reached
    }

    fn run(&self, process: usize, faults: Vec<Fault>) -> Run {
        let builder = self.plan.builders[process - 1].clone();
        let builder = builder.verify_on_drop(false).journal_limit(usize::MAX);
        let injection = Injection::new(process, faults, self.plan.max_steps);
        #[cfg(feature = "capi")]
        if self.plan.through_c {
            let started = Process::start(builder);
            return self.run_in(started.emulator(), injection);
        }
        self.run_in(&builder.build(), injection)
    }

    fn run_in(&self, emulator: &Emulator, injection: Injection) -> Run {
        for (rule, location) in &self.plan.rules {
            emulator.keep(rule.clone(), Some(location));
        }
        emulator.inject(injection);
        let panic = {
            let dism = emulator.dism();
            let run = || drop((self.client)(&dism));
            match MODEL_CHECKED {
                // The checker has to see a panic, and ends the model with some.
                true => {
                    run();
                    None
                }
                false => catch_unwind(AssertUnwindSafe(run)).err(),
            }
        };
        let injection = emulator.injected();
        let verdict = emulator.verify();
        let ending = match panic {
            _ if injection.is_cut_off() => Ending::CutOff,
            Some(panic) => Ending::Panicked(message(&*panic)),
            None => Ending::Returned,
        };
        Run { injection, ending, verdict }
    }

    /// Shows how far a long sweep is, if somebody may be looking.
    fn show(&mut self) {
        if self.started.elapsed() > Duration::from_secs(1) && io::stderr().is_terminal() {
            self.is_shown = true;
            let _ = write!(io::stderr(), "\rfault sweep: {} runs", self.report.runs());
        }
    }

    fn end(self) -> Result<SweepReport, SweepReport> {
        if self.is_shown {
            let _ = writeln!(io::stderr());
        }
        if self.report.is_clean() { Ok(self.report) } else { Err(self.report) }
    }
}

/// Returns the message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_else(|| "a value".to_owned())
}
