//! Remarks in a report about the test or the client.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use super::Journal;
use super::paired::{Calls, OneCall};
use super::table::Table;
use super::text::{LISTED, Part, WIDTH};
use crate::call::location::Source;
#[cfg(feature = "serde")]
use crate::call::location::location_as_text;
use crate::call::{ImagePath, ThreadNumber};

/// A remark about the test or the client, not a mistake: the test may prove less than it seems to,
/// or the client may not do what it means to.
///
/// ```
/// use std::panic::Location;
///
/// use dism_emu::Remark;
///
/// let rule = "DismOpenSession, call 1 only, answers 0x800F0902 (DISMAPI_E_BUSY)".to_owned();
/// let remark = Remark::UnusedRule { rule, location: Some(Location::caller()) };
/// assert!(remark.to_string().starts_with("a rule of the test never fired: DismOpenSession"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind"))]
#[non_exhaustive]
pub enum Remark {
    /// A rule never fired: the case that the test scripts never happened.
    UnusedRule {
        /// The rule in words.
        rule: String,
        /// The location of the call to [`Emulator::script`](crate::Emulator::script), unless the
        /// rule is from a file.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: Option<&'static Location<'static>>,
    },

    /// A rule fired more or less often than the test [expected](crate::Rule::expect).
    RuleCount {
        /// The rule in words.
        rule: String,
        /// How often it should have fired.
        expected: u32,
        /// How often it did.
        fired: u64,
        /// The location of the call to [`Emulator::script`](crate::Emulator::script), unless the
        /// rule is from a file.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: Option<&'static Location<'static>>,
    },

    /// No thread reached a hold: the call that the test wanted to stop was not stopped.
    UnreachedHold {
        /// The hold in words.
        hold: String,
        /// The location of the call to [`Emulator::hold`](crate::Emulator::hold).
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: &'static Location<'static>,
    },

    /// The test did not release a hold before its deadline.
    ExpiredHold {
        /// The hold in words.
        hold: String,
        /// The location of the call to [`Emulator::hold`](crate::Emulator::hold).
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: &'static Location<'static>,
    },

    /// A thread read the last error message after a call that has none: a shutdown or a delete that
    /// failed. The message that it got belongs to an older call (rules E2, S7).
    MessageOfAnotherCall {
        /// The number of the call that read the message, as in the timeline.
        call: usize,
        /// Its location, if it is known.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: Option<&'static Location<'static>>,
        /// The number of the call that failed before.
        failed: usize,
        /// The number of the call to which the message belongs; `None` if the journal does not
        /// have it.
        message_of: Option<usize>,
        /// How many more calls did so at this location.
        more: usize,
    },

    /// A thread without a failure read the last error message after a call had failed on another
    /// thread. Each thread has its own message, so it got none (rule E1).
    MessageOnAnotherThread {
        /// The number of the call that read the message, as in the timeline.
        call: usize,
        /// Its location, if it is known.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: Option<&'static Location<'static>>,
        /// The number of the call that failed last on another thread.
        failed: usize,
        /// How many more calls did so at this location.
        more: usize,
    },

    /// A path looks like [`DISM_ONLINE_IMAGE`](crate::DISM_ONLINE_IMAGE) and is another one, so it
    /// is not the online image (rule O6).
    LooksOnline {
        /// The number of the call, as in the timeline.
        call: usize,
        /// Its location, if it is known.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        location: Option<&'static Location<'static>>,
        /// The path.
        path: ImagePath,
        /// How many more calls did so at this location.
        more: usize,
    },

    /// The API is still initialized at the end. The state says so, since the journal is incomplete.
    StillInitialized {
        /// How many initializations no shutdown has matched.
        count: u32,
        /// How many sessions are open.
        open_sessions: usize,
    },

    /// There are more remarks on rules and holds than a report lists.
    More {
        /// How many more.
        remarks: u64,
    },

    /// Some code still has a handle and can make more calls, which this report will not have. This
    /// is not a reason to fail.
    HandlesLeft {
        /// How many [`Dism`](crate::Dism) handles, [`OwnedSession`](crate::OwnedSession)s and C calls
        /// in progress there are.
        handles: usize,
        /// The last call of each thread, in words.
        last_calls: Vec<String>,
    },

    /// No journal was kept, so no mistake can be found.
    JournalOff,

    /// The journal's limit was reached, so mistakes, or the calls that explain them, may be
    /// missing.
    JournalIncomplete {
        /// How many steps are missing.
        dropped: u64,
    },
}

impl Remark {
    /// Returns whether a program with this remark fails: not if it is about what the report lacks.
    pub(crate) const fn fails(&self) -> bool {
        !matches!(
            self,
            Self::HandlesLeft { .. } | Self::JournalOff | Self::JournalIncomplete { .. }
        )
    }

