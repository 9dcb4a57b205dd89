//! Handles and their uses.

use std::mem;

use super::outstanding::Outstanding;
use super::{Found, Moment};
use crate::call::{Hresult, Session, ThreadNumber};
use crate::evidence::Mistake;
use crate::evidence::table::Table;

/// What became of each handle, for mistakes 3, 8, 9, 10 and 12.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    handles: Table<Session, Handle>,
    threads: Table<ThreadNumber, Client>,
    /// The step at which each thread began the operation that it is inside, by session.
    performing: Table<(ThreadNumber, Session), Option<usize>>,
    /// The initialize with which the period began.
    beginning: usize,
    /// The last open of all threads that failed.
    last_failed_open: Option<usize>,
    /// How many sessions are live, and not only because of failures of the test's script.
    unexcused: usize,
}

/// A number that is or was a handle, or is taken for one.
#[derive(Debug, Default)]
struct Handle {
    /// The session, if it is open or closing. A period does not end before it is gone (rule S2).
    live: Option<Live>,
    /// The step that last closed it, in this period or in one before. Each period numbers its
    /// handles anew.
    closed: Option<usize>,
    /// Whether an open that failed left the closed handle in a variable, and its use is reported.
    is_left_over: bool,
    /// The operation that asked for a reload of the session.
    reload: Option<Reload>,
    /// How many closes have taken effect although the test scripted them to fail, and were not
    /// repeated.
    failed_in_effect: usize,
}

#[derive(Debug)]
enum Live {
    /// The references that are left.
    Open(Outstanding),
    /// The first step of the close.
    Closing(usize),
}

/// What a thread has in its variables.
#[derive(Debug, Default)]
struct Client {
    /// The thread's last open that failed.
    failed_open: Option<usize>,
    /// The call on handle 0 since that is reported, if there is one.
    reported: Option<usize>,
    /// Whether an initialize or an open failed. The thread's variables for a handle are 0.
    expects_0: bool,
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

impl Handle {
    /// Returns whether the client keeps the session open.
    fn is_unexcused(&self) -> bool {
        match &self.live {
            Some(Live::Open(opens)) => !opens.is_excused(),
            Some(Live::Closing(_)) => true,
            None => false,
        }
    }
}

impl Sessions {
    pub(super) fn initialized(&mut self, now: Moment, count: u32) {
        if count == 1 {
            self.beginning = now.at;
        }
    }

    pub(super) fn opened(&mut self, now: Moment, session: Session, references: u32) {
        self.change(session, |handle| {
            let live = handle.live.get_or_insert_with(|| Live::Open(Outstanding::default()));
            if let Live::Open(opens) = live {
                opens.take(now, references);
            }
            handle.is_left_over = false;
            // A new session may have the number of one of the period before.
            if references == 1 {
                handle.reload = None;
                handle.failed_in_effect = 0;
            }
        });
    }

    pub(super) fn open_failed(&mut self, now: Moment) {
        *self.threads.entry(now.thread) =
            Client { failed_open: Some(now.at), reported: None, expects_0: true };
        self.last_failed_open = Some(now.at);
    }

    pub(super) fn initialize_failed(&mut self, now: Moment) {
        self.threads.entry(now.thread).expects_0 = true;
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
        *self.performing.entry((now.thread, session)) = Some(now.at);
        let reload = self.handles.entry(session).reload.as_mut();
        if let Some(reload) = reload.filter(|it| !it.is_settled) {
            reload.is_settled = true;
            let with = [reload.asked].into_iter().chain(reload.released);
            found.add(Mistake::ReloadIgnored, now.at, with);
        }
    }

    pub(super) fn ended(&mut self, now: Moment, session: Session) {
        *self.performing.entry((now.thread, session)) = None;
    }

    /// Records an operation that asked for a reload of its session.
    pub(super) fn reload_required(&mut self, now: Moment, session: Session) {
        let reload = Reload { asked: now.at, released: None, is_settled: false };
        self.handles.entry(session).reload.get_or_insert(reload);
    }

