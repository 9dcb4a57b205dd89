//! The calls of a journal, each put together from its one or two steps (rule X1).

use super::Journal;
use super::table::Table;
use super::threads::Threads;
use crate::call::{Call, Effect, Error, Hresult, Session, ThreadNumber};
use crate::machine::Step;

/// One call: the step at which it took effect, and the second step of an operation or a last close.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneCall {
    /// Its number in reports and timelines, from 1.
    pub(super) number: usize,
    pub(super) first: usize,
    pub(super) second: Option<usize>,
}

/// The calls of a journal, in the order in which they began.
#[derive(Debug)]
pub(super) struct Calls<'a> {
    steps: &'a [Step],
    calls: Vec<OneCall>,
    /// For each step the index in `calls` of its call.
    of_step: Vec<usize>,
    threads: Threads,
}

impl Journal {
    /// Returns the first step of the call with this number, as reports, timelines and
    /// [`Finding`](crate::Finding)s count the calls: from 1, in the order in which they began.
    /// Operations and last closes have a second step. `None` if there is no such call.
    ///
    /// ```
    /// use dism_emu::Emulator;
    /// use dism_emu::machine::Call;
    ///
    /// let emulator = Emulator::builder().verify_on_drop(false).build();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.open_session("image")?;
    /// dism.shutdown().unwrap_err();
    ///
    /// let journal = emulator.journal();
    /// let found = &journal.mistakes()[0];
    /// let left_open = journal.call(found.collides_with[0]).expect("the open");
    /// assert!(matches!(left_open.call, Call::OpenSession(_)));
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[must_use]
    pub fn call(&self, number: usize) -> Option<&Step> {
        let calls = Calls::of(self.steps());
        calls.by_number(number).map(|call| calls.first(call))
    }
}

impl<'a> Calls<'a> {
    pub(super) fn of(steps: &'a [Step]) -> Self {
        let mut calls: Vec<OneCall> = Vec::new();
        let mut of_step = Vec::with_capacity(steps.len());
        // A thread is in one operation, or in one close, on a session at a time (rules C7, P3).
        let mut running = Table::<(ThreadNumber, Session), Option<usize>>::default();
        for (at, step) in steps.iter().enumerate() {
            let begun = match (step.call.asked(), &step.outcome) {
                (
                    Call::EndOperation { session, .. },
                    Ok(Effect::Ended { .. } | Effect::ReloadRequired) | Err(Error::Failed { .. }),
                )
                | (Call::FinishClose { session }, Ok(Effect::Closed { .. })) => {
                    running.entry((step.thread, *session)).take()
                }
                _ => None,
            };
            let call = match begun.and_then(|call| Some((call, calls.get_mut(call)?))) {
                Some((call, one)) => {
                    one.second = Some(at);
                    call
                }
                // The journal lacks the beginning of the call, or the call has only one step.
                None => {
                    calls.push(OneCall { number: calls.len() + 1, first: at, second: None });
                    calls.len() - 1
                }
            };
            of_step.push(call);
            match (step.call.asked(), &step.outcome) {
                (Call::BeginOperation { session, .. }, Ok(_))
                | (Call::CloseSession { session }, Ok(Effect::Closing { .. })) => {
                    *running.entry((step.thread, *session)) = Some(call);
                }
                _ => {}
            }
        }
        Self { steps, calls, of_step, threads: Threads::of(steps) }
    }

    pub(super) fn steps(&self) -> &'a [Step] {
        self.steps
    }

    /// Returns all of them.
    pub(super) fn all(&self) -> &[OneCall] {
        &self.calls
    }

    /// Returns the call with this number; `None` if there is none.
    pub(super) fn by_number(&self, number: usize) -> Option<OneCall> {
        self.calls.get(number.checked_sub(1)?).copied()
    }

    /// Returns the call that the step belongs to; `None` if there is no such step.
    pub(super) fn by_step(&self, step: usize) -> Option<OneCall> {
        self.calls.get(*self.of_step.get(step)?).copied()
    }

    /// Returns the first step of the call that the step belongs to.
    pub(super) fn first_of(&self, step: usize) -> usize {
        self.by_step(step).map_or(step, |call| call.first)
    }

    pub(super) fn first(&self, call: OneCall) -> &'a Step {
        &self.steps[call.first]
    }

    /// Returns the numbers of all threads, as texts and JSON have them.
    pub(super) fn threads(&self) -> impl Iterator<Item = ThreadNumber> {
        self.threads.all()
    }

    /// Returns the number of the call's thread, as texts and JSON have it.
    pub(super) fn thread(&self, call: OneCall) -> ThreadNumber {
        self.threads.number(self.first(call))
    }

    pub(super) fn last(&self, call: OneCall) -> &'a Step {
        &self.steps[call.second.unwrap_or(call.first)]
    }

    /// Returns what the call returned; `None` if it has not returned.
    pub(super) fn code(&self, call: OneCall) -> Option<Hresult> {
        let first = self.first(call);
        match (&first.outcome, call.second) {
            (Ok(Effect::Begun { .. } | Effect::Closing { .. }), None) => None,
            // A scripted close returns the scripted answer, which is in its first step. That of an
            // operation is in its second.
            (Ok(Effect::Closing { .. }), Some(_)) if first.call.answer().is_some() => {
                first.call.answer().map(|answer| answer.code)
            }
            _ => Some(self.last(call).code()),
        }
    }

    /// Returns what the call that the step belongs to returned.
    pub(super) fn code_of(&self, step: usize) -> Option<Hresult> {
        self.code(self.by_step(step)?)
    }

    /// Returns whether the test chose what the call returned. It did not if the contract refused
    /// the call.
    pub(super) fn is_scripted(&self, call: OneCall) -> bool {
        let first = self.first(call);
        let Some(answer) = first.call.answer().filter(|answer| !answer.cancelled) else {
            return false;
        };
        match first.outcome {
            // The caller may have cancelled the operation, which then returned another code.
            Ok(Effect::Begun { .. }) => {
                call.second.is_none() || self.last(call).code() == answer.code
            }
            Ok(_) | Err(Error::Failed { .. }) => true,
            Err(_) => false,
        }
    }
}
