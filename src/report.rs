use crate::Journal;
use std::panic::Location;
use thiserror::Error;
/// stub
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Remark {
    /// A rule that never fired.
    #[error("a rule of the test never fired: {rule} (scripted at {place})")]
    UnusedRule {
        /// The rule.
        rule: String,
        /// Where it was scripted.
        place: &'static Location<'static>,
    },
    /// x
    #[error("a hold was let go by its deadline: {hold} (set at {place})")]
    ExpiredHold {
        /// x
        hold: String,
        /// x
        place: &'static Location<'static>,
    },
    /// x
    #[error("off")]
    JournalOff,
    /// x
    #[error("incomplete {dropped}")]
    JournalIncomplete {
        /// x
        dropped: u64,
    },
}
/// stub
#[derive(Clone, Debug, Error)]
#[error("{remarks:?}")]
pub struct Report {
    remarks: Vec<Remark>,
}
impl Report {
    pub(crate) fn of(_journal: Journal, remarks: Vec<Remark>) -> Option<Self> {
        (!remarks.is_empty()).then_some(Self { remarks })
    }
}
