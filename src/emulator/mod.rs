//! One emulated process: the test's side, the side of the code under test, the lock behind both,
//! and the one path of a call.

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
#[cfg(feature = "capi")]
use std::sync::Weak;

pub use self::builder::Builder;
use self::core::Shared;
#[cfg(feature = "capi")]
pub(crate) use self::core::Taken;
pub use self::dism::Dism;
pub use self::guard::{HoldGuard, RuleGuard};
pub use self::operation::Operation;
pub use self::owned_session::OwnedSession;
use crate::evidence::{Journal, Mistake};
use crate::machine::State;
use crate::script::{Hold, Injection, Rule};

/// One emulated process that has loaded `DismApi.dll`, as its test sees it.
///
/// [`dism`](Self::dism) returns what the code under test calls. The emulator itself stays with the
/// test: it scripts [rules](Self::script) and [holds](Self::hold), shows the [state](Self::state)
/// and the [journal](Self::journal), and [verifies](Self::verify) what the code under test did.
/// Dropping it verifies, too, and panics with the report if there is a mistake, or a rule or hold
/// that did not act as the test expected. If the test is panicking already, dropping the emulator
/// shows the calls so far on standard error, so that they are beside the panic.
///
/// Any number of processes exist side by side, and none affects another. So every test has its own,
/// and all tests run in parallel. Create the emulator first: variables are dropped in the reverse
/// order of their declaration, so everything that was made from it is gone when it verifies. The
/// fields of a struct are dropped in the order of their declaration, so there it comes last.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Error, Function, Hresult};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// assert_eq!(dism.initialize()?, Hresult::S_OK);
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
/// dism.perform(session, Function::GetFeatures)?;
///
/// // S2: a shutdown with a session open fails and changes nothing.
/// assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// # Ok::<(), Error>(())
/// ```
pub struct Emulator {
    shared: Arc<Shared>,
    /// Counts the handles: each [`Dism`] has a clone.
    handles: Arc<()>,
    verify_on_drop: bool,
    timeline_on_panic: bool,
    /// Mistakes that are not reported.
    allowed: Vec<Mistake>,
}

impl Emulator {
    /// Creates a process under [`Contract::Documented`](crate::Contract::Documented), elevated and
    /// not initialized.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder, with which a process is configured before it is created.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns a handle for the code under test.
    ///
    /// Keep the emulator as long as the code under test runs: calls after it is dropped are not
    /// verified.
    #[must_use]
    pub fn dism(&self) -> Dism {
        Dism { shared: self.shared.clone(), _handle: self.handles.clone(), is_foreign: false }
    }

    /// Returns what counts as a handle while somebody keeps it strong.
    #[cfg(feature = "capi")]
    pub(crate) fn handles(&self) -> Weak<()> {
        Arc::downgrade(&self.handles)
    }

    /// Puts a rule in force until the guard is dropped: it answers the calls that it matches.
    #[track_caller]
    pub fn script(&self, rule: Rule) -> RuleGuard {
        let id = self.shared.lock().add_rule(rule, Some(Location::caller()));
        RuleGuard { shared: self.shared.clone(), id, is_kept: false }
    }

    /// Puts a rule in force that is from this line of code, if from any, for as long as the process
    /// lives.
    pub(crate) fn keep(&self, rule: Rule, location: Option<&'static Location<'static>>) {
        self.shared.lock().add_rule(rule, location);
    }

    /// Makes calls fail that no rule answers, for a sweep.
    pub(crate) fn inject(&self, injection: Injection) {
        self.shared.with_script(|script| script.injection = Some(injection));
    }

    /// Returns the faults so far. The client may go on.
    pub(crate) fn injected(&self) -> Injection {
        self.shared.with_script(|script| script.injection.clone().unwrap_or_default())
    }

    /// Sets a hold until the guard is released or dropped: the next thread that reaches its point
    /// stops there.
    #[track_caller]
    pub fn hold(&self, hold: Hold) -> HoldGuard {
        let location = Location::caller();
        let id = self.shared.with_script(|script| script.add_hold(hold, location));
        HoldGuard { shared: self.shared.clone(), id, is_set: true }
    }

    /// Returns whether the process is initialized and how many sessions are open, for assertions.
    /// This is not a function of DISM and leaves no trace in the journal.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.lock().machine.state()
    }

    /// Returns a snapshot of what has happened so far. It is copied under the lock, so every other
    /// call waits for it.
    #[must_use]
    pub fn journal(&self) -> Journal {
        let core = self.shared.lock();
        core.journal.snapshot(core.machine.config().clone())
    }
}

/// Creates a process as [`Emulator::new`] does.
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
