//! What a client does and probably does not mean, although it is no mistake.

use std::mem::discriminant;
use std::panic::Location;

use super::paired::Calls;
use super::table::Table;
use super::{Journal, Remark};
use crate::call::{Call, Effect, ImagePath, ThreadNumber};
use crate::machine::{Step, sets_last_error};

impl Journal {
    /// Returns a remark for each location at which the client reads the last error message of
    /// another call or thread, or passes a path that looks like that of the online image.
    pub(super) fn doubts(&self) -> Vec<Remark> {
        let calls = Calls::of(self.steps());
        let mut doubts = Doubts { calls: &calls, remarks: Vec::new() };
        let mut messages = Messages::default();
        for (at, step) in self.steps().iter().enumerate() {
            messages.step(at, step, &mut doubts);
            if let Some(path) = path(&step.call).filter(|path| path.resembles_online()) {
                let path = path.clone();
                let remark = |call, location| Remark::LooksOnline { call, location, path, more: 0 };
                doubts.add(at, remark);
            }
        }
        doubts.remarks
    }
}

/// Returns the path of the image that the call opens, mounts or unmounts.
fn path(call: &Call) -> Option<&ImagePath> {
    match call.asked() {
        Call::OpenSession(open) => Some(&open.path),
        Call::MountImage(mount) => Some(&mount.path),
        Call::UnmountImage { path, .. } | Call::RemountImage { path } => Some(path),
        _ => None,
    }
}

/// The location of a call, if it is known: the calls of a C program have none.
type CallLocation = Option<&'static Location<'static>>;

/// The remarks so far, one of a kind for each location.
struct Doubts<'a> {
    calls: &'a Calls<'a>,
    remarks: Vec<Remark>,
}

impl Doubts<'_> {
    fn number(&self, step: usize) -> Option<usize> {
        self.calls.by_step(step).map(|call| call.number)
    }

    fn add(&mut self, at: usize, remark: impl FnOnce(usize, CallLocation) -> Remark) {
        let Some(call) = self.calls.by_step(at) else { return };
        let location = self.calls.first(call).location;
        let remark = remark(call.number, location);
        // A program has few locations like that.
        let is_like = |it: &&mut Remark| {
            discriminant(*it) == discriminant(&remark) && it.location() == location
        };
        match self.remarks.iter_mut().find(is_like) {
            Some(known) => known.count_again(),
            None => self.remarks.push(remark),
        }
    }
}

/// Whose last error message a thread reads.
///
/// A shutdown and a delete that fail set no message (rules E2, S7), and each thread has its own
/// (rule E1). So the first client gets the message of its open, and the second one none. The third
/// one reads the message of its open after it has cleaned up:
///
/// ```text
/// t1  initialize   open: busy   shutdown: open session handles   ! get last error = busy
///
/// t1  initialize   open: busy
/// t2                            ! get last error: none
///
/// t1  initialize   open: busy   close   delete                     get last error = busy
/// ```
#[derive(Debug, Default)]
struct Messages {
    threads: Table<ThreadNumber, Failures>,
    /// The last call of all threads that failed and set a message.
    last_failure: Option<usize>,
}

/// The calls of a thread that failed.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    /// The last one that set a message.
    told: Option<usize>,
    /// The last call, if it failed and set no message.
    silent: Option<usize>,
}

impl Messages {
    fn step(&mut self, at: usize, step: &Step, doubts: &mut Doubts<'_>) {
        let thread = step.thread;
        let has_failed = step.outcome.is_err() || step.has_failed_in_effect();
        match (step.call.asked(), &step.outcome) {
            (Call::GetLastErrorMessage, Ok(Effect::LastError(_))) => {
                self.read(at, thread, true, doubts);
            }
            (Call::GetLastErrorMessage, Ok(Effect::NoLastError { .. })) => {
                self.read(at, thread, false, doubts);
            }
            (Call::GetLastErrorMessage | Call::HandOut { .. } | Call::Delete { .. }, Ok(_))
            | (Call::GetLastErrorMessage, Err(_)) => {}
            (call, _) if has_failed && sets_last_error(call) => {
                *self.threads.entry(thread) = Failures { told: Some(at), silent: None };
                self.last_failure = Some(at);
            }
            _ => self.threads.entry(thread).silent = has_failed.then_some(at),
        }
    }

    fn read(&self, at: usize, thread: ThreadNumber, has_message: bool, doubts: &mut Doubts<'_>) {
        let own = self.threads.get(thread).copied().unwrap_or_default();
        if let (true, Some(silent)) = (has_message, own.silent) {
            let Some(failed) = doubts.number(silent) else { return };
            let message_of = own.told.and_then(|it| doubts.number(it));
            doubts.add(at, |call, location| Remark::MessageOfAnotherCall {
                call,
                location,
                failed,
                message_of,
                more: 0,
            });
        } else if let (false, Some(failed)) = (has_message, self.last_failure) {
            let Some(failed) = doubts.number(failed) else { return };
            // The thread may ask for the message of its shutdown, or the test may have scripted that
            // there is none.
            if own.silent.is_none() && own.told.is_none() {
                doubts.add(at, |call, location| Remark::MessageOnAnotherThread {
                    call,
                    location,
                    failed,
                    more: 0,
                });
            }
        }
    }
}
