//! What threads have taken and have to give back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Moment;
use crate::call::ThreadNumber;

/// What threads have taken and have to give back: initializations, or the references to a session.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// Those whose taking the journal has, by the step.
    known: BTreeMap<usize, Obligation>,
    /// Which of these are not excused.
    unexcused: BTreeSet<usize>,
    /// The same by thread: the thread, whether the obligation is not excused, and the step.
    by_thread: BTreeSet<(ThreadNumber, bool, usize)>,
    /// How many others there are, which were taken before the journal's beginning.
    unknown: usize,
}

/// One initialization, or one reference to a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obligation {
    /// The thread that took it, and the step.
    pub(super) by: Moment,
    /// For an initialization: the last call of its thread before the thread initialized again.
    pub(super) until: Option<usize>,
}

impl Outstanding {
    /// Records that one more was taken, which makes `count`.
    pub(super) fn take(&mut self, by: Moment, count: u32) {
        self.known.insert(by.at, Obligation { by, until: None });
        self.unexcused.insert(by.at);
        self.by_thread.insert((by.thread, true, by.at));
        self.set_count(count);
    }

    /// Records that one was given back, and `count` are left.
    pub(super) fn release(&mut self, thread: ThreadNumber, count: u32) {
        self.set_count(count.saturating_add(1));
        let Some(Moment { thread: owner, at }) = self.next_release(thread) else {
            self.unknown = self.unknown.saturating_sub(1);
            return;
        };
        self.known.remove(&at);
        let is_unexcused = self.unexcused.remove(&at);
        self.by_thread.remove(&(owner, is_unexcused, at));
    }

    /// Records a call that would have given one back, but which the test scripted to fail. The client
    /// has done its part. It may try again, but need not.
    pub(super) fn excuse(&mut self, thread: ThreadNumber) {
        let Some(Moment { thread: owner, at }) = self.next_release(thread) else { return };
        if self.unexcused.remove(&at) {
            self.by_thread.remove(&(owner, true, at));
            self.by_thread.insert((owner, false, at));
        }
    }

    /// Records that the thread takes another one, after this last call.
    pub(super) fn take_again(&mut self, thread: ThreadNumber, last: Option<usize>) {
        for is_unexcused in [true, false] {
            for (_, _, at) in self.by_thread.range(of_thread(thread, is_unexcused)).rev() {
                let Some(own) = self.known.get_mut(at) else { continue };
                // Those before it were there at the last time, too.
                if own.until.is_some() {
                    break;
                }
                own.until = last;
            }
        }
    }

    /// Every answer has the count. Those that the journal does not explain are older than its
    /// beginning.
    fn set_count(&mut self, count: u32) {
        self.unknown = (count as usize).saturating_sub(self.known.len());
    }

    /// Returns the one that the thread most likely gives back next. No call says which.
    fn next_release(&self, thread: ThreadNumber) -> Option<Moment> {
        // A thread gives back its own ones, the latest first, since pairs are nested. An excused one
        // comes last, since the client may never try it again:
        //
        //   t1  take A   take B                       give back B
        //   t1  take A   take B   give back: busy     give back A
        let latest_own = |is_unexcused| {
            let (thread, _, at) =
                *self.by_thread.range(of_thread(thread, is_unexcused)).next_back()?;
            Some(Moment { thread, at })
        };
        if let Some(own) = latest_own(true).or_else(|| latest_own(false)) {
            return Some(own);
        }
        // A thread without any works for another thread, most likely for the one that has waited
        // longest:
        //
        //   t1  take A
        //   t2           take B
        //   t3                     give back A
        //
        // If the journal's beginning is missing, the thread may have taken one there. But the test
        // may have excused that one there, too. So a known one is certainly left only if more were
        // taken than given back since:
        //
        //   t1 (take A, give back A: busy)  |
        //   t2                              |   take B
        //   t3                              |            give back B
        let oldest = self.unexcused.first().and_then(|at| self.known.get(at));
        oldest.or_else(|| self.known.values().next()).map(|it| it.by)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.known.len() + self.unknown
    }

    /// Returns the thread that took the latest one, and the step.
    pub(super) fn latest(&self) -> Option<Moment> {
        self.known.values().next_back().map(|it| it.by)
    }

    /// Returns the steps that took those that are known.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> {
        self.known.keys().copied()
    }

    /// Returns those that are not excused: the client left them behind.
    pub(super) fn unexcused(&self) -> impl Iterator<Item = &Obligation> {
        self.unexcused.iter().filter_map(|at| self.known.get(at))
    }

    /// Returns whether all that is left may be excused: without the test's failures nothing would
    /// be. What the journal does not have may be excused there.
    pub(super) fn is_excused(&self) -> bool {
        self.unexcused.is_empty()
    }
}

/// The obligations of a thread in [`Outstanding::by_thread`].
fn of_thread(
    thread: ThreadNumber,
    is_unexcused: bool,
) -> RangeInclusive<(ThreadNumber, bool, usize)> {
    (thread, is_unexcused, 0)..=(thread, is_unexcused, usize::MAX)
}
