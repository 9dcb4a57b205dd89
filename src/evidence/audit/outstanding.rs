//! What threads have taken and have to give back.

use std::collections::BTreeSet;

use super::Moment;
use crate::call::ThreadNumber;

/// What threads have taken and have to give back: initializations, or the references to a session.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// All that were ever taken and that the journal has, in the order of the steps.
    taken: Vec<Obligation>,
    /// Those of them that are left, by thread, and under `None` once more those of all threads:
    /// whether the obligation is not excused, and its index in `taken`.
    left: BTreeSet<(Option<ThreadNumber>, bool, usize)>,
    /// How many others are left, which were taken before the journal's beginning.
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
        self.insert(by.thread, true, self.taken.len());
        self.taken.push(Obligation { by, until: None });
        self.set_count(count);
    }

    /// Records that one was given back, and `count` are left.
    pub(super) fn release(&mut self, thread: ThreadNumber, count: u32) {
        self.set_count(count.saturating_add(1));
        match self.next_release(thread) {
            Some((index, is_unexcused)) => self.remove(index, is_unexcused),
            None => self.unknown = self.unknown.saturating_sub(1),
        }
    }

    /// Records a call that would have given one back, but which the test scripted to fail. The client
    /// has done its part. It may try again, but need not.
    pub(super) fn excuse(&mut self, thread: ThreadNumber) {
        if let Some((index, true)) = self.next_release(thread) {
            self.remove(index, true);
            self.insert(self.taken[index].by.thread, false, index);
        }
    }

    fn insert(&mut self, owner: ThreadNumber, is_unexcused: bool, index: usize) {
        self.left.insert((Some(owner), is_unexcused, index));
        self.left.insert((None, is_unexcused, index));
    }

    fn remove(&mut self, index: usize, is_unexcused: bool) {
        let owner = self.taken[index].by.thread;
        self.left.remove(&(Some(owner), is_unexcused, index));
        self.left.remove(&(None, is_unexcused, index));
    }

    /// Returns the indexes of those that are left, of one thread or of all, in the order of the steps.
    fn left(
        &self,
        thread: Option<ThreadNumber>,
        is_unexcused: bool,
    ) -> impl DoubleEndedIterator<Item = usize> {
        let all = (thread, is_unexcused, 0)..=(thread, is_unexcused, usize::MAX);
        self.left.range(all).map(|(.., index)| *index)
    }

    /// Records that the thread takes another one, after this last call.
    pub(super) fn take_again(&mut self, thread: ThreadNumber, last: Option<usize>) {
        for is_unexcused in [true, false] {
            // Those before one that has it were there at the last time, too.
            let is_new = |index: &usize| self.taken[*index].until.is_none();
            let own = self.left(Some(thread), is_unexcused).rev();
            for index in own.take_while(is_new).collect::<Vec<_>>() {
                self.taken[index].until = last;
            }
        }
    }

    /// Every answer has the count. Those that the journal does not explain are older than its
    /// beginning.
    fn set_count(&mut self, count: u32) {
        self.unknown = (count as usize).saturating_sub(self.known());
    }

    /// Returns how many are left of those that the journal has.
    fn known(&self) -> usize {
        self.left.len() / 2
    }

    /// Returns the one that the thread most likely gives back next, and whether it is not excused. No
    /// call says which.
    fn next_release(&self, thread: ThreadNumber) -> Option<(usize, bool)> {
        // A thread gives back its own ones, the latest first, since pairs are nested. An excused one
        // comes last, since the client may never try it again:
        //
        //   t1  take A   take B                       give back B
        //   t1  take A   take B   give back: busy     give back A
        let latest_own =
            |is_unexcused| Some((self.left(Some(thread), is_unexcused).next_back()?, is_unexcused));
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
        let oldest = |is_unexcused| Some((self.left(None, is_unexcused).next()?, is_unexcused));
        oldest(true).or_else(|| oldest(false))
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.known() + self.unknown
    }

    /// Returns the thread that took the latest one, and the step.
    pub(super) fn latest(&self) -> Option<Moment> {
        let latest = |is_unexcused| self.left(None, is_unexcused).next_back();
        let index = latest(true).max(latest(false))?;
        Some(self.taken[index].by)
    }

    /// Returns the steps that took those that are left.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> {
        let all = self.left(None, true).chain(self.left(None, false));
        all.map(|index| self.taken[index].by.at)
    }

    /// Returns those that are left and not excused: the client left them behind.
    pub(super) fn unexcused(&self) -> impl Iterator<Item = &Obligation> {
        self.left(None, true).map(|index| &self.taken[index])
    }

    /// Returns whether all that is left may be excused: without the test's failures nothing would
    /// be. What the journal does not have may be excused there.
    pub(super) fn is_excused(&self) -> bool {
        self.left(None, true).next().is_none()
    }
}