    pub(super) fn released(&mut self, now: Moment, session: Session, references: u32) {
        self.change(session, |handle| {
            if let Some(Live::Open(opens)) = &mut handle.live {
                opens.release(now.thread, references);
            }
            if let Some(reload) = &mut handle.reload {
                reload.released = Some(now.at);
            }
        });
    }

    /// Records a close that the test scripted to fail.
    pub(super) fn excuse(&mut self, now: Moment, session: Session) {
        self.change(session, |handle| {
            if let Some(Live::Open(opens)) = &mut handle.live {
                opens.excuse(now.thread);
            }
            if let Some(reload) = &mut handle.reload {
                reload.is_settled = true;
            }
        });
    }

    /// Records a close that has taken effect although the test scripted it to fail. The client may
    /// repeat it, and use the session until then.
    pub(super) fn close_failed_in_effect(&mut self, session: Session) {
        let handle = self.handles.entry(session);
        handle.failed_in_effect += 1;
        if let Some(reload) = &mut handle.reload {
            reload.is_settled = true;
        }
    }

    pub(super) fn closing(&mut self, now: Moment, session: Session) {
        self.change(session, |handle| handle.live = Some(Live::Closing(now.at)));
    }

    pub(super) fn closed(&mut self, now: Moment, session: Session) {
        self.change(session, |handle| {
            handle.live = None;
            handle.closed = Some(now.at);
        });
    }

    /// Changes what is known of a handle, and counts anew.
    fn change(&mut self, session: Session, change: impl FnOnce(&mut Handle)) {
        let handle = self.handles.entry(session);
        self.unexcused -= usize::from(handle.is_unexcused());
        change(handle);
        self.unexcused += usize::from(handle.is_unexcused());
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
        self.unexcused == 0
    }

    /// Returns what keeps a shutdown from succeeding: the opens of the sessions that are open, and
    /// the closes of those that are closing. Returns nothing if they are excused.
    pub(super) fn left_open(&self) -> Vec<usize> {
        let mut left = Vec::new();
        if self.are_excused() {
            return left;
        }
        for handle in self.handles.records() {
            match &handle.live {
                Some(Live::Open(opens)) => left.extend(opens.steps()),
                Some(Live::Closing(by)) => left.push(*by),
                None => {}
            }
        }
        left
    }

    /// Returns the last close of the handle, if the handle is not open.
    fn close_of(&self, session: Session) -> Option<usize> {
        let handle = self.handles.get(session)?;
        match handle.live {
            Some(Live::Open(_)) => None,
            Some(Live::Closing(by)) => Some(by),
            None => handle.closed,
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
        let handle = self.handles.entry(session);
        if handle.failed_in_effect > 0 {
            handle.failed_in_effect -= 1;
            return true;
        }
        let code = if handle.live.is_some() { None } else { found.calls.code_of(first) };
        let mistake = match code {
            Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED) => Mistake::RebootTakenForFailure,
            _ => Mistake::CloseTwice,
        };
        found.add(mistake, now.at, [first]);
        true
    }

    /// Returns whether an initialize or an open of the thread failed, so that it may have to clean
    /// up a handle that is 0.
    pub(super) fn expects_0(&self, thread: ThreadNumber) -> bool {
        self.threads.get(thread).is_some_and(|it| it.expects_0)
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
            let client = self.threads.entry(now.thread);
            let is_reported = client.reported.is_some_and(|reported| reported >= self.beginning);
            if client.failed_open.is_some() && !is_reported {
                client.reported = Some(now.at);
            }
            return is_reported;
        }
        let closed = self.close_of(session);
        closed.is_some()
            && self.last_failed_open > closed
            && mem::replace(&mut self.handles.entry(session).is_left_over, true)
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
        let is_excused = self.handles.get(session).is_some_and(|it| it.failed_in_effect > 0);
        if is_excused || self.is_left_over(now, session) {
            return;
        }
        let with = match self.close_of(session) {
            // A failed open leaves the variable for its handle as it was, which is mostly 0.
            None if session == Session::DEFAULT => {
                self.threads.get(now.thread).and_then(|it| it.failed_open)
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
        let begun = self.performing.get((now.thread, session)).copied().flatten();
        found.add(Mistake::CallInsideOperation, now.at, begun);
    }
}
