//! Handles and their uses.

use std::collections::{BTreeMap, BTreeSet};

use super::outstanding::Outstanding;
use super::{Found, Moment};
use crate::call::{Hresult, Session, ThreadNumber};
use crate::evidence::Mistake;

/// What became of each handle, for mistakes 3, 8, 9, 10 and 12.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The sessions that are open or closing. A period does not end before they are gone (rule S2).
    live: BTreeMap<Session, Live>,
    /// The step that last closed each number, in this period or in one before. Each period numbers
    /// its handles anew.
    closed: BTreeMap<Session, usize>,
    /// The step at which each thread began the operation that it is inside, by session.
    performing: BTreeMap<(ThreadNumber, Session), usize>,
    /// The initialize with which the period began.
    beginning: usize,
    /// The last open of each thread that failed.
    failed_opens: BTreeMap<ThreadNumber, FailedOpen>,
    /// The threads that had an initialize or an open fail. Their variables for a handle are 0.
    expecting_0: BTreeSet<ThreadNumber>,
    /// The last open of all threads that failed.
    last_failed_open: Option<usize>,
    /// The closed handles that an open which failed left in a variable, and whose use is reported.
    left_over: BTreeSet<Session>,
    /// The operations that asked for a reload of their session.
    reloads: BTreeMap<Session, Reload>,
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

#[derive(Debug)]
struct FailedOpen {
    at: usize,
    /// The call on handle 0 that is reported, if there is one.
    reported: Option<usize>,
}

/// A reload that an operation asked for.
#[derive(Debug)]
struct Reload {
    /// The operation that asked for it.
    asked: usize,
    /// The last close since, which left references.
    released: Option<usize>,
    /// Whether the test scripted a close to fail since, or the mistake is reported already.
    is_settled: bool,
}

impl Sessions {
    pub(super) fn initialized(&mut self, now: Moment, count: u32) {
        if count == 1 {
            self.beginning = now.at;
        }
    }

    pub(super) fn opened(&mut self, now: Moment, session: Session, references: u32) {
        let live = self.live.entry(session);
        if let Live::Open(opens) = live.or_insert_with(|| Live::Open(Outstanding::default())) {
            opens.take(now, references);
        }
        self.left_over.remove(&session);
        // A new session may have the number of one of the period before.
        if references == 1 {
            self.reloads.remove(&session);
        }
        self.update(session);
    }

    pub(super) fn open_failed(&mut self, now: Moment) {
        self.failed_opens.insert(now.thread, FailedOpen { at: now.at, reported: None });
        self.last_failed_open = Some(now.at);
        self.expecting_0.insert(now.thread);
    }

    pub(super) fn initialize_failed(&mut self, now: Moment) {
        self.expecting_0.insert(now.thread);
    }

    /// Records an operation that arrived, and reports it if the session has to be reloaded before:
    /// once a session, whichever thread makes the call. A reload is a close of the last reference.
    /// A close that leaves references, and an open that returns the same handle, reload nothing:
    ///
    /// ```text
    /// t1  open A   add package on A = 1   ! get features on A
    /// t1  open A   add package on A = 1     close A   open B     get features on B
    ///
    /// t1  open A   add package on A = 1     close A   open A   ! get features on A
    /// t2  open A
    /// ```
    ///
    /// The client has done its part if the test scripted a close to fail. Nor does an operation count
    /// that had arrived when the other one asked for the reload:
    ///
    /// ```text
    /// t1  open A   add package on A = 1     close A: busy      get features on A
    ///
    /// t1  open A   begin on A                  end on A = 1
    /// t2                        begin on A                     end on A
    /// ```
    pub(super) fn begun(&mut self, now: Moment, session: Session, found: &mut Found<'_>) {
        self.performing.insert((now.thread, session), now.at);
        if let Some(reload) = self.reloads.get_mut(&session).filter(|it| !it.is_settled) {
            reload.is_settled = true;
            let with = [reload.asked].into_iter().chain(reload.released);
            found.add(Mistake::ReloadIgnored, now.at, with);
        }
    }

