//! Pairs of initialize and shutdown that overlap.

use super::{Found, Moment};
use crate::call::ThreadNumber;
use crate::evidence::Mistake;

/// Initializations that were refused because one was in force, for mistake 4.
///
/// A thread that was refused may give up, or share the initialization of the other and leave its
/// end to that. Neither is a mistake, so overlapping pairs are reported only if somebody misses
/// the API:
///
/// ```text
/// t1  initialize                                      shutdown
/// t2               initialize: already initialized   (gives up, or shares it until the shutdown)
/// ```
#[derive(Debug)]
pub(super) struct Overlap {
    /// The initialize that is, or was, in force.
    owner: Moment,
    refused: Vec<Moment>,
    /// The shutdown that ended the period.
    ended: Option<Moment>,
}

impl Overlap {
    pub(super) const fn new(owner: Moment) -> Self {
        Self { owner, refused: Vec::new(), ended: None }
    }

    pub(super) fn refuse(&mut self, by: Moment) {
        self.refused.push(by);
    }

    /// The thread has initialized again and knows that this failed: it relies on nothing.
    pub(super) fn forget(&mut self, thread: ThreadNumber) {
        self.refused.retain(|it| it.thread != thread);
    }

    pub(super) fn end(&mut self, by: Moment) {
        self.ended = Some(by);
    }

    /// The last initialize of the thread that was refused.
    fn refused(&self, thread: ThreadNumber) -> Option<usize> {
        self.refused.iter().rev().find(|it| it.thread == thread).map(|it| it.at)
    }

    /// Whether the thread's shutdown, which came too late, is one too many because of the overlap.
    pub(super) fn has_surplus_shutdown(&self, thread: ThreadNumber) -> bool {
        let is_refused = |thread| self.refused(thread).is_some();
        if self.owner.thread == thread {
            // A pair that was refused has ended its period. If a thread without one has, there were
            // two that shut down, and this is the one that lost the race (rule S5):
            //
            //   t1  initialize                                      shutdown: not initialized
            //   t2               initialize: already   ! shutdown
            //
            //   t1  initialize                                      shutdown: not initialized
            //   t2               initialize: already
            //   t3                                       shutdown
            self.ended.is_some_and(|end| end.thread != thread && is_refused(end.thread))
        } else {
            // It closes a pair that it never had:
            //
            //   t1  initialize                           shutdown
            //   t2               initialize: already              ! shutdown: not initialized
            //   t3                                                  shutdown: not initialized (S5)
            is_refused(thread)
        }
    }

    /// Whether the thread, whose call failed because the period is over, relied on it.
    pub(super) fn is_missed_by(&self, thread: ThreadNumber) -> bool {
        let Some(end) = self.ended else { return false };
        let is_refused = self.refused(thread).is_some();
        if self.owner.thread == thread {
            // Its own period, which another thread ended, or itself by an inner pair. Without one
            // it knows that the period is over:
            //
            //   t1  initialize                                      open: not initialized
            //   t2               initialize: already   ! shutdown
            //
            //   t1  initialize   initialize: already     shutdown ! open: not initialized
            //   t1  initialize                           shutdown   open: not initialized
            is_refused || end.thread != thread
        } else {
            // What it shared, unless it ended that itself:
            //
            //   t1  initialize                           shutdown
            //   t2               initialize: already              ! open: not initialized
            //   t3                                                  open: not initialized (rule O1)
            is_refused && end.thread != thread
        }
    }

    /// Reports the overlap that this call shows. Returns whether there was one.
    pub(super) fn report(self, now: Moment, found: &mut Found<'_>) -> bool {
        let Some(end) = self.ended else { return false };
        let (own, others) = (self.refused(now.thread), self.refused(end.thread));
        let Some(refused) = own.or(others).or(self.refused.first().map(|it| it.at)) else {
            return false;
        };
        // To blame is the shutdown of a thread that was refused. If the owner's, or a third
        // thread's, ended the period, it is the call that relied on it.
        let (mistake, by) = match end.thread != now.thread && others.is_some() {
            true => (end.at, now.at),
            false => (now.at, end.at),
        };
        found.add(Mistake::OverlappingPairs, mistake, [self.owner.at, refused, by]);
        true
    }
}
