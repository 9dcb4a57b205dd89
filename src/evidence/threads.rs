//! The numbers of threads, as texts and JSON have them.

use std::collections::BTreeMap;

use crate::call::ThreadNumber;
use crate::machine::Step;

/// The threads that took some steps, numbered 1, 2, 3, … in the order of these steps.
///
/// A thread's own number depends on what else runs in the program. This one does not, so two runs
/// print the same.
#[derive(Debug)]
pub(super) struct Threads(BTreeMap<ThreadNumber, ThreadNumber>);

impl Threads {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut numbers = BTreeMap::new();
        for step in steps {
            let next = ThreadNumber::new(numbers.len() as u64 + 1);
            numbers.entry(step.thread).or_insert(next);
        }
        Self(numbers)
    }

    /// Returns the number of the thread that took the step, which is one of these steps.
    pub(super) fn number(&self, step: &Step) -> ThreadNumber {
        self.0[&step.thread]
    }
}
