//! A step that was taken, and the reasons why steps do not replay.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

#[cfg(feature = "serde")]
use crate::call::location::location_as_text;
use crate::call::{Call, Effect, Hresult, Outcome, Scripted, ThreadNumber};

/// One entry of a [`Journal`](crate::Journal): which thread took which step, what the outcome was,
/// and the location of the call in the caller's source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    /// The thread that took the step.
    pub thread: ThreadNumber,
    /// The call.
    pub call: Call,
    /// The outcome of the call.
    pub outcome: Outcome,
    /// The location of the call, as `#[track_caller]` reports it: the line that called the
    /// emulator. If the function around that line is `#[track_caller]`, too, it is the line that
    /// called that function. `None` if it is not known.
    ///
    /// Texts and JSON leave out the folders of the machine. Of an absolute path, such as that of a
    /// path dependency or of a crate from a registry, they have what begins with the folder of the
    /// package: `tokio-1.38.0/src/task/spawn.rs:40:9`.
    #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
    pub location: Option<&'static Location<'static>>,
}

impl Step {
    /// Returns the code of the step: that of its error or its effect, or the one that was scripted
    /// for it.
    ///
    /// A last close has two steps. The first has the code that was scripted, if there is one, and
    /// the second says whether a reboot is needed. The call returns the scripted code.
    #[must_use]
    pub fn code(&self) -> Hresult {
        match &self.outcome {
            // A scripted operation begins in any case; its end has the answer.
            Ok(effect @ Effect::Begun { .. }) => effect.code(),
            Ok(effect) => self.call.answer().map_or(effect.code(), |answer| answer.code),
            Err(error) => error.code(),
        }
    }

    /// Returns whether the call has taken effect although the test scripted it to fail.
    pub(crate) fn has_failed_in_effect(&self) -> bool {
        self.outcome.is_ok() && self.call.answer().and_then(Scripted::fails_in_effect).is_some()
    }
}

/// Writes `t1 close session 2 -> references 1`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.thread, self.call, Shown(&self.outcome))
    }
}

/// The reason why a journal did not replay.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The journal was switched off, so there is nothing to replay.
    #[error("the journal is switched off")]
    Off,

    /// The journal reached its limit and lost its beginning, so the rest cannot be checked.
    #[error("the first {dropped} steps of the journal are missing")]
    Incomplete {
        /// How many steps are missing.
        dropped: u64,
    },

    /// A step had a different outcome in a fresh machine.
    #[error("step {at}, {step}, replays as {}", Shown(replayed))]
    Differs {
        /// The index of the step.
        at: usize,
        /// The step as the journal has it.
        step: Box<Step>,
        /// The outcome in a fresh machine.
        replayed: Outcome,
    },
}

/// An outcome in one line.
struct Shown<'a>(&'a Outcome);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(effect) => write!(f, "{effect}"),
            Err(error) => write!(f, "{error}"),
        }
    }
}
