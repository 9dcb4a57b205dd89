//! Describes a process and creates it.

use std::sync::Arc;

use super::Emulator;
use super::core::{Core, Shared};
use crate::call::Hresult;
use crate::evidence::{Mistake, Recorder};
use crate::machine::config::Contract;
use crate::machine::{Config, Machine};

/// Describes a process before it is there.
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
    allowed: Vec<Mistake>,
}

/// As [`Emulator::builder`].
impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            journal_limit: 65_536,
            verify_on_drop: true,
            allowed: Vec::new(),
        }
    }
}

impl Builder {
    /// All of [`Config`] at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Which contract the process keeps: see [`Config::contract`].
    pub fn contract(mut self, contract: Contract) -> Self {
        self.config.contract = contract;
        self
    }

    /// Whether the process is elevated: see [`Config::elevated`].
    pub fn elevated(mut self, elevated: bool) -> Self {
        self.config.elevated = elevated;
        self
    }

    /// The answer to a second initialize: see [`Config::already_initialized`].
    pub fn already_initialized(mut self, code: impl Into<Hresult>) -> Self {
        self.config.already_initialized = code.into();
        self
    }

    /// The answer for a handle that is not open: see [`Config::closed_session`].
    pub fn closed_session(mut self, code: impl Into<Hresult>) -> Self {
        self.config.closed_session = code.into();
        self
    }

    /// The answer to an operation on a closing session: see [`Config::closing_session`].
    pub fn closing_session(mut self, code: impl Into<Hresult>) -> Self {
        self.config.closing_session = code.into();
        self
    }

    /// The highest session number to give out: see [`Config::last_session`].
    pub fn last_session(mut self, number: u32) -> Self {
        self.config.last_session = number;
        self
    }

    /// How many steps the journal keeps: the latest ones, 65,536 unless said otherwise; 0 switches
    /// it off, `usize::MAX` keeps all.
    ///
    /// A step takes 64 bytes, and an open the length of its path beside; the room is taken as it
    /// is needed. A journal that is switched off does not replay and says so, and no mistakes are
    /// found without one.
    pub fn journal_limit(mut self, steps: usize) -> Self {
        self.journal_limit = steps;
        self
    }

    /// Whether dropping the emulator [verifies](Emulator::verify) what the client did, and panics
    /// with the report if there is something in it: yes, unless said otherwise. For tests that make
    /// mistakes on purpose, or leave things as they are.
    ///
    /// A test that returns an error with `?` before its client is through leaves things behind, and
    /// the report of that is all that is seen of it; `unwrap` shows the error itself.
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

    /// Allows a mistake: [`verify`](Emulator::verify) and the drop of the emulator do not report it.
    /// For programs that make it by design. May be called for several.
    ///
    /// If [`Mistake::NeverShutDown`] is allowed, no initialization that a thread leaves behind is
    /// reported, whatever its last call was (mistakes 5, 6 and 8 are that, too), nor is
    /// [`Remark::StillInitialized`](crate::Remark::StillInitialized).
    /// [`Journal::mistakes`](crate::Journal::mistakes) still finds it.
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
        };
        Emulator {
            shared: Arc::new(Shared::new(core)),
            handles: Arc::new(()),
            verify_on_drop: self.verify_on_drop,
            allowed: self.allowed,
        }
    }
}
