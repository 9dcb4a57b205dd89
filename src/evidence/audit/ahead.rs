//! What each thread does after a step.

use super::{is_about_message, is_initialize};
use crate::call::{Call, Error, Session, ThreadNumber};
use crate::evidence::paired::Calls;
use crate::evidence::table::Table;
use crate::machine::Step;

/// What each thread does after a step, if that decides whether the step is a mistake.
///
/// A pass from the last step to the first finds it before the audit begins. So the lists descend.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Calls that found the API not initialized, and after which their thread initializes.
    lazy: Vec<usize>,
    /// Closes of handle 0 after which their thread only cleans up.
    clean_up: Vec<usize>,
}

/// What a thread does from some step on.
#[derive(Clone, Copy, Debug)]
struct Rest {
    /// Whether its next call is an initialize. Calls that read and free a message do not count.
    is_initialize: bool,
    /// Whether it only cleans up until it shuts down, starts again, or has no more calls.
    is_clean_up: bool,
}

impl Ahead {
    pub(super) fn of(calls: &Calls<'_>) -> Self {
        let mut ahead = Self::default();
        let mut rests = Table::<ThreadNumber, Rest>::default();
        for (at, step) in calls.steps().iter().enumerate().rev() {
            let rest = rests.entry(step.thread);
            ahead.note(at, step, *rest);
            rest.begin_with(step);
        }
        ahead
    }

    fn note(&mut self, at: usize, step: &Step, rest: Rest) {
        let is_close = matches!(step.call.asked(), Call::CloseSession { .. });
        let is_down = step.outcome == Err(Error::NotInitialized);
        if is_down && !is_close && rest.is_initialize {
            self.lazy.push(at);
        }
        if is_close && step.call.session() == Some(Session::DEFAULT) && rest.is_clean_up {
            self.clean_up.push(at);
        }
    }

    /// Returns whether the step found the API not initialized, and its thread initializes next: the
    /// client does so on demand. It is right even if that fails, since the test may have scripted
    /// the failure, or denied the process its rights, or another thread was faster. A client that does not look at the answer goes on
    /// after it. Nor is a close a demand, since it closes what cannot have been opened:
    ///
    /// ```text
    /// t1    open: not initialized      get last error   initialize   open
    /// t1    open: not initialized      initialize: busy
    /// t1    open: not initialized      initialize: busy   ! open: not initialized              (7)
    /// t1  ! close 5: not initialized   initialize                                             (13)
    /// ```
    pub(super) fn is_lazy(&self, at: usize) -> bool {
        has(&self.lazy, at)
    }

    /// Returns whether the step is a close of handle 0, and its thread only cleans up afterwards.
    /// Programs clean up so on every error path, as the platform's own sample does:
    ///
    /// ```text
    /// t1  initialize   open: busy     close 0   delete NULL   shutdown
    /// t1  initialize   open: busy   ! close 0   get features on 0                            (10)
    /// ```
    pub(super) fn is_clean_up(&self, at: usize) -> bool {
        has(&self.clean_up, at)
    }
}

/// Returns whether the step is in the list.
fn has(descending: &[usize], at: usize) -> bool {
    descending.binary_search_by(|other| at.cmp(other)).is_ok()
}

/// A thread that makes no more calls.
impl Default for Rest {
    fn default() -> Self {
        Self { is_initialize: false, is_clean_up: true }
    }
}

impl Rest {
    /// Extends what the thread does by a step before it.
    fn begin_with(&mut self, step: &Step) {
        match step.call.asked() {
            call if is_about_message(call) => {}
            call if is_initialize(call) => {
                *self = Self { is_initialize: true, is_clean_up: true };
            }
            Call::Shutdown => *self = Self { is_initialize: false, is_clean_up: true },
            Call::CloseSession { .. }
            | Call::FinishClose { .. }
            | Call::EndOperation { .. }
            | Call::UnmountImage { .. }
            | Call::CleanupMountpoints => self.is_initialize = false,
            _ => *self = Self { is_initialize: false, is_clean_up: false },
        }
    }
}
