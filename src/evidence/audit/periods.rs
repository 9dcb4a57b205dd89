//! Initializations, shutdowns, and the periods between them.

use super::last_calls::LastCalls;
use super::outstanding::{Obligation, Outstanding};
use super::overlap::Overlap;
use super::{Found, Moment};
use crate::call::ThreadNumber;
use crate::evidence::Mistake;
use crate::evidence::table::Table;

/// The periods between a first initialize and a final shutdown, for mistakes 1, 2 and 4. If a thread
/// left an initialization behind, its last call may make that mistake 5, 6 or 8.
#[derive(Debug, Default)]
pub(super) struct Periods {
    /// The initializations of this period that no shutdown has matched.
    initializations: Outstanding,
    /// The initialize with which this period began.
    beginning: Option<usize>,
    /// The last shutdown of this period that was refused because of an open session.
    refused: Option<usize>,
    /// The overlap in this period, or in the period before if none has begun since.
    overlap: Option<Overlap>,
}

impl Periods {
    /// Records an initialize that succeeded. `last` is the last call of the thread before it.
    pub(super) fn initialized(&mut self, now: Moment, count: u32, last: Option<usize>) {
        if count == 1 {
            self.beginning = Some(now.at);
        }
        self.initializations.take_again(now.thread, last);
        self.initializations.take(now, count);
        self.overlap = None;
    }

    /// Records an initialize that failed because an initialization is in force, as under the
    /// contract Documented.
    pub(super) fn refused(&mut self, now: Moment) {
        // The initialize in force is unknown if it is older than the journal's beginning.
        if let Some(owner) = self.initializations.latest() {
            self.overlap.get_or_insert(Overlap::new(owner)).refuse(now);
        }
    }

    pub(super) fn initialize_failed(&mut self, now: Moment) {
        if let Some(overlap) = &mut self.overlap {
            overlap.forget(now.thread);
        }
    }

    pub(super) fn shut_down(&mut self, now: Moment, count: u32) {
        self.initializations.release(now.thread, count);
        if count == 0 {
            self.refused = None;
            if let Some(overlap) = &mut self.overlap {
                overlap.end(now);
            }
        }
    }

    /// Records a shutdown that was refused because of sessions. They are excused if only failures that
    /// the test scripted keep them open.
    ///
    /// If the period never ends, its last refusal is reported. A late close does not end it, a late
    /// shutdown does:
    ///
    /// ```text
    /// t1  initialize   open   ! shutdown: open session handles   close
    /// t1  initialize   open     shutdown: open session handles   close   shutdown
    /// ```
    pub(super) fn shutdown_refused(&mut self, now: Moment, is_excused: bool) {
        if is_excused {
            self.initializations.excuse(now.thread);
        }
        self.refused = (!is_excused).then_some(now.at);
    }

    /// Returns the refused shutdown that is to be reported, if the period never ends.
    pub(super) fn refused_shutdown(&self) -> Option<usize> {
        self.refused
    }

    /// Records a shutdown that the contract allowed and the test scripted to fail. If it would have
    /// been the final one, no session was open any more, so an earlier refusal is no mistake:
    ///
    /// ```text
    /// t1  initialize   open     shutdown: open session handles   close   shutdown: busy
    /// ```
    pub(super) fn excuse(&mut self, now: Moment) {
        if self.initializations.count() <= 1 {
            self.refused = None;
        }
        self.initializations.excuse(now.thread);
    }

    /// Records a shutdown that failed because the API is not initialized. That alone is no mistake:
    /// it may have lost a race with another shutdown (rule S5).
    pub(super) fn shutdown_while_down(&mut self, now: Moment, found: &mut Found<'_>) {
        if let Some(overlap) = &mut self.overlap {
            if overlap.has_surplus_shutdown(now.thread) {
                overlap.report(now, found);
            }
        }
    }

    /// Reports a thread that relied on a period which another pair has ended. Returns whether that
    /// explains why its call failed.
    pub(super) fn goes_on_overlapping(&mut self, now: Moment, found: &mut Found<'_>) -> bool {
        self.overlap.as_mut().is_some_and(|it| it.is_missed_by(now.thread) && it.report(now, found))
    }

    /// Reports the period that never ended, once for each thread that left an initialization.
    /// `left_open` is what keeps a shutdown from succeeding.
    pub(super) fn finish(
        &self,
        last_calls: &LastCalls,
        mut left_open: Vec<usize>,
        found: &mut Found<'_>,
    ) {
        // A client that never shuts down by design does so whatever its last call was.
        if found.allows(Mistake::NeverShutDown) {
            return;
        }
        let mut by_thread = Table::<ThreadNumber, Vec<&Obligation>>::default();
        for obligation in self.initializations.unexcused() {
            by_thread.entry(obligation.by.thread).push(obligation);
            left_open.push(obligation.by.at);
        }
        left_open.sort_unstable();
        for own in by_thread.records() {
            let [first, ..] = **own else { continue };
            if self.left_by_mistake(first.by.thread, own, last_calls, found)
                || self.refused.is_some()
            {
                continue;
            }
            found.add_one_of(Mistake::NeverShutDown, first.by.at, &left_open);
        }
    }

    /// Reports the thread if it left because it mistook an answer. Returns whether it did.
    ///
    /// A thread may also initialize again instead of leaving. So the last call before each further
    /// initialize counts, too. This client lost its first initialization at the failed open:
    ///
    /// ```text
    /// t1  initialize   ! open: busy   initialize = S_FALSE   open   close   shutdown          (5)
    /// ```
    fn left_by_mistake(
        &self,
        thread: ThreadNumber,
        own: &[&Obligation],
        last_calls: &LastCalls,
        found: &mut Found<'_>,
    ) -> bool {
        let mut last = own.iter().filter_map(|it| it.until).chain(last_calls.of(thread));
        let mistake = last.find_map(|last| last_calls.mistake(last, found.calls));
        let Some((mistake, at)) = mistake else { return false };
        let own = own.iter().map(|it| it.by.at);
        match mistake {
            // It collides with an initialize before it: the thread's own, or else the first of the
            // period.
            Mistake::SFalseTakenForFailure => {
                let before = own.chain(self.beginning).find(|before| *before != at);
                found.add(mistake, at, before);
            }
            _ => found.add(mistake, at, own),
        }
        true
    }
}
