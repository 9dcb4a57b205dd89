//! Rules and holds: what the test decides about calls to come, as data.

mod hold;
mod rule;

use std::panic::Location;

use self::hold::Holds;
use self::rule::Rules;
use crate::evidence::Remark;

pub use self::hold::Hold;
pub(crate) use self::hold::{HoldError, Point};
pub(crate) use self::rule::{Answer, Query};
pub use self::rule::{Progress, Rule};

/// The rules and holds of one process.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) rules: Rules,
    pub(crate) holds: Holds,
    last_id: u64,
}

impl Script {
    /// Puts a rule in force. Returns its number.
    pub(crate) fn add_rule(&mut self, rule: Rule, location: &'static Location<'static>) -> u64 {
        self.last_id += 1;
        self.rules.add(rule, self.last_id, location);
        self.last_id
    }

    /// Sets a hold. Returns its number.
    pub(crate) fn add_hold(&mut self, hold: Hold, location: &'static Location<'static>) -> u64 {
        self.last_id += 1;
        self.holds.add(hold, self.last_id, location);
        self.last_id
    }

    /// How often there was something new to report on: a rule, a hold, or a hold that expired.
    pub(crate) fn changes(&self) -> u64 {
        self.last_id + self.holds.expired()
    }

    /// Returns the remarks on rules and holds that did not act as the test expected.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = Remark> {
        self.rules.remarks().chain(self.holds.remarks())
    }
}
