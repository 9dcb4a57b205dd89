//! Calls while the API is not initialized.

use super::{Found, Moment};
use crate::call::ThreadNumber;
use crate::evidence::Mistake;
use crate::evidence::table::Table;

/// Why the API is not initialized, for mistakes 7 and 13.
#[derive(Debug, Default)]
pub(super) struct Downtime {
    threads: Table<ThreadNumber, Client>,
    /// The last initialize of all threads that failed, if the API has been down ever since.
    last_failed: Option<usize>,
    /// Whether a mistake 7 is reported since the API is down.
    is_reported: bool,
    /// The shutdown that ended the last period.
    shutdown: Option<usize>,
    /// The step at which the API came up or went down.
    changed: Option<usize>,
    /// Whether the test scripted a shutdown to fail that took effect, in this period or in the one
    /// before if none has begun since.
    is_excused: bool,
    /// Whether the journal has the beginning of a period.
    has_beginning: bool,
}

#[derive(Debug, Default)]
struct Client {
    /// The thread's last initialize, if that failed and no call of the thread has succeeded since.
    failed: Option<usize>,
    /// The thread's last call that nothing explains.
    called: Option<usize>,
}

impl Downtime {
    pub(super) fn initialized(&mut self, now: Moment, count: u32) {
        self.has_beginning |= count == 1;
        self.is_excused &= count > 1;
        self.change(now);
    }

    pub(super) fn shut_down(&mut self, now: Moment, count: u32) {
        if count == 0 {
            self.shutdown = Some(now.at);
            self.change(now);
        }
    }

    pub(super) fn excuse(&mut self) {
        self.is_excused = true;
    }

    /// Returns whether clients may not know that the API is down.
    pub(super) fn is_excused(&self) -> bool {
        self.is_excused
    }

    /// Records that the API is up or down for another reason than before.
    fn change(&mut self, now: Moment) {
        self.changed = Some(now.at);
        self.last_failed = None;
        self.is_reported = false;
    }

    pub(super) fn initialize_failed(&mut self, now: Moment) {
        self.threads.entry(now.thread).failed = Some(now.at);
        self.last_failed = Some(now.at);
    }

    /// Forgets that the last initialize of the thread failed.
    pub(super) fn forget(&mut self, thread: ThreadNumber) {
        self.threads.entry(thread).failed = None;
    }

    /// Returns the failed initialize that explains why the API is not initialized for the thread: its
    /// own, unless another one failed after the API was up. An earlier task may have failed on this
    /// thread of a pool:
    ///
    /// ```text
    /// t1  initialize: busy                                                ! open               (7)
    /// t2                     initialize   shutdown   initialize: busy
    /// ```
    fn failed_for(&self, thread: ThreadNumber) -> Option<usize> {
        let own = self.threads.get(thread).and_then(|it| it.failed);
        own.filter(|own| Some(*own) > self.changed).or(self.last_failed).or(own)
    }

    /// Returns whether the API is down because of a shutdown, and not because of an initialize that
    /// failed or has never come.
    pub(super) fn is_after_shutdown(&self, thread: ThreadNumber) -> bool {
        self.shutdown.is_some() && self.failed_for(thread).is_none()
    }

    /// Reports a thread that goes on although an initialize failed, at the first call that fails
    /// because of it. Later calls fail because the API is still down, and are not reported,
    /// whichever thread makes them. Nor is a thread that has had a success since, thanks to another
    /// thread's initialization, reported for its own initialize:
    ///
    /// ```text
    /// t1  initialize: busy   ! open: not initialized   get features on 0   close 0             (7)
    ///
    /// t1  initialize: busy                open            ! open: not initialized             (13)
    /// t2                     initialize         shutdown
    /// ```
    ///
    /// Another thread may work for the one that failed to initialize. It is reported as long as no
    /// initialize has succeeded since. After a shutdown, it was not the initialize that it missed:
    ///
    /// ```text
    /// t1               initialize: busy     open: not initialized                              (7)
    /// t2                                  ! open: not initialized
    ///
    /// t1               initialize: busy
    /// t2  initialize                      shutdown
    /// t3                                            ! open: not initialized                   (13)
    /// ```
    ///
    /// Returns whether an initialize that failed explains the call.
    pub(super) fn goes_on_after_failure(&mut self, now: Moment, found: &mut Found<'_>) -> bool {
        let Some(failed) = self.failed_for(now.thread) else { return false };
        if !self.is_reported {
            self.is_reported = true;
            found.add(Mistake::FailedInitializeIgnored, now.at, [failed]);
        }
        true
    }

    /// Reports a call that nothing else explains, once for each thread while the API is down. It
    /// collides with the shutdown, if there was one:
    ///
    /// ```text
    /// t1                  ! open: not initialized     get features on 0
    ///
    /// t1  initialize                                                           shutdown
    /// t2               (shares it, and has a boolean where a count is needed)             ! open
    /// ```
    ///
    /// If the journal lacks the beginning of the period before, another mistake may explain the
    /// call.
    pub(super) fn called(&mut self, now: Moment, found: &mut Found<'_>) {
        let before = self.threads.entry(now.thread).called.replace(now.at);
        let is_first = before.is_none() || before < self.changed;
        if is_first && (self.has_beginning || found.is_complete()) {
            found.add(Mistake::CalledWhileDown, now.at, self.shutdown);
        }
    }
}
