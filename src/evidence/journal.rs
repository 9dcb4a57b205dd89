//! What happened, step by step, and its replay.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::call::{Call, Effect, Hresult, Outcome, ThreadId};
use crate::machine::{Config, Machine};

/// One entry of a [`Journal`]: which thread took which step, what the outcome was, and where in the
/// caller's source the call is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    /// Who.
    pub thread: ThreadId,
    /// What was asked.
    pub call: Call,
    /// What was answered.
    pub outcome: Outcome,
    /// Where the call is, as `#[track_caller]` reports it: the line that called the emulator, or
    /// if the function around that line is `#[track_caller]` too, the line that called it. `None`
    /// if that is not known.
    #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
    pub place: Option<&'static Location<'static>>,
}

/// Writes a location, or one that may be missing, as a string: `src/tool.rs:40:9`.
#[cfg(feature = "serde")]
pub(super) fn location_as_text<L, S>(location: &L, serializer: S) -> Result<S::Ok, S::Error>
where
    L: Copy + Into<Option<&'static Location<'static>>>,
    S: serde::Serializer,
{
    match (*location).into() {
        Some(location) => serializer.collect_str(location),
        None => serializer.serialize_none(),
    }
}

impl Step {
    /// What the step answered: the code of its error or of its effect, or the one scripted for it.
    ///
    /// Of the two steps of a last close the first has what is scripted, and the second whether a
    /// reboot is asked for; the call returns what is scripted.
    #[must_use]
    pub fn code(&self) -> Hresult {
        match &self.outcome {
            // A scripted operation is begun in any case; its end has the answer.
            Ok(effect @ Effect::Begun { .. }) => effect.code(),
            Ok(effect) => self.call.answer().unwrap_or_else(|| effect.code()),
            Err(error) => error.code(),
        }
    }
}

/// Writes `t1 close session 2 -> references 1`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.thread, self.call, Shown(&self.outcome))
    }
}

/// What happened in an emulated process, in the order in which it took effect.
///
/// Each step is written under the lock under which it is taken, so the order of the journal *is*
/// an order that explains what every thread saw (rule X1); [`replay`](Self::replay) proves it.
///
/// ```
/// use dism_emu::Emulator;
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let session = dism.open_session(r"C:\mount")?;
/// dism.close_session(session)?;
/// dism.shutdown()?;
///
/// let journal = dism.journal();
/// journal.replay().expect("the emulator keeps its contract");
/// let last = journal.steps().last().expect("the shutdown");
/// assert!(last.to_string().ends_with("shutdown -> shut down"));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Journal {
    config: Config,
    steps: Vec<Step>,
    dropped: u64,
    is_off: bool,
}

impl Journal {
    /// A journal that somebody else kept: who drives a [`Machine`] by hand gets the mistakes, the
    /// timeline and the replay of their own steps.
    ///
    /// ```
    /// use dism_emu::{Call, Config, Journal, Machine, Mistake, Step, ThreadId};
    ///
    /// let config = Config::default();
    /// let mut machine = Machine::new(config);
    /// let thread = ThreadId::new(1);
    /// let outcome = machine.apply(thread, &Call::Initialize);
    /// let steps = vec![Step { thread, call: Call::Initialize, outcome, place: None }];
    ///
    /// let journal = Journal::from_steps(config, steps);
    /// assert_eq!(journal.mistakes()[0].mistake, Mistake::NeverShutDown);
    /// ```
    #[must_use]
    pub const fn from_steps(config: Config, steps: Vec<Step>) -> Self {
        Self { config, steps, dropped: 0, is_off: false }
    }

    pub(crate) const fn is_off(&self) -> bool {
        self.is_off
    }

    /// What the process was like.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The steps, the oldest first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many steps are missing before the first, because the journal's limit was reached (see
    /// [`Builder::journal_limit`](crate::Builder::journal_limit)).
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
    /// [`ReplayError::Off`] if none was kept, [`ReplayError::Incomplete`] if the beginning is
    /// missing, [`ReplayError::Differs`] at the first outcome that differs.
    pub fn replay(&self) -> Result<Machine, ReplayError> {
        if self.is_off {
            return Err(ReplayError::Off);
        }
        if self.dropped > 0 {
            return Err(ReplayError::Incomplete { dropped: self.dropped });
        }
        replay(self.config, &self.steps)
    }
}

