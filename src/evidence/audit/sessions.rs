//! Handles and their uses.

use std::collections::{BTreeMap, BTreeSet};

use super::outstanding::Outstanding;
use super::{Found, Moment};
use crate::call::{Hresult, Session, ThreadNumber};
use crate::evidence::Mistake;

/// What became of each handle, for mistakes 3, 8, 9 and 10.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The sessions that are open or closing. A period does not end before they are gone (rule S2).
    live: BTreeMap<Session, Live>,
    /// The step that last closed each number, in this period or in one before. Each period numbers
    /// its handles anew.
    closed: BTreeMap<Session, usize>,
    /// The step at which each thread began the operation that it is inside, by session.
    performing: BTreeMap<(ThreadNumber, Session), usize>,
    last_failed_open: BTreeMap<ThreadNumber, usize>,
    /// The live sessions that not only failures of the test's script keep open.
    unexcused: BTreeSet<Session>,
}

#[derive(Debug)]
enum Live {
    /// The references that are left.
    Open(Outstanding),
    /// The first step of the close.
    Closing(usize),
}

impl Sessions {
    pub(super) fn opened(&mut self, now: Moment, session: Session, references: u32) {
        let live = self.live.entry(session);
        if let Live::Open(opens) = live.or_insert_with(|| Live::Open(Outstanding::default())) {
            opens.take(now, references);
        }
        self.update(session);
    }

    pub(super) fn open_failed(&mut self, now: Moment) {
        self.last_failed_open.insert(now.thread, now.at);
    }

    pub(super) fn begun(&mut self, now: Moment, session: Session) {
        self.performing.insert((now.thread, session), now.at);
    }

    pub(super) fn ended(&mut self, now: Moment, session: Session) {
        self.performing.remove(&(now.thread, session));
    }

    pub(super) fn released(&mut self, now: Moment, session: Session, references: u32) {
        if let Some(Live::Open(opens)) = self.live.get_mut(&session) {
            opens.release(now.thread, references);
        }
        self.update(session);
    }

    /// Records a close that the test scripted to fail.
    pub(super) fn excuse(&mut self, now: Moment, session: Session) {
        if let Some(Live::Open(opens)) = self.live.get_mut(&session) {
            opens.excuse(now.thread);
        }
        self.update(session);
    }

    pub(super) fn closing(&mut self, now: Moment, session: Session) {
        self.live.insert(session, Live::Closing(now.at));
        self.update(session);
    }

    pub(super) fn closed(&mut self, now: Moment, session: Session) {
        self.live.remove(&session);
        self.update(session);
        self.closed.insert(session, now.at);
    }

    /// Says again whether the client keeps the session open, after a change.
    fn update(&mut self, session: Session) {
        let is_unexcused = match self.live.get(&session) {
            Some(Live::Open(opens)) => !opens.is_excused(),
            Some(Live::Closing(_)) => true,
            None => false,
        };
        if is_unexcused {
            self.unexcused.insert(session);
        } else {
            self.unexcused.remove(&session);
        }
    }

    /// Returns whether only failures that the test scripted keep a shutdown from succeeding. The first
    /// client forgot the second close; the second client did all it could:
    ///
    /// ```text
    /// t1  initialize   open   open   close: busy             shutdown: open session handles
    /// t1  initialize   open          close: busy             shutdown: open session handles (excused)
    /// ```
    pub(super) fn are_excused(&self) -> bool {
        !self.live.is_empty() && self.unexcused.is_empty()
    }

    /// Returns what keeps a shutdown from succeeding: the opens of the sessions that are open, and
    /// the closes of those that are closing. Returns nothing if they are excused.
    pub(super) fn left_open(&self) -> BTreeSet<usize> {
        let mut left = BTreeSet::new();
        if self.unexcused.is_empty() {
            return left;
        }
        for session in self.live.values() {
            match session {
                Live::Open(opens) => left.extend(opens.steps()),
                Live::Closing(by) => drop(left.insert(*by)),
            }
        }
        left
    }

    /// Returns the last close of the handle, if the handle is not open.
    fn close_of(&self, session: Session) -> Option<usize> {
        match self.live.get(&session) {
            Some(Live::Open(_)) => None,
            Some(Live::Closing(by)) => Some(*by),
            None => self.closed.get(&session).copied(),
        }
    }

    /// Reports a close that failed because of another close before it. That is mistake 8 if the
    /// first close returned 3010, which the client may have taken for a failure, and mistake 3
    /// otherwise. Returns whether there was a close before. The third client is correct, since two
    /// opens of an image need two closes:
    ///
    /// ```text
    /// t1  initialize   open   close          ! close: invalid session          (3)
    /// t1  initialize   open   close = 3010   ! close: invalid session          (8)
    /// t1  initialize   open   open   close     close                           (two references)
    /// ```
    ///
    /// It does not matter which thread closes again, whether the first close still waits for
    /// operations, or whether its period is over.
    pub(super) fn closes_again(
        &self,
        now: Moment,
        session: Session,
        found: &mut Found<'_>,
    ) -> bool {
        let Some(first) = self.close_of(session) else { return false };
        // A close that still waits has not answered yet.
        let code = if self.live.contains_key(&session) { None } else { found.calls.code_of(first) };
        let mistake = match code {
            Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED) => Mistake::RebootTakenForFailure,
            _ => Mistake::CloseTwice,
        };
        found.add(mistake, now.at, [first]);
        true
    }

    /// Reports an operation, or a close without one before it, that failed because the handle is
    /// not open. It collides with the close that ended the handle; for 0 with the thread's failed
    /// open, which left a variable at 0; for any other number with nothing:
    ///
    /// ```text
    /// t1  initialize   open   close          ! get features: invalid session   (with the close)
    /// t1  initialize   open: busy            ! get features on 0               (with the open)
    /// t1  initialize                         ! get features on 77              (with nothing)
    /// ```
    pub(super) fn not_open(&self, now: Moment, session: Session, found: &mut Found<'_>) {
        let with = match self.close_of(session) {
            // A failed open leaves the variable for its handle as it was, which is mostly 0.
            None if session == Session::DEFAULT => self.last_failed_open.get(&now.thread).copied(),
            close => close,
        };
        found.add(Mistake::HandleNotOpen, now.at, with);
    }

    /// Reports a call that was refused because its thread is inside an operation on the same
    /// session. On another session, or from another thread, the call is allowed:
    ///
    /// ```text
    /// t1  begin on A   ! close A: possible deadlock    end on A
    /// t1  begin on A     begin on B    end on B        end on A
    /// t1  begin on A                                   end on A
    /// t2                 close A, which waits ................. closed
    /// ```
    pub(super) fn inside_operation(&self, now: Moment, session: Session, found: &mut Found<'_>) {
        let begun = self.performing.get(&(now.thread, session)).copied();
        found.add(Mistake::CallInsideOperation, now.at, begun);
    }
}