    pub(super) fn ended(&mut self, now: Moment, session: Session) {
        self.performing.remove(&(now.thread, session));
    }

    /// Records an operation that asked for a reload of its session.
    pub(super) fn reload_required(&mut self, now: Moment, session: Session) {
        let reload = Reload { asked: now.at, released: None, is_settled: false };
        self.reloads.entry(session).or_insert(reload);
    }

    pub(super) fn released(&mut self, now: Moment, session: Session, references: u32) {
        if let Some(Live::Open(opens)) = self.live.get_mut(&session) {
            opens.release(now.thread, references);
        }
        if let Some(reload) = self.reloads.get_mut(&session) {
            reload.released = Some(now.at);
        }
        self.update(session);
    }

    /// Records a close that the test scripted to fail.
    pub(super) fn excuse(&mut self, now: Moment, session: Session) {
        if let Some(Live::Open(opens)) = self.live.get_mut(&session) {
            opens.excuse(now.thread);
        }
        if let Some(reload) = self.reloads.get_mut(&session) {
            reload.is_settled = true;
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

    /// Returns whether only failures that the test scripted may keep a shutdown from succeeding. The
    /// first client forgot the second close; the second client did all it could. The beginning of the
    /// third client's journal is missing, so it may have done all it could:
    ///
    /// ```text
    /// t1  initialize   open   open   close: busy             shutdown: open session handles
    /// t1  initialize   open          close: busy             shutdown: open session handles (excused)
    /// t1                                                   | shutdown: open session handles (excused)
    /// ```
    pub(super) fn are_excused(&self) -> bool {
        self.unexcused.is_empty()
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
        &mut self,
        now: Moment,
        session: Session,
        found: &mut Found<'_>,
    ) -> bool {
        let Some(first) = self.close_of(session) else { return false };
        if self.is_left_over(now, session) {
            return true;
        }
        // A close that still waits has not answered yet.
        let code = if self.live.contains_key(&session) { None } else { found.calls.code_of(first) };
        let mistake = match code {
            Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED) => Mistake::RebootTakenForFailure,
            // The test scripted the first close to fail in effect, so the client tries again.
            Some(code) if code.is_failure() => return true,
            _ => Mistake::CloseTwice,
        };
        found.add(mistake, now.at, [first]);
        true
    }

    /// Returns whether an initialize or an open of the thread failed, so that it may have to clean
    /// up a handle that is 0.
    pub(super) fn expects_0(&self, thread: ThreadNumber) -> bool {
        self.expecting_0.contains(&thread)
    }

    /// Returns whether the handle is what a failed open left in a variable and its use is reported
    /// already: all that a client does with it is one mistake. The variable has 0, or the closed
    /// handle if the client opens again:
    ///
    /// ```text
    /// t1  initialize                    open: busy   ! get features on 0   close 0            (10)
    /// t1  initialize   open A   close   open: busy   ! get features on A   close A            (10)
    /// t1  initialize   open A   close   open: busy                       ! close A             (3)
    /// ```
    ///
    /// A new period begins with new variables.
    fn is_left_over(&mut self, now: Moment, session: Session) -> bool {
        if session == Session::DEFAULT {
            let Some(failed) = self.failed_opens.get_mut(&now.thread) else { return false };
            let is_reported = failed.reported.is_some_and(|reported| reported >= self.beginning);
            if !is_reported {
                failed.reported = Some(now.at);
            }
            return is_reported;
        }
        let closed = self.close_of(session);
        closed.is_some() && self.last_failed_open > closed && !self.left_over.insert(session)
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
    pub(super) fn not_open(&mut self, now: Moment, session: Session, found: &mut Found<'_>) {
        if self.is_left_over(now, session) {
            return;
        }
        let with = match self.close_of(session) {
            // A failed open leaves the variable for its handle as it was, which is mostly 0.
            None if session == Session::DEFAULT => {
                self.failed_opens.get(&now.thread).map(|failed| failed.at)
            }
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
