//! A step that was taken, and why steps may not replay.

use std::fmt;
use std::panic::Location;

use thiserror::Error;

use crate::call::{Call, Effect, Hresult, Outcome, ThreadNumber};

/// One entry of a [`Journal`](crate::Journal): which thread took which step, what the outcome was, and where in the
/// caller's source the call is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    /// Who.
    pub thread: ThreadNumber,
    /// What was asked.
    pub call: Call,
    /// What was answered.
    pub outcome: Outcome,
    /// Where the call is, as `#[track_caller]` reports it: the line that called the emulator, or
    /// if the function around that line is `#[track_caller]` too, the line that called it. `None`
    /// if that is not known.
    #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
    pub location: Option<&'static Location<'static>>,
}

/// Writes a location, or one that may be missing, as a string: `src/tool.rs:40:9`.
#[cfg(feature = "serde")]
pub(crate) fn location_as_text<L, S>(location: &L, serializer: S) -> Result<S::Ok, S::Error>
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