    /// Writes what it is about, without the details.
    pub(super) fn write_subject(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnusedRule { .. } => "a rule of the test never fired",
            Self::RuleCount { .. } => "a rule of the test did not fire as often as expected",
            Self::UnreachedHold { .. } => "no thread reached a hold of the test",
            Self::ExpiredHold { .. } => "a hold of the test was not released before its deadline",
            Self::MessageOfAnotherCall { .. } => "the last error message of another call was read",
            Self::MessageOnAnotherThread { .. } => {
                "the last error message was read on another thread than that of the failure"
            }
            Self::LooksOnline { .. } => "a path looks like DISM_ONLINE_IMAGE and is another",
            Self::StillInitialized { .. } => "still initialized at the end",
            Self::More { remarks } => {
                return write!(f, "{remarks} more remarks on rules and holds of the test");
            }
            Self::HandlesLeft { handles: 1, .. } => "1 handle to the emulator is still alive",
            Self::HandlesLeft { handles, .. } => {
                return write!(f, "{handles} handles to the emulator are still alive");
            }
            Self::JournalOff => "the journal is switched off, so no mistake can be found",
            Self::JournalIncomplete { dropped } => {
                return write!(
                    f,
                    "the first {dropped} steps of the journal are missing, so mistakes may be \
                     missing, too"
                );
            }
        })
    }

    /// Counts one more call at the same location, if the remark is about calls.
    pub(super) fn count_again(&mut self) {
        if let Self::MessageOfAnotherCall { more, .. }
        | Self::MessageOnAnotherThread { more, .. }
        | Self::LooksOnline { more, .. } = self
        {
            *more += 1;
        }
    }

    /// Returns the location of the rule, hold or call that it is about.
    pub(super) const fn location(&self) -> Option<&'static Location<'static>> {
        match self {
            Self::MessageOfAnotherCall { location, .. }
            | Self::MessageOnAnotherThread { location, .. }
            | Self::LooksOnline { location, .. }
            | Self::UnusedRule { location, .. }
            | Self::RuleCount { location, .. } => *location,
            Self::UnreachedHold { location, .. } | Self::ExpiredHold { location, .. } => {
                Some(location)
            }
            _ => None,
        }
    }
}

impl Error for Remark {}

/// Writes the subject and the details.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_subject(f)?;
        match self {
            Self::UnusedRule { rule, location } => {
                write!(f, ": {rule}")?;
                write_end(f, 0, *location)
            }
            Self::UnreachedHold { hold, location } | Self::ExpiredHold { hold, location } => {
                write!(f, ": {hold}")?;
                write_end(f, 0, Some(location))
            }
            Self::RuleCount { rule, expected, fired, location } => {
                write!(f, " (expected {expected}, fired {fired}): {rule}")?;
                write_end(f, 0, *location)
            }
            Self::MessageOfAnotherCall { call, location, failed, message_of, more } => {
                write!(f, ": call {call} got that of ")?;
                match message_of {
                    Some(call) => write!(f, "call {call}")?,
                    None => f.write_str("an older call")?,
                }
                write!(f, ", since call {failed} failed and has none")?;
                write_end(f, *more, *location)
            }
            Self::MessageOnAnotherThread { call, location, failed, more } => {
                write!(f, ": call {call} found none, since each thread has its own, and call ")?;
                write!(f, "{failed} failed")?;
                write_end(f, *more, *location)
            }
            Self::LooksOnline { call, location, path, more } => {
                write!(f, ": {path:?} of call {call}")?;
                write_end(f, *more, *location)
            }
            Self::StillInitialized { count, open_sessions } => {
                write!(f, ": count {count}, open sessions {open_sessions}")
            }
            Self::HandlesLeft { last_calls, .. } => {
                for (at, call) in last_calls.iter().take(LISTED).enumerate() {
                    f.write_str(if at == 0 { "; the last call of each thread: " } else { "; " })?;
                    f.write_str(call)?;
                }
                match last_calls.len().saturating_sub(LISTED) {
                    0 => Ok(()),
                    more => write!(f, "; and those of {more} more threads"),
                }
            }
            Self::More { .. } | Self::JournalOff | Self::JournalIncomplete { .. } => Ok(()),
        }
    }
}

/// Ends a remark: writes how many more calls it is about, and its location.
fn write_end(
    f: &mut fmt::Formatter<'_>,
    more: usize,
    location: Option<&'static Location<'static>>,
) -> fmt::Result {
    if more > 0 {
        write!(f, "; so with {more} more")?;
    }
    location.map_or(Ok(()), |location| write!(f, ", at {}", Source(location)))
}

impl Journal {
    /// Returns the last call of each thread, in words.
    pub(crate) fn last_calls(&self) -> Vec<String> {
        let calls = Calls::of(self.steps());
        let mut last = Table::<ThreadNumber, Option<OneCall>>::default();
        for call in calls.all() {
            *last.entry(calls.thread(*call)) = Some(*call);
        }
        let in_words = |call: &OneCall| {
            let (thread, call) = (calls.thread(*call), *call);
            let text = calls.text(call, Part::Whole).within(WIDTH - 20);
            match calls.first(call).location {
                Some(location) => format!("{thread} {text}, at {}", Source(location)),
                None => format!("{thread} {text}"),
            }
        };
        last.records().iter().flatten().map(in_words).collect()
    }

    /// Returns why the journal is incomplete, if it is.
    pub(crate) fn gap(&self) -> Option<Remark> {
        match (self.is_off(), self.dropped()) {
            (true, _) => Some(Remark::JournalOff),
            (false, 0) => None,
            (false, dropped) => Some(Remark::JournalIncomplete { dropped }),
        }
    }
}
