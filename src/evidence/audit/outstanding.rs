//! What threads have taken and have to give back.

use std::collections::BTreeMap;

use super::Moment;
use crate::call::ThreadNumber;

/// What threads have taken and have to give back: initializations, or the references to a session.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// Those that were taken after the journal's beginning, the oldest first.
    known: Vec<Obligation>,
    /// How many of these each thread has, so that there is no search for a thread without any.
    threads: BTreeMap<ThreadNumber, usize>,
    /// How many others there are, which were taken before the journal's beginning.
    unknown: usize,
}

/// One initialization, or one reference to a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obligation {
    /// The thread that took it, and the step.
    pub(super) by: Moment,
    /// Whether the test scripted the call to fail that would have given it back. The client has
    /// done its part. It may try again, but need not.
    pub(super) is_excused: bool,
    /// For an initialization: the last call of its thread before the thread initialized again.
    pub(super) until: Option<usize>,
}

impl Outstanding {
    /// Records that one more was taken, which makes `count`.
    pub(super) fn take(&mut self, by: Moment, count: u32) {
        *self.threads.entry(by.thread).or_default() += 1;
        self.known.push(Obligation { by, is_excused: false, until: None });
        self.set_count(count);
    }

    /// Records that one was given back, and `count` are left.
    pub(super) fn release(&mut self, thread: ThreadNumber, count: u32) {
        self.set_count(count.saturating_add(1));
        let Some(next) = self.next_release(thread) else {
            self.unknown = self.unknown.saturating_sub(1);
            return;
        };
        let owner = self.known.remove(next).by.thread;
        if let Some(own) = self.threads.get_mut(&owner) {
            *own -= 1;
            if *own == 0 {
                self.threads.remove(&owner);
            }
        }
    }

    /// Records a call that would have given one back, but which the test scripted to fail.
    pub(super) fn excuse(&mut self, thread: ThreadNumber) {
        if let Some(next) = self.next_release(thread) {
            self.known[next].is_excused = true;
        }
    }

    /// Records that the thread takes another one, after this last call.
    pub(super) fn take_again(&mut self, thread: ThreadNumber, last: Option<usize>) {
        for own in self.known.iter_mut().filter(|it| it.by.thread == thread) {
            own.until = own.until.or(last);
        }
    }

    /// Every answer has the count. Those that the journal does not explain are older than its
    /// beginning.
    fn set_count(&mut self, count: u32) {
        self.unknown = (count as usize).saturating_sub(self.known.len());
    }

    /// Returns the one that the thread most likely gives back next. No call says which.
    fn next_release(&self, thread: ThreadNumber) -> Option<usize> {
        if self.threads.contains_key(&thread) {
            // A thread gives back its own ones, the latest first, since pairs are nested. An
            // excused one comes last, since the client may never try it again:
            //
            //   t1  take A   take B                       give back B
            //   t1  take A   take B   give back: busy     give back A
            let is_own = |it: &Obligation| it.by.thread == thread;
            let latest = self.known.iter().rposition(|it| is_own(it) && !it.is_excused);
            return latest.or_else(|| self.known.iter().rposition(is_own));
        }
        // A thread without any works for another thread, most likely for the one that has waited
        // longest:
        //
        //   t1  take A
        //   t2           take B
        //   t3                     give back A
        //
        // But if the journal's beginning is missing, the thread may have taken one there. It is
        // more likely to give back that one:
        //
        //   t1 (take A)  |                give back A: B is still there
        //   t2           |   take B
        if self.unknown > 0 || self.known.is_empty() {
            return None;
        }
        Some(self.known.iter().position(|it| !it.is_excused).unwrap_or(0))
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        self.known.len() + self.unknown
    }

    /// Returns the thread that took the latest one, and the step.
    pub(super) fn latest(&self) -> Option<Moment> {
        self.known.last().map(|it| it.by)
    }

    /// Returns the steps that took those that are known.
    pub(super) fn steps(&self) -> impl Iterator<Item = usize> {
        self.known.iter().map(|it| it.by.at)
    }

    /// Returns those that are not excused: the client left them behind.
    pub(super) fn unexcused(&self) -> impl Iterator<Item = &Obligation> {
        self.known.iter().filter(|it| !it.is_excused)
    }

    /// Returns whether all that is left is excused: without the test's failures nothing would be.
    pub(super) fn is_excused(&self) -> bool {
        self.unknown == 0 && self.known.iter().all(|it| it.is_excused)
    }
}
