use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::call::OpenRequest;
use crate::journal::Recorder;
use crate::sync::{Condvar, Mutex, MutexGuard, current_thread};
use crate::{
    Call, Config, Contract, Effect, Error, Function, Hresult, Journal, Machine, OpenSession,
    Outcome, OwnedSession, Session, State, ThreadId,
};

/// One emulated process that has loaded `DismApi.dll`.
///
/// A clone is the same process, for another owner or another thread. [`new`](Self::new) is
/// another process: as many as wanted live side by side and know nothing of each other, so every
/// test has its own and all run in parallel.
///
/// Every call takes one lock for a few nanoseconds and waits only where the real one does: for
/// the operations on the same session that came before it.
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
}

/// Begins a cache line: what all threads write does not lie beside what they only count, the
/// clones, and a call costs the same wherever the allocator puts it.
#[repr(align(64))]
struct Shared {
    core: Mutex<Core>,
    /// Somebody's [`Machine::is_ready`] may have changed.
    turn: Condvar,
}

/// What the lock guards: the state, and the journal that is written with it.
struct Core {
    machine: Machine,
    journal: Recorder,
}

impl Emulator {
    /// A process under [`Contract::Documented`], elevated, not initialized.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A process to be described first.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `DismInitialize`.
    ///
    /// Gives `S_OK`; under [`Contract::Recorded`] [`Hresult::S_FALSE`] if the process was
    /// initialized already, and the count goes up (rule I3). The log level and the paths of the
    /// real function have no effect that the emulator could show, so it does not ask for them.
    ///
    /// # Errors
    ///
    /// [`Error::NotElevated`] (rule I2); [`Error::AlreadyInitialized`] under
    /// [`Contract::Documented`] (rule I3); [`Error::OutOfNumbers`] after `u32::MAX` initializations.
    pub fn initialize(&self) -> Result<Hresult, Error> {
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.initialize(thread);
        core.journal.push(thread, || Call::Initialize, outcome);
        Ok(outcome?.code())
    }

    /// `DismOpenSession` on a path, or on the running system with
    /// [`DISM_ONLINE_IMAGE`](crate::DISM_ONLINE_IMAGE).
    ///
    /// Gives a new handle, or for an image that is open the one that it has, with one reference
    /// more (rules O2, O3). Any path is accepted: there is no file system behind the emulator
    /// (rule O6).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule O1); [`Error::InvalidArgument`] for an empty path
    /// (rule O5); [`Error::OutOfNumbers`] when there is no handle left (rule O8).
    pub fn open_session(&self, path: impl AsRef<OsStr>) -> Result<Session, Error> {
        let path = path.as_ref().as_encoded_bytes();
        self.open(OpenRequest::new(path, false), || OpenSession::from_bytes(path))
    }

    /// `DismOpenSession` with a Windows directory or a system drive.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session); [`Error::InvalidArgument`] for the online
    /// image, which takes neither (rule O4).
    pub fn open_session_with(&self, open: OpenSession) -> Result<Session, Error> {
        self.open(open.request(), || open.clone())
    }

    /// Opens a session that closes itself when it is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session).
    pub fn open_owned_session(&self, path: impl AsRef<OsStr>) -> Result<OwnedSession, Error> {
        Ok(OwnedSession::new(self.clone(), self.open_session(path)?))
    }

    fn open(
        &self,
        request: OpenRequest<'_>,
        call: impl FnOnce() -> OpenSession,
    ) -> Result<Session, Error> {
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.open_session(thread, request);
        core.journal.push(thread, || Call::OpenSession(call()), outcome);
        match outcome? {
            Effect::Opened { session, .. } => Ok(session),
            effect => unreachable!("an open that was answered with {effect:?}"),
        }
    }

