//! What is verified, and when: if the test asks, and when the last handle is dropped.

use super::Emulator;
use super::core::{Core, Shared, Watermark};
use crate::evidence::{Journal, Remark, Report};
use crate::machine::State;

impl Emulator {
    /// Checks the journal for the client's mistakes, and the script for rules that never fired and
    /// for holds that nobody released.
    ///
    /// Call it when the client is done: what is open then counts as left behind. If nobody calls
    /// it, the drop of the last handle to the process does (clones,
    /// [`OwnedSession`](crate::OwnedSession)s and guards are handles). It panics with the report,
    /// unless the thread is panicking already or the test [opted
    /// out](crate::Builder::verify_on_drop). A process that was verified, and not called since, is
    /// not reported again.
    ///
    /// # Errors
    ///
    /// The report, if there is anything in it. A journal that is switched off, or whose beginning
    /// is gone, cannot be verified and is reported as such.
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Mistake};
    ///
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// dism.close_session(session)?;
    /// let _ = dism.close_session(session);
    /// dism.shutdown()?;
    ///
    /// let report = dism.verify().unwrap_err();
    /// assert_eq!(report.mistakes()[0].mistake, Mistake::CloseTwice);
    /// println!("{report}");
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn verify(&self) -> Result<(), Report> {
        let (journal, mut remarks) = {
            let mut core = self.shared.lock();
            core.verified = Some(core.watermark());
            core.evidence()
        };
        remarks.extend(journal.gap());
        Report::of(journal, remarks).map_or(Ok(()), Err)
    }

    /// Verifies as the drop of the last handle does, which then does not verify again: a thread
    /// still in a call may drop that handle after its process is gone.
    #[cfg(feature = "capi")]
    pub(crate) fn verify_as_on_drop(&self) {
        let report = {
            let mut core = self.shared.lock();
            let report = core.unseen_report();
            core.verify_on_drop = false;
            report
        };
        if !std::thread::panicking() {
            panic_if_there_is(report);
        }
    }
}

impl Core {
    /// What there is to report of what no verification has looked at, unless the test opted out.
    fn unseen_report(&mut self) -> Option<Report> {
        let seen = Some(self.watermark());
        if !self.verify_on_drop || std::mem::replace(&mut self.verified, seen) == seen {
            return None;
        }
        let (journal, remarks) = self.evidence();
        // That something is missing in the journal is no reason to fail, but it has to be known.
        let gap = journal.gap();
        Report::of(journal, remarks).map(|report| report.with(gap))
    }

    /// What a verification looks at.
    fn evidence(&self) -> (Journal, Vec<Remark>) {
        let journal = self.journal.snapshot(*self.machine.config());
        let script = self.script.iter();
        let mut remarks: Vec<_> = script.flat_map(|script| script.remarks()).collect();
        // Without its beginning the journal cannot tell, but the machine can.
        if let (Some(_), State::Up { count, open_sessions }) = (journal.gap(), self.machine.state())
        {
            if self.journal.written() > 0 {
                remarks.push(Remark::StillInitialized { count, open_sessions });
            }
        }
        (journal, remarks)
    }

    fn watermark(&self) -> Watermark {
        let last_id = self.script.as_ref().map_or(0, |script| script.last_id());
        Watermark { steps: self.journal.written(), last_id }
    }
}

/// The last handle is gone: see [`Emulator::verify`].
impl Drop for Shared {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_if_there_is(self.core.get_mut().unseen_report());
        }
    }
}

/// Under no lock.
fn panic_if_there_is(report: Option<Report>) {
    if let Some(report) = report {
        panic!("{report}");
    }
}
