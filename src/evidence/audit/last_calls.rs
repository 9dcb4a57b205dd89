//! What each thread did last.

use super::{Moment, is_open};
use crate::call::{Call, Error, Hresult, ThreadNumber};
use crate::evidence::Mistake;
use crate::evidence::paired::Calls;
use crate::evidence::table::Table;
use crate::machine::Step;

/// What each thread did last. If a thread left an initialization behind, its last call tells why:
/// mistakes 5, 6, 8.
#[derive(Debug, Default)]
pub(super) struct LastCalls(Table<ThreadNumber, LastCall>);

#[derive(Debug, Default)]
struct LastCall {
    /// The thread's last call that shows what the thread intended.
    at: Option<usize>,
    /// Whether the thread has closed a session since that call.
    has_closed_since: bool,
}

impl LastCalls {
    pub(super) fn of(&self, thread: ThreadNumber) -> Option<usize> {
        self.0.get(thread)?.at
    }

    pub(super) fn step(&mut self, now: Moment, step: &Step, calls: &Calls<'_>) {
        if is_deliberate(now.at, step, calls) {
            *self.0.entry(now.thread) = LastCall { at: Some(now.at), has_closed_since: false };
        } else if matches!(step.call.asked(), Call::CloseSession { .. }) {
            self.0.entry(now.thread).has_closed_since = true;
        }
    }

    /// Returns the mistake that a thread made if it left after this call, and the first step of the
    /// call.
    ///
    /// A thread that left an initialization behind may have taken the answer of its last call for
    /// a reason to stop: a failed open (5), `S_FALSE` (6) or 3010 (8).
    ///
    /// ```text
    /// t1  initialize   ! open: busy                                    leaves   (5)
    /// t1  initialize                            shutdown
    /// t2               ! initialize = S_FALSE                          leaves   (6)
    /// t1  initialize     open   ! close = 3010                         leaves   (8)
    /// ```
    pub(super) fn mistake(&self, last: usize, calls: &Calls<'_>) -> Option<(Mistake, usize)> {
        let call = calls.by_step(last)?;
        let first = calls.first(call);
        let mistake = match (first.call.asked(), &first.outcome, calls.code(call)) {
            (call, Err(_), _) if is_open(call) => Mistake::LeftAfterFailedOpen,
            // A close does not count as a last call. But a thread that took S_FALSE for a failure
            // would not close anything, so one that did had another reason to leave:
            //
            //   t1  initialize   open
            //   t2                      ! initialize = S_FALSE                leaves   (6)
            //   t2                      ! initialize = S_FALSE   close        leaves   (2)
            (Call::Initialize(_), Ok(_), Some(Hresult::S_FALSE))
                if !self.0.get(first.thread).is_some_and(|it| it.has_closed_since) =>
            {
                Mistake::SFalseTakenForFailure
            }
            (
                Call::CloseSession { .. } | Call::FinishClose { .. },
                Ok(_),
                Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED),
            ) => Mistake::RebootTakenForFailure,
            _ => return None,
        };
        Some((mistake, call.first))
    }
}

/// Returns whether the call shows what its thread intended. Calls that report an error, try again
/// or clean up do not: a thread that gives up makes them, too.
fn is_deliberate(at: usize, step: &Step, calls: &Calls<'_>) -> bool {
    match (step.call.asked(), &step.outcome) {
        // A thread that reports an error reads its message and frees memory. The call before these
        // was its last:
        //
        //   t1  initialize   ! open: busy   get last error   delete                leaves   (5)
        //
        // A thread that is refused an initialize tries again what failed before. It left because of
        // that failure:
        //
        //   t1  initialize   ! open: busy   initialize: already initialized        leaves   (5)
        (Call::GetLastErrorMessage | Call::HandOut { .. } | Call::Delete { .. }, _)
        | (Call::Initialize(_), Err(Error::AlreadyInitialized { .. })) => false,
        // A close mostly cleans up, for example in a destructor. Only one that returned 3010 may be
        // why the thread left:
        //
        //   t1  initialize   open A   ! open B: busy     close A                   leaves   (5)
        //   t1  initialize   open A     open B   ! close A = 3010   close B        leaves   (8)
        (Call::CloseSession { .. } | Call::FinishClose { .. }, _) => {
            calls.code_of(at) == Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)
        }
        _ => true,
    }
}
