//! Memory that was handed out, and what became of it.

use super::{Found, Moment};
use crate::call::{Error, Memory};
use crate::evidence::Mistake;
use crate::evidence::table::Table;

/// Memory that functions handed out, for mistake 11.
#[derive(Debug, Default)]
pub(super) struct Allocations {
    known: Table<Memory, Allocation>,
    /// The shutdowns that ended the periods so far.
    shutdowns: Vec<usize>,
}

/// What became of a piece of memory. In the table a row is a state, a column the answer of a
/// delete, and an entry the next state. `!` reports the delete. `! hand out` reports the call that
/// handed the memory out, and the next state is Reported:
///
/// ```text
///                          success          busy       not initialized   not handed out
/// Held                     Deleted          Excused    ! Reported
/// Held, with a shutdown    ! hand out       Excused    ! Reported
/// Excused                  Deleted          Excused    Excused
/// Deleted                  Deleted          Deleted    ! Reported        ! Reported
/// Reported                 Reported         Reported   Reported          Reported
/// Unknown                  Deleted          Unknown    ! Reported        ! Unknown
/// ```
///
/// If the journal's beginning is missing, a late delete of unknown memory may be excused there, and
/// is not reported.
///
/// The clients below, in order: memory is deleted twice; is deleted after the final shutdown; the
/// same, but excused, since the test scripted an earlier delete to fail; is kept across a shutdown
/// and deleted after another initialize; is never deleted.
///
/// ```text
/// t1  initialize     hand out   delete                ! delete: not handed out
/// t1  initialize     hand out                           shutdown   ! delete: not initialized
/// t1  initialize     hand out   delete: busy            shutdown     delete: not initialized
/// t1  initialize   ! hand out                           shutdown     initialize   delete
/// t1  initialize   ! hand out                           shutdown
/// ```
#[derive(Clone, Copy, Debug, Default)]
enum Allocation {
    Held {
        /// The step that handed it out.
        at: usize,
        /// How many periods had ended before. The shutdown that ends this one is then the next of
        /// all shutdowns, and every delete after it is too late.
        period: usize,
    },
    /// The test scripted a delete to fail. The client may try again, in time or not.
    Excused,
    /// Deleted by this step.
    Deleted(usize),
    /// Each piece of memory is reported once.
    Reported,
    /// The journal does not have the call that handed it out, or there was none.
    #[default]
    Unknown,
}

impl Allocations {
    pub(super) fn handed_out(&mut self, now: Moment, memory: Memory) {
        let held = Allocation::Held { at: now.at, period: self.shutdowns.len() };
        *self.known.entry(memory) = held;
    }

    pub(super) fn shut_down(&mut self, now: Moment, count: u32) {
        if count == 0 {
            self.shutdowns.push(now.at);
        }
    }

    /// Returns the shutdown that ended the period, if one did.
    fn end_of(&self, period: usize) -> Option<usize> {
        self.shutdowns.get(period).copied()
    }

    pub(super) fn deleted(&mut self, now: Moment, memory: Memory, found: &mut Found<'_>) {
        let is_reported = match *self.known.entry(memory) {
            // Only another initialize made this delete possible. The mistake is that the memory was
            // kept across the shutdown.
            Allocation::Held { at, period } => {
                let shutdown = self.end_of(period);
                if shutdown.is_some() {
                    found.add(Mistake::MemoryMishandled, at, shutdown);
                }
                shutdown.is_some()
            }
            Allocation::Reported => true,
            _ => false,
        };
        *self.known.entry(memory) =
            if is_reported { Allocation::Reported } else { Allocation::Deleted(now.at) };
    }

    /// Records a delete that the test scripted to fail.
    pub(super) fn excuse(&mut self, memory: Memory) {
        if let allocation @ Allocation::Held { .. } = self.known.entry(memory) {
            *allocation = Allocation::Excused;
        }
    }

    pub(super) fn delete_failed(
        &mut self,
        now: Moment,
        memory: Memory,
        error: Error,
        found: &mut Found<'_>,
    ) {
        let is_down = error == Error::NotInitialized;
        let known = self.known.entry(memory);
        let before = match *known {
            Allocation::Excused | Allocation::Reported => return,
            Allocation::Held { at, .. } | Allocation::Deleted(at) => Some(at),
            Allocation::Unknown if is_down && !found.is_complete() => return,
            Allocation::Unknown => None,
        };
        if before.is_some() || is_down {
            *known = Allocation::Reported;
        }
        let shutdown = self.shutdowns.last().copied().filter(|_| is_down);
        found.add(Mistake::MemoryMishandled, now.at, before.into_iter().chain(shutdown));
    }

    /// Reports what was never deleted.
    pub(super) fn finish(&self, found: &mut Found<'_>) {
        for allocation in self.known.records() {
            if let Allocation::Held { at, period } = *allocation {
                found.add(Mistake::MemoryMishandled, at, self.end_of(period));
            }
        }
    }
}
