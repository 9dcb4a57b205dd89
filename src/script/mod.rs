//! Rules and holds: what the test decides about calls to come, as data.

mod hold;
mod injection;
mod notation;
mod rule;

use std::panic::Location;

use self::hold::Holds;
use self::rule::Rules;
use crate::evidence::Remark;
use crate::machine::config::Aliases;

pub use self::hold::Hold;
pub(crate) use self::hold::{HoldError, Point};
pub(crate) use self::injection::{Fault, Injection};
pub use self::notation::ParseRuleError;
pub(crate) use self::rule::{Answer, Query, failure};
pub use self::rule::{Progress, Rule};

/// The rules and holds of one process.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) rules: Rules,
    pub(crate) holds: Holds,
    /// The faults of a sweep, for the calls that no rule answers.
    pub(crate) injection: Option<Injection>,
    /// The remarks on rules and holds that were taken back: the first ones, and how many more.
    unmet: Vec<Remark>,
    more: u64,
    last_id: u64,
}

/// How many remarks are kept and reported. A loop can make any number of them.
const REPORTED: usize = 64;

impl Script {
    /// Puts a rule in force. Returns its number.
    pub(crate) fn add_rule(
        &mut self,
        rule: Rule,
        aliases: &Aliases,
        location: Option<&'static Location<'static>>,
    ) -> u64 {
        self.last_id += 1;
        self.rules.add(rule, aliases, self.last_id, location);
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

    pub(crate) fn remove_rule(&mut self, id: u64) {
        let removed = self.rules.remove(id);
        self.report(removed.and_then(|rule| rule.unmet()));
    }

    /// Removes a hold. Returns a remark if its deadline has released the thread.
    pub(crate) fn remove_hold(&mut self, id: u64) -> Option<Remark> {
        let removed = self.holds.remove(id)?;
        self.report(removed.unreached());
        removed.expired()
    }

    /// Adds a remark that the verification reports.
    pub(crate) fn report(&mut self, remark: Option<Remark>) {
        match remark {
            Some(remark) if self.unmet.len() < REPORTED => self.unmet.push(remark),
            Some(_) => self.more += 1,
            None => {}
        }
    }

    /// Returns the remarks on rules and holds that did not act as the test expected.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        let active = self.rules.remarks().chain(self.holds.remarks());
        let mut all = self.unmet.iter().cloned().chain(active);
        let mut remarks: Vec<_> = all.by_ref().take(REPORTED).collect();
        let more = self.more + all.count() as u64;
        if more > 0 {
            remarks.push(Remark::More { remarks: more });
        }
        remarks
    }
}
