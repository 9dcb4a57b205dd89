//! What a report says of the test itself.

use std::panic::Location;

use thiserror::Error;

use super::Journal;
#[cfg(feature = "serde")]
use super::journal::location_as_text;

/// Something that makes a test say less than it seems to: not the client's mistake.
///
/// ```
/// use std::panic::Location;
///
/// use dism_emu::Remark;
///
/// let rule = "the first OpenSession answers 0x800F0902".to_owned();
/// let remark = Remark::UnusedRule { rule, place: Location::caller() };
/// assert!(remark.to_string().starts_with("a rule of the test never fired: the first OpenSession"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind"))]
#[non_exhaustive]
pub enum Remark {
    /// What the test wanted to see handled never happened.
    #[error("a rule of the test never fired: {rule}, at {place}")]
    UnusedRule {
        /// The rule in words.
        rule: String,
        /// Where the test made it.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        place: &'static Location<'static>,
    },

    /// The test held calls back and never let them go.
    #[error("a hold was let go by its deadline: {hold}, at {place}")]
    ExpiredHold {
        /// The hold in words.
        hold: String,
        /// Where the test made it.
        #[cfg_attr(feature = "serde", serde(serialize_with = "location_as_text"))]
        place: &'static Location<'static>,
    },

    /// The journal is incomplete, so this is what the state says of what was left behind.
    #[error("still initialized at the end: count {count}, open sessions {open_sessions}")]
    StillInitialized {
        /// Initializations that no shutdown has matched.
        count: u32,
        /// Sessions that are open.
        open_sessions: usize,
    },

    /// No journal was kept, so no mistake can be found.
    #[error("the journal is switched off, so no mistake can be found")]
    JournalOff,

    /// The journal's limit was reached: a mistake may be missing here, or what explains it.
    #[error("the first {dropped} steps of the journal are missing, so mistakes may be, too")]
    JournalIncomplete {
        /// How many steps are missing.
        dropped: u64,
    },
}

impl Journal {
    /// Why the journal does not have everything, if it does not.
    pub(crate) fn gap(&self) -> Option<Remark> {
        match (self.is_off(), self.dropped()) {
            (true, _) => Some(Remark::JournalOff),
            (false, 0) => None,
            (false, dropped) => Some(Remark::JournalIncomplete { dropped }),
        }
    }
}
