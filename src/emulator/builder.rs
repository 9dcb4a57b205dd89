//! The builder, which describes a process and creates it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

use super::Emulator;
use super::core::{Core, Shared};
use crate::call::Hresult;
use crate::evidence::{Mistake, Recorder};
use crate::machine::config::Contract;
use crate::machine::{Config, Machine};

/// Configures and creates an [`Emulator`].
///
/// ```
/// use dism_emu::{Contract, Emulator, Hresult};
///
/// let emulator = Emulator::builder().contract(Contract::Recorded).build();
/// let dism = emulator.dism();
/// assert_eq!(dism.initialize()?, Hresult::S_OK);
/// assert_eq!(dism.initialize()?, Hresult::S_FALSE);
/// dism.shutdown()?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is emulated until `build` is called"]
pub struct Builder {
    config: Config,
    journal_limit: usize,
    verify_on_drop: bool,
    timeline_on_panic: bool,
    allowed: Vec<Mistake>,
}

/// Returns the same builder as [`Emulator::builder`].
impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            journal_limit: 65_536,
            verify_on_drop: true,
            timeline_on_panic: true,
            allowed: Vec::new(),
        }
    }
}

impl Builder {
    /// Sets all of [`Config`] at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the contract that the process keeps: see [`Config::contract`].
    pub fn contract(mut self, contract: Contract) -> Self {
        self.config.contract = contract;
        self
    }

    /// Sets whether the process is elevated: see [`Config::elevated`].
    pub fn elevated(mut self, elevated: bool) -> Self {
        self.config.elevated = elevated;
        self
    }

    /// Sets the code of a second initialize: see [`Config::already_initialized`].
    pub fn already_initialized(mut self, code: impl Into<Hresult>) -> Self {
        self.config.already_initialized = code.into();
        self
    }

    /// Sets the code for a handle that is not open: see [`Config::closed_session`].
    pub fn closed_session(mut self, code: impl Into<Hresult>) -> Self {
        self.config.closed_session = code.into();
        self
    }

    /// Sets the code of an operation on a closing session: see [`Config::closing_session`].
    pub fn closing_session(mut self, code: impl Into<Hresult>) -> Self {
        self.config.closing_session = code.into();
        self
    }

    /// Sets the highest session number to give out: see [`Config::last_session`].
    pub fn last_session(mut self, number: u32) -> Self {
        self.config.last_session = number;
        self
    }

    /// Sets the code of `DismGetLastErrorMessage` in C if there is no message: see
    /// [`Config::no_message`].
    pub fn no_message(mut self, code: impl Into<Hresult>) -> Self {
        self.config.no_message = code.into();
        self
    }

    /// Declares that two paths are one image, or one image file, such as a junction and its target
    /// (rule O6).
    ///
    /// Whatever is done with one path is then done with the other: sessions, mounts, locks and
    /// scripted rules are shared. More paths can be declared the same, one call for each. Paths that
    /// differ only in letter case, in `/` and `\`, or in trailing separators are one image anyway.
    ///
    /// # Panics
    ///
    /// If a path is empty, or that of the online image, which is an image of its own.
    ///
    /// ```
    /// use dism_emu::Emulator;
    ///
    /// let emulator = Emulator::builder().same_image(r"C:\mount", r"D:\junction").build();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(r"C:\mount")?;
    /// assert_eq!(dism.open_session(r"D:\junction")?, session);
    /// dism.close_session(session)?;
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[track_caller]
    pub fn same_image(mut self, a: impl AsRef<OsStr>, b: impl AsRef<OsStr>) -> Self {
        self.config.same_image(a, b);
        self
    }

    /// Sets how many steps the journal keeps: the latest ones, 65,536 by default. With 0 the
    /// journal is off, and with `usize::MAX` it keeps all steps.
    ///
    /// A step takes 96 bytes on a 64-bit platform, and the length of its paths. Memory is allocated
    /// as it is needed. A journal that is off does not replay and says so, and without a journal no
    /// mistakes are found.
    pub fn journal_limit(mut self, steps: usize) -> Self {
        self.journal_limit = steps;
        self
    }

    /// Sets whether dropping the emulator [verifies](Emulator::verify) what the client did, and
    /// panics with the report if there is something in it. The default is `true`. Set this to
    /// `false` in tests that make mistakes on purpose, or that do not clean up.
    ///
    /// A test that returns an error with `?` before its client is done leaves things behind.
    /// Dropping the emulator then panics with a report of those, and the error itself is not shown;
    /// `unwrap` shows it.
    ///
    /// ```
    /// use dism_emu::Emulator;
    ///
    /// let emulator = Emulator::builder().verify_on_drop(false).build();
    /// emulator.dism().initialize()?; // and no shutdown
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn verify_on_drop(mut self, verify: bool) -> Self {
        self.verify_on_drop = verify;
        self
    }

    /// Sets whether dropping the emulator while its thread is panicking writes the
    /// [timeline](crate::Timeline) so far to standard error. The default is `true`: a test that
    /// fails for a reason of its own shows what its client did. The test harness captures the text
    /// and shows it with the test. Set this to `false` in tests that panic many times on purpose.
    ///
    /// It is written even without [`verify_on_drop`](Self::verify_on_drop), and whether or not the
    /// calls have been verified. Mistakes are not marked, since the client was not done.
    ///
    /// ```
    /// use dism_emu::Emulator;
    ///
    /// let emulator = Emulator::builder().timeline_on_panic(false).build();
    /// # emulator.verify().unwrap();
    /// ```
    pub fn timeline_on_panic(mut self, show: bool) -> Self {
        self.timeline_on_panic = show;
        self
    }

    /// Allows a mistake: neither [`verify`](Emulator::verify) nor dropping the emulator reports it.
    /// This is for programs that make the mistake by design. Call it once for each mistake.
    /// [`Journal::mistakes`](crate::Journal::mistakes) still finds an allowed mistake.
    ///
    /// [`Mistake::NeverShutDown`] allows every initialization that a thread leaves behind, whatever
    /// the thread's last call was: mistakes 5, 6 and 8 are then not reported for it, nor is
    /// [`Remark::StillInitialized`](crate::Remark::StillInitialized).
    ///
    /// ```
    /// use dism_emu::{Emulator, Mistake};
    ///
    /// // A program that leaves the shutdown to the end of the process.
    /// let emulator = Emulator::builder().allow(Mistake::NeverShutDown).build();
    /// emulator.dism().initialize()?;
    /// assert!(emulator.verify().is_ok());
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn allow(mut self, mistake: Mistake) -> Self {
        self.allowed.push(mistake);
        self
    }

    /// Creates the process.
    #[must_use]
    pub fn build(self) -> Emulator {
        let core = Core {
            machine: Machine::new(self.config),
            journal: Recorder::new(self.journal_limit),
            script: None,
            verified: None,
            sleepers: BTreeMap::new(),
        };
        Emulator {
            shared: Arc::new(Shared::new(core)),
            handles: Arc::new(()),
            verify_on_drop: self.verify_on_drop,
            timeline_on_panic: self.timeline_on_panic,
            allowed: self.allowed,
        }
    }
}