    /// Begins an operation on a session: any function of the API that takes one, but for the
    /// close.
    ///
    /// Operations on one session are performed one at a time in the order of arrival, so this
    /// waits for those that came before (rule P2). What it gives stands for the running call: the
    /// operation lasts until it is ended or dropped.
    ///
    /// No image can be mounted yet, so [`Function::CommitImage`] always fails (rule P1).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`], [`Error::InvalidSession`] and, while another thread closes the
    /// session, [`Error::SessionClosing`] (rules P1, C4); [`Error::PossibleDeadlock`] inside an
    /// operation of the same thread on the same session (rule P3); [`Error::InvalidArgument`] for
    /// a function that is not an operation.
    #[inline]
    pub fn operation(&self, session: Session, function: Function) -> Result<Operation<'_>, Error> {
        self.begin_operation(session, function)?;
        Ok(Operation { emulator: self, session, function, on_this_thread: PhantomData })
    }

    fn begin_operation(&self, session: Session, function: Function) -> Result<(), Error> {
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.begin_operation(thread, session, function);
        core.journal.push(thread, || Call::BeginOperation { session, function }, outcome);
        if outcome? == (Effect::Begun { ready: false }) {
            drop(self.wait(core, thread, session));
        }
        Ok(())
    }

    #[inline]
    fn end_operation(&self, session: Session, result: Hresult) -> Outcome {
        let thread = current_thread();
        let mut core = self.lock();
        let waited = core.machine.waiting();
        let outcome = core.machine.end_operation(thread, session, result);
        core.journal.push(thread, || Call::EndOperation { session, result }, outcome);
        // Whoever got the turn by it is no longer among those that wait. All are woken, since
        // they share the condition variable and only one of them is meant.
        if core.machine.waiting() < waited {
            drop(core);
            self.shared.turn.notify_all();
        }
        outcome
    }

    /// Lets others go on until what this thread waits for on the session has come.
    #[cold]
    fn wait<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        thread: ThreadId,
        session: Session,
    ) -> MutexGuard<'a, Core> {
        while !core.machine.is_ready(thread, session) {
            core = self.shared.turn.wait(core);
        }
        core
    }

    /// `DismCloseSession`: gives one reference back. The last one waits for the operations that
    /// other threads perform on the session, while no new one is accepted; then the handle is gone
    /// (rules C3, C4).
    ///
    /// Gives `S_OK`, or [`Hresult::ERROR_SUCCESS_REBOOT_REQUIRED`] for a session with an operation
    /// that ended so (rule C6).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule C1); [`Error::InvalidSession`] for a number that is not an
    /// open session, or that another thread is closing (rules C2, C5);
    /// [`Error::PossibleDeadlock`], with nothing changed, from inside an operation of the same
    /// thread on the session (rule C7).
    pub fn close_session(&self, session: Session) -> Result<Hresult, Error> {
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.close_session(thread, session);
        core.journal.push(thread, || Call::CloseSession { session }, outcome);
        let Effect::Closing { ready } = outcome? else { return Ok(Hresult::S_OK) };
        if !ready {
            core = self.wait(core, thread, session);
        }
        let outcome = core.machine.finish_close(thread, session);
        core.journal.push(thread, || Call::FinishClose { session }, outcome);
        Ok(outcome?.code())
    }

    /// `DismShutdown`. Under [`Contract::Recorded`] one that is not the last takes one off the
    /// count and does not look at sessions (rule S3).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule S1); [`Error::OpenSessionHandles`] for a last shutdown with
    /// a session open, one that is being closed included, and nothing changes (rule S2).
    pub fn shutdown(&self) -> Result<(), Error> {
        let mut core = self.lock();
        let outcome = core.machine.shutdown();
        core.journal.push(current_thread(), || Call::Shutdown, outcome);
        outcome.map(drop)
    }

    /// `DismGetLastErrorMessage`: the code of the last call of this thread that failed, `None` if
    /// none did; [`Hresult::message`] has the text.
    ///
    /// Every failing call counts but a shutdown and this one; a success clears nothing (rules E1
    /// to E4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] after a last shutdown, but not before the first initialize
    /// (rule E5).
    pub fn last_error(&self) -> Result<Option<Hresult>, Error> {
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.last_error(thread);
        core.journal.push(thread, || Call::GetLastErrorMessage, outcome);
        match outcome? {
            Effect::LastError(code) => Ok(code),
            effect => unreachable!("a last error that was answered with {effect:?}"),
        }
    }

    /// Whether the process is initialized and how many sessions are open, for assertions. Not a
    /// function of DISM; leaves no trace.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().machine.state()
    }

    /// What happened so far: a copy, made under the lock, so that every other call waits for it.
    #[must_use]
    pub fn journal(&self) -> Journal {
        let core = self.lock();
        core.journal.snapshot(*core.machine.config())
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.shared.core.lock()
    }
}

