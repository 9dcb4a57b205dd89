//! Pairs of initialize and shutdown that overlap.

use super::{Found, Moment};
use crate::call::ThreadNumber;
use crate::evidence::Mistake;
use crate::evidence::table::Table;

/// Initializes that were refused because an initialization was in force, for mistake 4.
///
/// A thread that was refused may give up. Or it may share the initialization of the other thread
/// and leave the shutdown to that thread. Neither is a mistake. So overlapping pairs are reported
/// only if a call fails because the initialization that its thread relied on is over. This client
/// is correct:
///
/// ```text
/// t1  initialize                                      shutdown
/// t2               initialize: already initialized   (gives up, or shares it until the shutdown)
/// ```
#[derive(Debug)]
pub(super) struct Overlap {
    /// The initialize that is in force, or was until the end of the period.
    owner: Moment,
    /// For each thread that was refused, the first and the last of its initializes that were.
    refused: Table<ThreadNumber, Option<(usize, usize)>>,
    /// The shutdown that ended the period.
    ended: Option<Moment>,
    /// Whether the overlap is reported already.
    is_reported: bool,
}

impl Overlap {
    pub(super) fn new(owner: Moment) -> Self {
        Self { owner, refused: Table::default(), ended: None, is_reported: false }
    }

    pub(super) fn refuse(&mut self, by: Moment) {
        self.refused.entry(by.thread).get_or_insert((by.at, by.at)).1 = by.at;
    }

    /// Forgets that the thread was refused. Its next initialize failed for another reason, so it
    /// relies on no initialization.
    pub(super) fn forget(&mut self, thread: ThreadNumber) {
        *self.refused.entry(thread) = None;
    }

    pub(super) fn end(&mut self, by: Moment) {
        self.ended = Some(by);
    }

    /// Returns the thread's last initialize that was refused.
    fn refused(&self, thread: ThreadNumber) -> Option<usize> {
        self.refused.get(thread)?.map(|(_, last)| last)
    }

    /// Returns whether the thread's shutdown, which found the API not initialized, is one too many
    /// because of the overlap.
    pub(super) fn has_surplus_shutdown(&self, thread: ThreadNumber) -> bool {
        let is_refused = |thread| self.refused(thread).is_some();
        if self.owner.thread == thread {
            // If a thread that was refused ended the owner's period, the pairs overlapped. If a
            // thread that was never refused ended it, it raced the owner for the shutdown, and the
            // owner lost. That is no mistake (rule S5):
            //
            //   t1  initialize                                      shutdown: not initialized
            //   t2               initialize: already   ! shutdown
            //
            //   t1  initialize                                      shutdown: not initialized
            //   t2               initialize: already
            //   t3                                       shutdown
            self.ended.is_some_and(|end| end.thread != thread && is_refused(end.thread))
        } else {
            // A thread that was refused has no initialization to shut down. One that was never
            // refused may have lost a race:
            //
            //   t1  initialize                           shutdown
            //   t2               initialize: already              ! shutdown: not initialized
            //   t3                                                  shutdown: not initialized (S5)
            is_refused(thread)
        }
    }

    /// Returns whether the thread relied on the period. Its call failed because the period is over.
    pub(super) fn is_missed_by(&self, thread: ThreadNumber) -> bool {
        let Some(end) = self.ended else { return false };
        let is_refused = self.refused(thread).is_some();
        if self.owner.thread == thread {
            // The owner relied on its own period if another thread ended it, or if the owner itself
            // did with the shutdown of an inner pair. An owner without an inner pair knows that its
            // shutdown ended the period:
            //
            //   t1  initialize                                      open: not initialized
            //   t2               initialize: already   ! shutdown
            //
            //   t1  initialize   initialize: already     shutdown ! open: not initialized
            //   t1  initialize                           shutdown   open: not initialized
            is_refused || end.thread != thread
        } else {
            // A thread that was refused relied on the period that it shared, unless it ended the
            // period itself. A thread that was never refused relied on nothing:
            //
            //   t1  initialize                           shutdown
            //   t2               initialize: already              ! open: not initialized
            //   t3                                                  open: not initialized (rule O1)
            is_refused && end.thread != thread
        }
    }

    /// Reports the overlap that this call shows, once for each period: later failures have the same
    /// cause. Returns whether there was one.
    pub(super) fn report(&mut self, now: Moment, found: &mut Found<'_>) -> bool {
        let Some(end) = self.ended else { return false };
        if self.is_reported {
            return true;
        }
        let (own, others) = (self.refused(now.thread), self.refused(end.thread));
        let first = || self.refused.records().iter().flatten().map(|(first, _)| *first).min();
        let Some(refused) = own.or(others).or_else(first) else { return false };
        // The mistake is the shutdown of a thread that was refused. If the owner or a third thread
        // ended the period, the mistake is the call that relied on it.
        let (mistake, by) = match end.thread != now.thread && others.is_some() {
            true => (end.at, now.at),
            false => (now.at, end.at),
        };
        found.add(Mistake::OverlappingPairs, mistake, [self.owner.at, refused, by]);
        self.is_reported = true;
        true
    }
}