/// Writes a line for each step.
impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "({} earlier steps dropped)", self.dropped)?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Runs steps through a fresh machine and reports the first outcome that differs.
///
/// For journals that somebody else kept: who brings a lock of their own around a [`Machine`]
/// checks with it that they wrote the steps in the order in which they took effect.
///
/// # Errors
///
/// [`ReplayError::Differs`] at the first outcome that differs.
///
/// ```
/// use dism_emu::{Call, Config, Effect, ReplayError, Step, ThreadId, replay};
///
/// let thread = ThreadId::new(1);
/// let outcome = Ok(Effect::ShutDown { count: 0 });
/// let made_up = Step { thread, call: Call::Shutdown, outcome, place: None };
/// let differs = replay(Config::default(), [&made_up]).unwrap_err();
/// assert!(matches!(differs, ReplayError::Differs { at: 0, .. }));
/// ```
pub fn replay<'a>(
    config: Config,
    steps: impl IntoIterator<Item = &'a Step>,
) -> Result<Machine, ReplayError> {
    let mut machine = Machine::new(config);
    for (at, step) in steps.into_iter().enumerate() {
        let replayed = machine.apply(step.thread, &step.call);
        if replayed != step.outcome {
            return Err(ReplayError::Differs { at, step: Box::new(step.clone()), replayed });
        }
    }
    Ok(machine)
}

/// Why a journal did not replay.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The journal was switched off, so there is nothing to look at.
    #[error("the journal is switched off")]
    Off,

    /// The journal's limit was reached and its beginning is gone, so nothing can be said of the
    /// rest.
    #[error("the first {dropped} steps of the journal are missing")]
    Incomplete {
        /// How many steps are missing.
        dropped: u64,
    },

    /// A step came out otherwise in a fresh machine.
    #[error("step {at}, {step}, replays as {}", Shown(replayed))]
    Differs {
        /// The index of the step.
        at: usize,
        /// The step as the journal has it.
        step: Box<Step>,
        /// How it comes out in a fresh machine.
        replayed: Outcome,
    },
}

/// An outcome in one line, a failure with its code.
struct Shown<'a>(&'a Outcome);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(effect) => write!(f, "{effect}"),
            Err(error) => write!(f, "{:?}: {error}", error.code()),
        }
    }
}

/// Who makes a call: what the journal has of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) thread: ThreadId,
    /// `None` if the caller is not Rust code.
    pub(crate) location: Option<&'static Location<'static>>,
}

/// The journal while it is written: the latest steps up to a limit.
#[derive(Debug)]
pub(crate) struct Recorder {
    steps: VecDeque<Step>,
    /// 0 for none at all.
    limit: usize,
    dropped: u64,
}

impl Recorder {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { steps: VecDeque::new(), limit, dropped: 0 }
    }

    /// Writes a step. If the journal is off, the call is not even built.
    #[inline]
    pub(crate) fn push(&mut self, caller: Caller, call: impl FnOnce() -> Call, outcome: Outcome) {
        if self.limit > 0 {
            self.write(caller, call(), outcome);
        }
    }

    /// How many steps were written so far, those that are gone included.
    pub(crate) fn written(&self) -> u64 {
        self.dropped + self.steps.len() as u64
    }

    #[inline(never)]
    fn write(&mut self, Caller { thread, location }: Caller, call: Call, outcome: Outcome) {
        if self.steps.len() == self.limit {
            self.steps.pop_front();
            self.dropped += 1;
        }
        self.steps.push_back(Step { thread, call, outcome, place: location });
    }

    pub(crate) fn snapshot(&self, config: Config) -> Journal {
        Journal {
            config,
            steps: self.steps.iter().cloned().collect(),
            dropped: self.dropped,
            is_off: self.limit == 0,
        }
    }
}