/// Nothing panics under the lock, and a panic anywhere else leaves the state whole (rule X2).
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

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
            let core = self.lock();
            (core.machine.config().contract, core.machine.state())
        };
        f.debug_struct("Emulator")
            .field("contract", &contract)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Describes a process before it is there.
///
/// ```
/// use dism_emu::{Contract, Emulator, Hresult};
///
/// let dism = Emulator::builder().contract(Contract::Recorded).build();
/// assert_eq!(dism.initialize()?, Hresult::S_OK);
/// assert_eq!(dism.initialize()?, Hresult::S_FALSE);
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is emulated until `build` is called"]
pub struct Builder {
    config: Config,
    journal_limit: usize,
}

/// As [`Emulator::builder`].
impl Default for Builder {
    fn default() -> Self {
        Self { config: Config::default(), journal_limit: 65_536 }
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
    /// A step takes 56 bytes, and an open the length of its path beside; the room is taken as it
    /// is needed. A journal that is switched off does not replay and says so.
    pub fn journal_limit(mut self, steps: usize) -> Self {
        self.journal_limit = steps;
        self
    }

    /// The process.
    #[must_use]
    pub fn build(self) -> Emulator {
        let machine = Machine::new(self.config);
        let core = Core { machine, journal: Recorder::new(self.journal_limit) };
        let shared = Shared { core: Mutex::new(core), turn: Condvar::default() };
        Emulator { shared: Arc::new(shared) }
    }
}

/// An operation that is being performed, as long as this lives.
///
/// Dropped, it ends with `S_OK`; [`end_with`](Self::end_with) gives another result. It stays on
/// its thread, as a running call does:
///
/// ```compile_fail,E0277
/// # let dism = dism_emu::Emulator::new();
/// # dism.initialize()?;
/// # let session = dism.open_session("image")?;
/// let operation = dism.operation(session, dism_emu::Function::GetFeatures)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| operation.end());
/// });
/// # Ok::<(), dism_emu::Error>(())
/// ```
///
/// ```
/// use dism_emu::{Emulator, Error, Function, Hresult};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let session = dism.open_session(r"C:\mount")?;
///
/// let operation = dism.operation(session, Function::EnableFeature)?;
/// let failed = operation.end_with(Hresult::DISMAPI_E_UNKNOWN_FEATURE);
/// assert_eq!(failed, Err(Error::OperationFailed { code: Hresult::new(0x800F080C) }));
///
/// // P5: the session survives, and C6: a reboot that it needs is told at the close.
/// dism.operation(session, Function::AddPackage)?.end_with(Hresult::new(3010))?;
/// assert_eq!(dism.close_session(session)?, Hresult::ERROR_SUCCESS_REBOOT_REQUIRED);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "an operation ends where this is dropped, so a place has to be found for it"]
pub struct Operation<'a> {
    emulator: &'a Emulator,
    session: Session,
    function: Function,
    /// Rules C7, E1 and P3 speak of the thread that performs the operation.
    on_this_thread: PhantomData<*const ()>,
}

impl Operation<'_> {
    /// On which session.
    #[must_use]
    pub const fn session(&self) -> Session {
        self.session
    }

    /// Which function.
    #[must_use]
    pub const fn function(&self) -> Function {
        self.function
    }

    /// Ends the operation with `S_OK`, as dropping it does.
    pub fn end(self) {
        drop(self);
    }

    /// Ends the operation with any result: `S_OK`, another success such as 1 or 3010, which comes
    /// back, or a failure.
    ///
    /// # Errors
    ///
    /// [`Error::OperationFailed`] for a failing code, which is then this thread's last error. The
    /// session stays open and closable (rule P5).
    pub fn end_with(self, result: impl Into<Hresult>) -> Result<Hresult, Error> {
        let outcome = self.emulator.end_operation(self.session, result.into());
        mem::forget(self);
        Ok(outcome?.code())
    }
}

impl Drop for Operation<'_> {
    #[inline]
    fn drop(&mut self) {
        // It was begun on this thread and not ended yet, so there is nothing to fail.
        let _ = self.emulator.end_operation(self.session, Hresult::S_OK);
    }
}

impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("function", &self.function)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
