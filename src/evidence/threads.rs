//! The numbers of threads, as texts and JSON have them.

use super::table::Table;
use crate::call::ThreadNumber;
use crate::machine::Step;

/// The threads that took some steps, numbered 1, 2, 3, … in the order of these steps.
///
/// A thread's own number depends on what else runs in the program. This one does not, so two runs
/// print the same.
#[derive(Debug)]
pub(super) struct Threads(Table<ThreadNumber, ()>);

impl Threads {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut threads = Table::default();
        for step in steps {
            threads.entry(step.thread);
        }
        Self(threads)
    }

    /// Returns the number of the thread that took the step, which is one of these steps.
    pub(super) fn number(&self, step: &Step) -> ThreadNumber {
        let before = self.0.position(step.thread).unwrap_or(0);
        ThreadNumber::new(before as u64 + 1)
    }

    /// Returns the numbers of all.
    pub(super) fn all(&self) -> impl Iterator<Item = ThreadNumber> {
        (1..=self.0.records().len() as u64).map(ThreadNumber::new)
    }
}
