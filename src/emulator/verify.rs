//! What is verified, and when: at the request of the test, and when the emulator is dropped.

use std::panic::catch_unwind;
use std::sync::Arc;

use super::Emulator;
use super::core::{Core, Watermark};
use crate::evidence::{Journal, Mistake, Remark, Report, shown};
use crate::machine::State;
use crate::sync::{MutexGuard, in_drop};

impl Emulator {
    /// Checks the journal for the client's mistakes, and the script for rules and holds that did
    /// not act as the test expected.
    ///
    /// Call it when the client is done: what is open then counts as left behind. If the test does
    /// not call it, dropping the emulator verifies, even if other code still has a
    /// [`Dism`](crate::Dism). It panics with the report, unless the thread is panicking already or
    /// the test [opted out](crate::Builder::verify_on_drop). If nothing has happened since the last
    /// `verify`, neither a call nor a new rule or hold, dropping the emulator reports nothing.
    /// Otherwise it checks the whole journal again.
    ///
    /// Returns a report without a mistake. Its only possible remark is [`Remark::HandlesLeft`]:
    /// code that has a handle can still make calls.
    ///
    /// # Errors
    ///
    /// The report, if it has a mistake or any other remark. A journal that is switched off, or
    /// whose beginning is gone, cannot be verified and is reported as such.
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Mistake};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// dism.close_session(session)?;
    /// let _ = dism.close_session(session);
    /// dism.shutdown()?;
    ///
    /// let report = emulator.verify().unwrap_err();
    /// assert_eq!(report.mistakes()[0].mistake, Mistake::CloseTwice);
    /// println!("{report}");
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Report, Report> {
        self.verify_in(self.shared.lock())
    }

    /// The same, or `None` if a thread holds the lock.
    #[cfg(feature = "capi")]
    pub(crate) fn try_verify(&self) -> Option<Result<Report, Report>> {
        Some(self.verify_in(self.shared.core.try_lock()?))
    }

    /// Runs something while this thread holds the lock.
    #[cfg(all(test, feature = "capi"))]
    pub(crate) fn while_locked<T>(&self, action: impl FnOnce() -> T) -> T {
        let _core = self.shared.lock();
        action()
    }

    fn verify_in(&self, mut core: MutexGuard<'_, Core>) -> Result<Report, Report> {
        core.verified = Some(core.watermark());
        let journal = core.journal.snapshot(core.machine.config().clone());
        let (journal, remarks) = core.evidence(journal);
        drop(core);
        let gap = journal.gap();
        let report = self.report(journal, remarks).with(gap);
        let is_clean = report.is_empty();
        let report = self.with_handles(report);
        if is_clean { Ok(report) } else { Err(report) }
    }

    /// Returns the report on what no verification has looked at, if there is anything to report.
    fn last_report(&self) -> Option<Report> {
        let mut evidence = None;
        in_drop(|| evidence = self.shared.lock().last_evidence());
        let (journal, remarks) = evidence?;
        // A gap in the journal is no reason to fail, but a report has to mention it.
        let gap = journal.gap();
        let report = self.report(journal, remarks);
        if report.is_empty() { None } else { Some(self.with_handles(report.with(gap))) }
    }

    /// Writes the calls so far to standard error, as a test harness captures it.
    ///
    /// A panic that leaves this would end the process, since the thread is panicking already. The
    /// lock panics if a checker has abandoned the schedule, and `eprint` if nothing can be written.
    fn show_timeline(&self) {
        let _ = catch_unwind(|| {
            let journal = {
                let mut core = self.shared.lock();
                let config = core.machine.config().clone();
                core.journal.finish(config)
            };
            if !journal.steps().is_empty() {
                let timeline = journal.timeline();
                eprintln!("dism-emu: the calls before the panic\n\n{}", shown(timeline));
            }
        });
    }

    fn report(&self, journal: Journal, mut remarks: Vec<Remark>) -> Report {
        if self.allowed.contains(&Mistake::NeverShutDown) {
            remarks.retain(|remark| !matches!(remark, Remark::StillInitialized { .. }));
        }
        Report::new(journal, remarks, &self.allowed)
    }

    /// Adds a remark if there are handles that can still make calls.
    fn with_handles(&self, report: Report) -> Report {
        let handles = Arc::strong_count(&self.handles) - 1;
        let left = (handles > 0)
            .then(|| Remark::HandlesLeft { handles, last_calls: report.journal().last_calls() });
        report.with(left)
    }
}

impl Core {
    /// Returns what the last verification looks at, unless one has looked at it already. No other
    /// comes, so the journal is not copied, and kept no longer.
    fn last_evidence(&mut self) -> Option<(Journal, Vec<Remark>)> {
        let is_seen = self.verified == Some(self.watermark());
        let journal = self.journal.finish(self.machine.config().clone());
        (!is_seen).then(|| self.evidence(journal))
    }

    /// Returns what a verification looks at.
    fn evidence(&self, journal: Journal) -> (Journal, Vec<Remark>) {
        let mut remarks = self.script.as_ref().map_or_else(Vec::new, |script| script.remarks());
        // Without its beginning, the journal cannot say what was left behind, but the machine can.
        if let (1.., State::Up { count, open_sessions }) = (journal.dropped(), self.machine.state())
        {
            remarks.push(Remark::StillInitialized { count, open_sessions });
        }
        (journal, remarks)
    }

    fn watermark(&self) -> Watermark {
        let script = self.script.as_ref().map_or(0, |script| script.changes());
        Watermark { steps: self.journal.taken(), script }
    }
}

/// Verifies the process, as [`Emulator::verify`] does. Threads of the client may make calls
/// meanwhile. What they do after this has taken the lock is not seen.
///
/// While the thread is panicking, this shows what the client did so far instead.
impl Drop for Emulator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if self.timeline_on_panic {
                self.show_timeline();
            }
        } else if let Some(report) = self.verify_on_drop.then(|| self.last_report()).flatten() {
            panic!("{}", shown(report));
        }
    }
}
