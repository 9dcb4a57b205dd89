//! Handles and their uses.

use std::collections::BTreeMap;

use super::outstanding::Outstanding;
use super::{Found, Moment};
use crate::call::{Hresult, Session, ThreadNumber};
use crate::evidence::Mistake;

/// What became of each handle, and of the uses of one that was not open: mistakes 3, 8, 9, 10.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Those that are not gone. No period ends before they are (rule S2).
    live: BTreeMap<Session, Live>,
    /// By which step each number was closed last, in this period or in one before: numbers begin
    /// anew in each.
    closed: BTreeMap<Session, usize>,
    /// The operations that threads are inside of, by their beginnings.
    performing: BTreeMap<(ThreadNumber, Session), usize>,
    last_failed_open: BTreeMap<ThreadNumber, usize>,
}

#[derive(Debug)]
enum Live {
    /// With its references.
    Open(Outstanding),
    /// By the close that begins with this step.
    Closing(usize),
}

impl Sessions {
    pub(super) fn opened(&mut self, now: Moment, session: Session, references: u32) {
        let live = self.live.entry(session);
        if let Live::Open(opens) = live.or_insert_with(|| Live::Open(Outstanding::default())) {
            opens.take(now, references);
        }
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
    }

    /// The test made a close fail.
    pub(super) fn excuse(&mut self, now: Moment, session: Session) {
        if let Some(Live::Open(opens)) = self.live.get_mut(&session) {
            opens.excuse(now.thread);
        }
    }

    pub(super) fn closing(&mut self, now: Moment, session: Session) {
        self.live.insert(session, Live::Closing(now.at));
    }

    pub(super) fn closed(&mut self, now: Moment, session: Session) {
        self.live.remove(&session);
        self.closed.insert(session, now.at);
    }

    /// What keeps a shutdown from succeeding: the opens of the sessions that are open, and the
    /// closes of those that are closing. `None` if the test alone does:
    ///
    /// ```text
    /// t1  initialize   open   open   close: busy             shutdown: open session handles
    /// t1  initialize   open          close: busy             shutdown: open session handles (None)
    /// ```
    pub(super) fn left_open(&self) -> Option<Vec<usize>> {
        let mut left = Vec::new();
        let mut is_excused = !self.live.is_empty();
        for session in self.live.values() {
            match session {
                Live::Open(opens) => {
                    left.extend(opens.steps());
                    is_excused &= opens.is_excused();
                }
                Live::Closing(by) => {
                    left.push(*by);
                    is_excused = false;
                }
            }
        }
        (!is_excused).then_some(left)
    }

    /// The close that the handle has behind it, if it is not open.
    fn close_of(&self, session: Session) -> Option<usize> {
        match self.live.get(&session) {
            Some(Live::Open(_)) => None,
            Some(Live::Closing(by)) => Some(*by),
            None => self.closed.get(&session).copied(),
        }
    }

    /// A close failed. Returns whether that is because of another one before it, which makes it a
    /// mistake: 8 if the client may have taken the answer of the first for a failure, or else 3.
    ///
    /// ```text
    /// t1  initialize   open   close          ! close: invalid session          (3)
    /// t1  initialize   open   close = 3010   ! close: invalid session          (8)
    /// t1  initialize   open   open   close     close                           (two references)
    /// ```
    ///
    /// It does not matter which thread closes again, nor whether the first close still waits for
    /// operations, nor whether its period is over.
    pub(super) fn closes_again(
        &self,
        now: Moment,
        session: Session,
        found: &mut Found<'_>,
    ) -> bool {
        let Some(first) = self.close_of(session) else { return false };
        // While it waits, it has not answered yet.
        let code = if self.live.contains_key(&session) { None } else { found.calls.code_of(first) };
        let mistake = match code {
            Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED) => Mistake::RebootTakenForFailure,
            _ => Mistake::CloseTwice,
        };
        found.add(mistake, now.at, [first]);
        true
    }

    /// An operation, or a close that is not the second one, failed because the handle is not open:
    ///
    /// ```text
    /// t1  initialize   open   close          ! get features: invalid session   (with the close)
    /// t1  initialize   open: busy            ! get features on 0               (with the open)
    /// t1  initialize                         ! get features on 77              (with nothing)
    /// ```
    pub(super) fn not_open(&self, now: Moment, session: Session, found: &mut Found<'_>) {
        let with = match self.close_of(session) {
            // A variable that was 0 before a failed open of the same thread still is.
            None if session == Session::DEFAULT => self.last_failed_open.get(&now.thread).copied(),
            close => close,
        };
        found.add(Mistake::HandleNotOpen, now.at, with);
    }

    /// A call was refused from inside an operation of the same thread on the same session:
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
