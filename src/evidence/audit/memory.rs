//! Memory that was handed out, and what became of it.

use std::collections::BTreeMap;

use super::{Found, Moment};
use crate::call::{Error, Memory};
use crate::evidence::Mistake;

/// Memory that functions handed out, for mistake 11.
#[derive(Debug, Default)]
pub(super) struct Allocations {
    known: BTreeMap<Memory, Allocation>,
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
/// unknown                  Deleted          unknown    ! Reported        ! unknown
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
#[derive(Clone, Copy, Debug)]
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
}

impl Allocations {
    pub(super) fn handed_out(&mut self, now: Moment, memory: Memory) {
        self.known.insert(memory, Allocation::Held { at: now.at, period: self.shutdowns.len() });
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
        match self.known.insert(memory, Allocation::Deleted(now.at)) {
            // Only another initialize made this delete possible. The mistake is that the memory was
            // kept across the shutdown.
            Some(Allocation::Held { at, period }) => {
                let Some(shutdown) = self.end_of(period) else { return };
                found.add(Mistake::MemoryMishandled, at, [shutdown]);
            }
            Some(Allocation::Reported) => {}
            _ => return,
        }
        self.known.insert(memory, Allocation::Reported);
    }

    /// Records a delete that the test scripted to fail.
    pub(super) fn excuse(&mut self, memory: Memory) {
        if let Some(allocation @ Allocation::Held { .. }) = self.known.get_mut(&memory) {
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
        let before = match self.known.get(&memory) {
            Some(Allocation::Excused | Allocation::Reported) => return,
            Some(Allocation::Held { at, .. } | Allocation::Deleted(at)) => Some(*at),
            None if is_down && !found.is_complete() => return,
            None => None,
        };
        if before.is_some() || is_down {
            self.known.insert(memory, Allocation::Reported);
        }
        let shutdown = self.shutdowns.last().copied().filter(|_| is_down);
        found.add(Mistake::MemoryMishandled, now.at, before.into_iter().chain(shutdown));
    }

    /// Reports what was never deleted.
    pub(super) fn finish(&self, found: &mut Found<'_>) {
        for allocation in self.known.values() {
            if let Allocation::Held { at, period } = *allocation {
                found.add(Mistake::MemoryMishandled, at, self.end_of(period));
            }
        }
    }
}
