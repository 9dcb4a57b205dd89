//! One emulated process: the lock, and a call's one way through it.

mod builder;
mod core;
mod dism;
mod guard;
mod operation;
mod owned_session;
mod verify;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

pub use self::builder::Builder;
use self::core::Shared;
#[cfg(feature = "capi")]
pub(crate) use self::core::Taken;
pub use self::guard::{HoldGuard, RuleGuard};
pub use self::operation::Operation;
pub use self::owned_session::OwnedSession;
use crate::call::{Hresult, Session};
use crate::evidence::Journal;
use crate::machine::State;
use crate::script::{Hold, Rule};

/// One emulated process that has loaded `DismApi.dll`.
///
/// A clone is the same process, for another owner or another thread. [`new`](Self::new) is
/// another process: as many as wanted live side by side and know nothing of each other, so every
/// test has its own and all run in parallel.
///
/// Every call takes one lock for a few nanoseconds, and waits only if the real one does: for the
/// operations on the same session that came before it.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Error, Function, Hresult};
///
/// let dism = Emulator::new();
/// assert_eq!(dism.initialize()?, Hresult::S_OK);
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
/// dism.operation(session, Function::GetFeatures)?.end();
///
/// // S2: a shutdown with a session open fails and changes nothing.
/// assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
    /// Whether calls through this handle come from another language, which has no locations.
    is_foreign: bool,
}

impl Emulator {
    /// Creates a process under [`Contract::Documented`](crate::Contract::Documented), elevated and
    /// not initialized.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder that describes a process first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Puts a rule in force until the guard is dropped: it answers the calls that it matches.
    #[track_caller]
    pub fn script(&self, rule: Rule) -> RuleGuard {
        self.script_together([rule], Location::caller())
    }

    /// Lets the servicing host of the session's image die (rule P5).
    ///
    /// From here on every operation on the session fails, the first with `RPC_E_DISCONNECTED` and
    /// all others with `RPC_S_CALL_FAILED`, as recorded; the session can be closed as ever.
    /// Operations that have arrived before end as they would, and rules that are in force already
    /// come first.
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult};
    ///
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// let dead = dism.kill_host(session);
    /// let failed = dism.perform(session, Function::DisableFeature).unwrap_err();
    /// assert_eq!(failed.code(), Hresult::RPC_E_DISCONNECTED);
    /// let failed = dism.perform(session, Function::GetFeatureInfo).unwrap_err();
    /// assert_eq!(failed.code(), Hresult::RPC_S_CALL_FAILED);
    /// assert_eq!(dism.close_session(session)?, Hresult::S_OK);
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[track_caller]
    pub fn kill_host(&self, session: Session) -> RuleGuard {
        let rule = || Rule::on_any_operation().session(session);
        let first = rule().times(1).answer(Hresult::RPC_E_DISCONNECTED);
        let others = rule().answer(Hresult::RPC_S_CALL_FAILED);
        self.script_together([first, others], Location::caller())
    }

    fn script_together<const N: usize>(
        &self,
        rules: [Rule; N],
        location: &'static Location<'static>,
    ) -> RuleGuard {
        let id = self.shared.with_script(|script| script.add_rules(rules, location));
        RuleGuard { emulator: self.clone(), id, is_kept: false }
    }

    /// Sets a hold until the guard is released or dropped: the next thread that reaches its point
    /// stops there.
    #[track_caller]
    pub fn hold(&self, hold: Hold) -> HoldGuard {
        let location = Location::caller();
        let id = self.shared.with_script(|script| script.add_hold(hold, location));
        HoldGuard { emulator: self.clone(), id, is_set: true }
    }

    /// Returns whether the process is initialized and how many sessions are open, for assertions.
    /// This is not a function of DISM and leaves no trace in the journal.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.lock().machine.state()
    }

    /// Returns what has happened so far: a copy, made under the lock, so that every other call
    /// waits for it.
    #[must_use]
    pub fn journal(&self) -> Journal {
        let core = self.shared.lock();
        core.journal.snapshot(*core.machine.config())
    }

    /// Returns a handle for callers of other languages.
    #[cfg(feature = "capi")]
    pub(crate) fn foreign(&self) -> Self {
        Self { shared: self.shared.clone(), is_foreign: true }
    }
}

/// As [`Emulator::new`].
impl Default for Emulator {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the contract and the state.
impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (contract, state) = {
            let core = self.shared.lock();
            (core.machine.config().contract, core.machine.state())
        };
        f.debug_struct("Emulator")
            .field("contract", &contract)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
