//! What happened, step by step, and its replay.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use super::threads::Threads;
use crate::call::{Call, Outcome, ThreadNumber};
use crate::machine::{Config, Machine, ReplayError, Step};

/// What happened in an emulated process, in the order in which it took effect.
///
/// Each step is written while its thread holds the lock on the state. So the order of the journal
/// *is* an order that explains what every thread saw (rule X1), and [`replay`](Self::replay) proves
/// it.
///
/// ```
/// use dism_emu::Emulator;
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(r"C:\mount")?;
/// dism.close_session(session)?;
/// dism.shutdown()?;
///
/// let journal = emulator.journal();
/// journal.replay().expect("the emulator keeps its contract");
/// let last = journal.steps().last().expect("the shutdown");
/// assert!(last.to_string().ends_with("shutdown -> shut down"));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Journal {
    config: Config,
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_steps"))]
    steps: Vec<Step>,
    dropped: u64,
    is_off: bool,
}

impl Journal {
    /// Creates a journal of steps that were taken without an emulator.
    ///
    /// Callers that drive a [`Machine`] by hand get the mistakes, the timeline and the replay of
    /// their own steps. If they keep the machine behind a lock, the replay checks that they wrote
    /// the steps in the order in which these took effect.
    ///
    /// ```
    /// use dism_emu::machine::{Call, Config, Effect, Machine, ReplayError, Step};
    /// use dism_emu::{Initialize, Journal, Mistake, ThreadNumber};
    ///
    /// let config = Config::default();
    /// let mut machine = Machine::new(config.clone());
    /// let thread = ThreadNumber::new(1);
    /// let outcome = machine.apply(thread, &Call::Initialize(Initialize::new()));
    /// let step = Step { thread, call: Call::Initialize(Initialize::new()), outcome, location: None };
    ///
    /// let journal = Journal::from_steps(config.clone(), vec![step]);
    /// assert_eq!(journal.mistakes()[0].mistake, Mistake::NeverShutDown);
    /// assert!(journal.replay().is_ok());
    ///
    /// let outcome = Ok(Effect::ShutDown { count: 0 });
    /// let made_up = Step { thread, call: Call::Shutdown, outcome, location: None };
    /// let differs = Journal::from_steps(config, vec![made_up]).replay().unwrap_err();
    /// assert!(matches!(differs, ReplayError::Differs { at: 0, .. }));
    /// ```
    #[must_use]
    pub const fn from_steps(config: Config, steps: Vec<Step>) -> Self {
        Self { config, steps, dropped: 0, is_off: false }
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.is_off
    }

    /// Returns the configuration of the process.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the steps, the oldest first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns how many steps are missing before the first, because the journal's limit was reached
    /// (see [`Builder::journal_limit`](crate::Builder::journal_limit)).
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Runs the journal through a fresh machine and compares every outcome.
    ///
    /// Returns the machine in its state after the last step.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Off`] if no journal was kept, [`ReplayError::Incomplete`] if its beginning is
    /// missing, [`ReplayError::Differs`] at the first outcome that differs.
    pub fn replay(&self) -> Result<Machine, ReplayError> {
        if self.is_off {
            return Err(ReplayError::Off);
        }
        if self.dropped > 0 {
            return Err(ReplayError::Incomplete { dropped: self.dropped });
        }
        let mut machine = Machine::new(self.config.clone());
        for (at, step) in self.steps.iter().enumerate() {
            let replayed = machine.apply(step.thread, &step.call);
            if replayed != step.outcome {
                return Err(ReplayError::Differs { at, step: Box::new(step.clone()), replayed });
            }
        }
        Ok(machine)
    }
}

/// Returns copies of the steps, with the threads as [`Threads`] numbers them.
fn numbered(steps: &[Step]) -> impl Iterator<Item = Step> {
    let threads = Threads::of(steps);
    steps.iter().map(move |step| Step { thread: threads.number(step), ..step.clone() })
}

#[cfg(feature = "serde")]
fn serialize_steps<S: serde::Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbered(steps))
}

/// Writes a line for each step.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "({} earlier steps dropped)", self.dropped)?;
        }
        numbered(&self.steps).try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// The thread that makes a call, and the location of the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) thread: ThreadNumber,
    /// `None` if the caller is not Rust code.
    pub(crate) location: Option<&'static Location<'static>>,
}

/// The journal while it is being written: the latest steps, up to a limit.
#[derive(Debug)]
pub(crate) struct Recorder {
    steps: VecDeque<Step>,
    /// The most steps that are kept; 0 if the journal is off.
    limit: usize,
    /// How many steps there were, those that are not kept included.
    taken: u64,
}

impl Recorder {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { steps: VecDeque::new(), limit, taken: 0 }
    }

    /// Writes a step. If the journal is off, the call is not even built.
    #[inline]
    pub(crate) fn push(&mut self, caller: Caller, call: impl FnOnce() -> Call, outcome: Outcome) {
        self.taken += 1;
        if self.limit > 0 {
            let Caller { thread, location } = caller;
            self.write(Step { thread, call: call(), outcome, location });
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    #[inline(never)]
    fn write(&mut self, step: Step) {
        if self.steps.len() == self.limit {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    /// Returns a copy of what was kept.
    pub(crate) fn snapshot(&self, config: Config) -> Journal {
        self.journal(config, self.steps.iter().cloned().collect())
    }

    /// Returns what was kept, and keeps nothing from now on.
    pub(crate) fn finish(&mut self, config: Config) -> Journal {
        let steps = Vec::from(std::mem::take(&mut self.steps));
        let journal = self.journal(config, steps);
        self.limit = 0;
        journal
    }

    fn journal(&self, config: Config, steps: Vec<Step>) -> Journal {
        let is_off = self.limit == 0;
        let dropped = if is_off { 0 } else { self.taken - steps.len() as u64 };
        Journal { config, steps, dropped, is_off }
    }
}
