mod operation;
mod owned_session;

use std::ffi::OsStr;
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::call::arguments::OpenRequest;
use crate::call::{
    Call, Effect, Error, Function, Hresult, ImagePath, Memory, MountImage, OpenSession, Outcome,
    Session, ThreadId,
};
use crate::evidence::journal::Recorder;
use crate::script::hold::{Holds, Missed, Point};
use crate::script::rule::{Answer, Asked, Rules};
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, current_thread};

pub use self::operation::Operation;
pub use self::owned_session::OwnedSession;
use crate::evidence::{Journal, Remark, Report};
use crate::machine::{Config, Contract, Machine, State};
use crate::script::{Hold, HoldGuard, Rule, RuleGuard};

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
    /// Whether whoever calls through this handle has no place in any Rust source.
    is_foreign: bool,
}

/// Begins a cache line: what all threads write does not lie beside what they only count, the
/// clones, and a call costs the same wherever the allocator puts it.
#[repr(align(64))]
struct Shared {
    core: Mutex<Core>,
    /// Somebody's [`Machine::is_ready`] may have changed.
    turn: Condvar,
    /// A thread came to a hold, or a hold was released.
    held: Condvar,
}

/// What the lock guards: the state, and the journal that is written with it.
struct Core {
    machine: Machine,
    journal: Recorder,
    /// `None` until the test scripts something, so that who never does pays nothing for it.
    script: Option<Box<Script>>,
    verify_on_drop: bool,
    /// What an explicit [`Emulator::verify`] has looked at.
    verified: Option<Seen>,
}

/// How far things had gone.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    steps: u64,
    /// The last rule or hold.
    last_id: u64,
}

/// What the test has decided about calls to come.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) rules: Rules,
    holds: Holds,
    last_id: u64,
}

impl Script {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// One call on its way through the machine: asks the rules when the machine asks for an answer.
struct Asking<'a> {
    script: &'a mut Option<Box<Script>>,
    function: Function,
    session: Option<Session>,
    answer: Option<Box<Answer>>,
    /// Before it took effect.
    is_cancelled: bool,
}

impl<'a> Asking<'a> {
    #[inline]
    fn new(
        script: &'a mut Option<Box<Script>>,
        function: Function,
        session: Option<Session>,
    ) -> Self {
        Self { script, function, session, answer: None, is_cancelled: false }
    }

    #[inline]
    fn ask(&mut self, image: Option<&[u8]>) -> Option<Hresult> {
        if self.is_cancelled {
            self.answer = Some(Box::new(Answer::of(Hresult::ERROR_REQUEST_ABORTED)));
            return self.code();
        }
        let script = self.script.as_deref_mut()?;
        self.answer = script.fire(self.function, self.session, image);
        self.code()
    }

    #[inline]
    fn code(&self) -> Option<Hresult> {
        self.answer.as_ref().map(|answer| answer.code)
    }
}

impl Script {
    #[cold]
    fn fire(
        &mut self,
        function: Function,
        session: Option<Session>,
        image: Option<&[u8]>,
    ) -> Option<Box<Answer>> {
        self.rules.fire(Asked { function, session, image }).map(Box::new)
    }
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
    #[track_caller]
    pub fn initialize(&self) -> Result<Hresult, Error> {
        let (outcome, answer) = self.step(
            Function::Initialize,
            |machine, thread, asking| machine.initialize(thread, || asking.ask(None)),
            || Call::Initialize,
        );
        outcome.map(|effect| code_of(&answer, effect))
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
    #[track_caller]
    pub fn open_session(&self, path: impl AsRef<OsStr>) -> Result<Session, Error> {
        let path = path.as_ref().as_encoded_bytes();
        let opened = self.open(OpenRequest::new(path, false), || OpenSession::from_bytes(path));
        opened.map(|(session, _)| session)
    }

    /// `DismOpenSession` with a Windows directory or a system drive.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session); [`Error::InvalidArgument`] for the online
    /// image, which takes neither (rule O4).
    #[track_caller]
    pub fn open_session_with(&self, open: OpenSession) -> Result<Session, Error> {
        self.open(open.request(), || open.clone()).map(|(session, _)| session)
    }

    /// Opens a session that closes itself when it is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session).
    #[track_caller]
    pub fn open_owned_session(&self, path: impl AsRef<OsStr>) -> Result<OwnedSession, Error> {
        let session = self.open_session(path)?;
        Ok(OwnedSession::new(self.clone(), session, Location::caller()))
    }

    #[track_caller]
    pub(crate) fn open(
        &self,
        request: OpenRequest<'_>,
        call: impl FnOnce() -> OpenSession,
    ) -> Result<(Session, Hresult), Error> {
        let (outcome, answer) = self.step(
            Function::OpenSession,
            |machine, thread, asking| {
                let path = request.image.path();
                machine.open_session(thread, request, || asking.ask(Some(path)))
            },
            || Call::OpenSession(call()),
        );
        match outcome? {
            effect @ Effect::Opened { session, .. } => Ok((session, code_of(&answer, effect))),
            effect => unreachable!("an open that was answered with {effect:?}"),
        }
    }

    /// A call that takes effect at one instant: past its holds and its rule, through the machine
    /// into the journal. Gives the scripted answer beside the outcome.
    #[inline]
    #[track_caller]
    fn step(
        &self,
        function: Function,
        apply: impl FnOnce(&mut Machine, ThreadId, &mut Asking<'_>) -> Outcome,
        call: impl FnOnce() -> Call,
    ) -> (Outcome, Option<Box<Answer>>) {
        let thread = current_thread();
        let mut core = self.hold_at(self.lock(), Point::Before, thread, function, None);
        let Core { machine, journal, script, .. } = &mut *core;
        let mut asking = Asking::new(script, function, None);
        let outcome = apply(machine, thread, &mut asking);
        let (code, answer) = (asking.code(), asking.answer);
        journal.push(thread, self.place(Location::caller()), || call().answered(code), outcome);
        drop(self.hold_at(core, Point::Returning, thread, function, None));
        (outcome, answer)
    }

    /// Begins an operation on a session: any function of the API that takes one, but for the
    /// close.
    ///
    /// Operations on one session are performed one at a time in the order of arrival, so this
    /// waits for those that came before (rule P2). What it gives stands for the running call: the
    /// operation lasts until it is ended or dropped.
    ///
    /// [`Function::CommitImage`] needs an image that is [mounted](Self::mount_image) (rule P1).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`], [`Error::InvalidSession`] and, while another thread closes the
    /// session, [`Error::SessionClosing`] (rules P1, C4); [`Error::PossibleDeadlock`] inside an
    /// operation of the same thread on the same session (rule P3); [`Error::InvalidArgument`] for
    /// a function that is not an operation.
    #[inline]
    #[track_caller]
    pub fn operation(&self, session: Session, function: Function) -> Result<Operation<'_>, Error> {
        let place = Location::caller();
        let answer = self.begin_operation(session, function, place)?;
        Ok(Operation::new(self, session, function, place, answer))
    }

    /// Begins an operation and ends it: what most adapters between a program and the emulator
    /// need.
    ///
    /// Gives what a [`Rule`] says, or else `S_OK`.
    ///
    /// # Errors
    ///
    /// Those of [`operation`](Self::operation) and of [`Operation::end`].
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult};
    ///
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// assert_eq!(dism.perform(session, Function::GetFeatures)?, Hresult::S_OK);
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn perform(&self, session: Session, function: Function) -> Result<Hresult, Error> {
        self.operation(session, function)?.end()
    }

    fn begin_operation(
        &self,
        session: Session,
        function: Function,
        place: &'static Location<'static>,
    ) -> Result<Option<Box<Answer>>, Error> {
        let thread = current_thread();
        let mut core = self.lock();
        if core.script.is_some() {
            return self.begin_scripted_operation(core, thread, session, function, place);
        }
        let outcome = core.machine.begin_operation(thread, session, function, |_| None);
        core.journal.push(
            thread,
            self.place(place),
            || Call::BeginOperation { session, function },
            outcome,
        );
        if outcome? == (Effect::Begun { ready: false }) {
            core = self.wait(core, thread, session);
            // The test may have set a hold meanwhile.
            drop(self.hold_at(core, Point::Between, thread, function, Some(session)));
        }
        Ok(None)
    }

    /// The same past holds and rules.
    #[cold]
    fn begin_scripted_operation(
        &self,
        core: MutexGuard<'_, Core>,
        thread: ThreadId,
        session: Session,
        function: Function,
        place: &'static Location<'static>,
    ) -> Result<Option<Box<Answer>>, Error> {
        let on = Some(session);
        let mut core = self.hold_at(core, Point::Before, thread, function, on);
        let Core { machine, journal, script, .. } = &mut *core;
        let mut asking = Asking::new(script, function, on);
        let outcome =
            machine.begin_operation(thread, session, function, |image| asking.ask(Some(image)));
        let (code, answer) = (asking.code(), asking.answer);
        let call = || Call::BeginOperation { session, function }.answered(code);
        journal.push(thread, self.place(place), call, outcome);
        match outcome {
            Ok(Effect::Begun { ready: false }) => core = self.wait(core, thread, session),
            Ok(_) => {}
            Err(error) => {
                drop(self.hold_at(core, Point::Returning, thread, function, on));
                return Err(error);
            }
        }
        drop(self.hold_at(core, Point::Between, thread, function, on));
        Ok(answer)
    }

    #[inline]
    pub(crate) fn end_operation(
        &self,
        session: Session,
        function: Function,
        result: Hresult,
        place: &'static Location<'static>,
    ) -> Outcome {
        let thread = current_thread();
        let mut core = self.lock();
        let waited = core.machine.waiting();
        let outcome = core.machine.end_operation(thread, session, result);
        core.journal.push(
            thread,
            self.place(place),
            || Call::EndOperation { session, result },
            outcome,
        );
        // Whoever got the turn by it is no longer among those that wait. All are woken, since
        // they share the condition variable and only one of them is meant.
        if core.machine.waiting() < waited {
            self.shared.turn.notify_all();
        }
        drop(self.hold_at(core, Point::Returning, thread, function, Some(session)));
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
    #[track_caller]
    pub fn close_session(&self, session: Session) -> Result<Hresult, Error> {
        self.close_session_at(session, Location::caller())
    }

    pub(crate) fn close_session_at(
        &self,
        session: Session,
        place: &'static Location<'static>,
    ) -> Result<Hresult, Error> {
        let thread = current_thread();
        let (function, on) = (Function::CloseSession, Some(session));
        let mut core = self.hold_at(self.lock(), Point::Before, thread, function, on);
        let Core { machine, journal, script, .. } = &mut *core;
        let mut asking = Asking::new(script, function, on);
        let mut outcome = machine.close_session(thread, session, |image| asking.ask(Some(image)));
        let answer = asking.code();
        journal.push(
            thread,
            self.place(place),
            || Call::CloseSession { session }.answered(answer),
            outcome,
        );
        if let Ok(Effect::Closing { ready }) = outcome {
            core = self.hold_at(core, Point::Between, thread, function, on);
            if !ready {
                core = self.wait(core, thread, session);
            }
            outcome = core.machine.finish_close(thread, session);
            core.journal.push(thread, self.place(place), || Call::FinishClose { session }, outcome);
        }
        drop(self.hold_at(core, Point::Returning, thread, function, on));
        outcome.map(|effect| answer.unwrap_or(effect.code()))
    }

    /// `DismShutdown`. Under [`Contract::Recorded`] one that is not the last takes one off the
    /// count and does not look at sessions (rule S3).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule S1); [`Error::OpenSessionHandles`] for a last shutdown with
    /// a session open, one that is being closed included, and nothing changes (rule S2).
    #[track_caller]
    pub fn shutdown(&self) -> Result<(), Error> {
        self.shutdown_with_code().map(drop)
    }

    /// With the code that was scripted, if one was: rule S6 has only `S_OK`.
    #[inline]
    #[track_caller]
    pub(crate) fn shutdown_with_code(&self) -> Result<Hresult, Error> {
        let (outcome, answer) = self.step(
            Function::Shutdown,
            |machine, _, asking| machine.shutdown(|| asking.ask(None)),
            || Call::Shutdown,
        );
        outcome.map(|effect| code_of(&answer, effect))
    }

    /// `DismGetLastErrorMessage`: the code of the last call of this thread that failed, `None` if
    /// none did; [`Hresult::message`] has the text.
    ///
    /// Every failing call counts but a shutdown, a delete and this one; a success clears nothing
    /// (rules E1 to E4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] after a last shutdown, but not before the first initialize
    /// (rule E5).
    #[track_caller]
    pub fn last_error(&self) -> Result<Option<Hresult>, Error> {
        self.last_error_with_code().map(|(error, _)| error)
    }

    #[track_caller]
    pub(crate) fn last_error_with_code(&self) -> Result<(Option<Hresult>, Hresult), Error> {
        let (outcome, answer) = self.step(
            Function::GetLastErrorMessage,
            |machine, thread, asking| machine.last_error(thread, || asking.ask(None)),
            || Call::GetLastErrorMessage,
        );
        match outcome? {
            effect @ Effect::LastError(error) => Ok((error, code_of(&answer, effect))),
            effect => unreachable!("a last error that was answered with {effect:?}"),
        }
    }

    /// `DismMountImage`. There is no file system behind the emulator: any file has any image.
    ///
    /// Gives what a [`Rule`] says, or else `S_OK`. What is mounted stays so across a shutdown, for
    /// as long as the emulator lives (rule N4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::SessionOnPath`] (rule N2);
    /// [`Error::AlreadyMounted`]; [`Error::InvalidImageIndex`] for image 0;
    /// [`Error::InvalidArgument`] for an empty path.
    ///
    /// ```
    /// use dism_emu::{Emulator, Error, Function, MountImage};
    ///
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// dism.mount_image(MountImage::new(r"C:\mount", r"D:\install.wim"))?;
    /// let session = dism.open_session(r"C:\mount")?;
    /// dism.perform(session, Function::CommitImage)?;
    ///
    /// // N2: not while a session is open on it. C8: the close does not unmount it.
    /// assert!(matches!(dism.unmount_image(r"C:\mount"), Err(Error::SessionOnPath { .. })));
    /// dism.close_session(session)?;
    /// dism.unmount_image(r"C:\mount")?;
    /// dism.shutdown()?;
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn mount_image(&self, mount: MountImage) -> Result<Hresult, Error> {
        self.mount_image_with_answer(mount, false).0
    }

    #[track_caller]
    pub(crate) fn mount_image_with_answer(
        &self,
        mount: MountImage,
        is_cancelled: bool,
    ) -> (Result<Hresult, Error>, Option<Box<Answer>>) {
        let (outcome, answer) = self.step(
            Function::MountImage,
            |machine, thread, asking| {
                let path = mount.path.key().path();
                asking.is_cancelled = is_cancelled;
                machine.mount_image(thread, &mount, || asking.ask(Some(path)))
            },
            || Call::MountImage(mount.clone()),
        );
        (outcome.map(|effect| code_of(&answer, effect)), answer)
    }

    /// `DismUnmountImage`, whether its changes are committed or discarded: there are none.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::SessionOnPath`] (rule N2);
    /// [`Error::NothingMounted`] (rule N3); [`Error::InvalidArgument`] for an empty path.
    #[track_caller]
    pub fn unmount_image(&self, path: impl AsRef<OsStr>) -> Result<Hresult, Error> {
        self.unmount_image_with_answer(ImagePath::new(path), false).0
    }

    #[track_caller]
    pub(crate) fn unmount_image_with_answer(
        &self,
        path: ImagePath,
        is_cancelled: bool,
    ) -> (Result<Hresult, Error>, Option<Box<Answer>>) {
        let (outcome, answer) = self.step(
            Function::UnmountImage,
            |machine, thread, asking| {
                asking.is_cancelled = is_cancelled;
                machine.unmount_image(thread, path.key(), || asking.ask(Some(path.key().path())))
            },
            || Call::UnmountImage { path: path.clone() },
        );
        (outcome.map(|effect| code_of(&answer, effect)), answer)
    }

    /// `DismRemountImage`. Nothing ever needs it here, so it only checks its argument.
    ///
    /// # Errors
    ///
    /// Those of [`unmount_image`](Self::unmount_image).
    #[track_caller]
    pub fn remount_image(&self, path: impl AsRef<OsStr>) -> Result<Hresult, Error> {
        self.remount_path(ImagePath::new(path))
    }

    #[track_caller]
    pub(crate) fn remount_path(&self, path: ImagePath) -> Result<Hresult, Error> {
        let (outcome, answer) = self.step(
            Function::RemountImage,
            |machine, thread, asking| {
                machine.remount_image(thread, path.key(), || asking.ask(Some(path.key().path())))
            },
            || Call::RemountImage { path: path.clone() },
        );
        outcome.map(|effect| code_of(&answer, effect))
    }

    /// `DismGetMountedImageInfo`: what is mounted, in the order in which it was (rule N4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::Scripted`].
    #[track_caller]
    pub fn mounted_images(&self) -> Result<Vec<MountImage>, Error> {
        self.mounted_images_with_code().map(|(mounted, _)| mounted)
    }

    #[track_caller]
    pub(crate) fn mounted_images_with_code(&self) -> Result<(Vec<MountImage>, Hresult), Error> {
        let function = Function::GetMountedImageInfo;
        let mut mounted = Vec::new();
        let (outcome, answer) = self.step(
            function,
            |machine, thread, asking| {
                mounted = machine.mounted().to_vec();
                machine.call_without_session(thread, function, || asking.ask(None))
            },
            || Call::CallWithoutSession { function },
        );
        outcome.map(|effect| (mounted, code_of(&answer, effect)))
    }

    /// A function that takes no session and has no method of its own, such as
    /// [`Function::GetImageInfo`].
    ///
    /// It fails while the API is not initialized (rule N1), answers what a [`Rule`] says, and
    /// does nothing else: there are no images behind the emulator.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::InvalidArgument`] for any other function;
    /// [`Error::Scripted`] for a failing answer.
    ///
    /// ```
    /// use dism_emu::{Emulator, Function, Hresult, Rule};
    ///
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// let refused = dism.script(Rule::on(Function::GetImageInfo).answer(0x8007_0002_u32));
    /// assert!(dism.call(Function::GetImageInfo).is_err());
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[track_caller]
    pub fn call(&self, function: Function) -> Result<Hresult, Error> {
        let (outcome, answer) = self.step(
            function,
            |machine, thread, asking| {
                machine.call_without_session(thread, function, || asking.ask(None))
            },
            || Call::CallWithoutSession { function },
        );
        outcome.map(|effect| code_of(&answer, effect))
    }

    /// Hands out memory in the name of a function that has just succeeded, as `DismGetFeatures`
    /// and its like do: the caller has to [`delete`](Self::delete) it, once (rule D1).
    ///
    /// Not a function of DISM but part of one. It does not look at what the function is; memory is
    /// a number, and the emulator only watches what becomes of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] after a last shutdown; [`Error::OutOfNumbers`] after `u32::MAX`
    /// times.
    #[track_caller]
    pub fn hand_out(&self, function: Function) -> Result<Memory, Error> {
        let place = Location::caller();
        let thread = current_thread();
        let mut core = self.lock();
        let outcome = core.machine.hand_out(thread, function);
        core.journal.push(thread, self.place(place), || Call::HandOut { function }, outcome);
        match outcome? {
            Effect::HandedOut { memory } => Ok(memory),
            effect => unreachable!("memory that was answered with {effect:?}"),
        }
    }

    /// `DismDelete`: gives back memory that was [handed out](Self::hand_out). [`Memory::NULL`] is
    /// a success (rule D2).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for what was not handed out, or was deleted before (rule D3);
    /// [`Error::NotInitialized`] after a last shutdown (rule D4), but not before the first
    /// initialize: the message that tells why that one failed has to be given back, too. None of
    /// these is a last error (rule E2).
    #[track_caller]
    pub fn delete(&self, memory: Memory) -> Result<(), Error> {
        self.delete_with_code(memory).map(drop)
    }

    #[track_caller]
    pub(crate) fn delete_with_code(&self, memory: Memory) -> Result<Hresult, Error> {
        let (outcome, answer) = self.step(
            Function::Delete,
            |machine, _, asking| machine.delete(memory, || asking.ask(None)),
            || Call::Delete { memory },
        );
        outcome.map(|effect| code_of(&answer, effect))
    }

    /// A call of the function with an argument missing.
    #[cfg(feature = "capi")]
    #[track_caller]
    pub(crate) fn refuse(&self, function: Function) -> Error {
        let (outcome, _) = self.step(
            function,
            |machine, thread, _| machine.refuse(thread, function),
            || Call::CallWithoutArgument { function },
        );
        match outcome {
            Err(error) => error,
            Ok(effect) => {
                unreachable!("a call without an argument that was answered with {effect:?}")
            }
        }
    }

    /// Puts a rule in force until the guard is dropped: calls that it means are answered by it.
    #[track_caller]
    pub fn script(&self, rule: Rule) -> RuleGuard {
        self.script_together([rule], Location::caller())
    }

    /// The servicing host of the session's image dies: from here on, every operation on the
    /// session fails, the first with `RPC_E_DISCONNECTED` and all others with `RPC_S_CALL_FAILED`,
    /// as recorded; the session can be closed as ever (rule P5). Operations that have arrived
    /// before end as they would, and rules that are in force already come first.
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
        place: &'static Location<'static>,
    ) -> RuleGuard {
        let id = self.with_script(|script| {
            let id = script.next_id();
            rules.into_iter().for_each(|rule| script.rules.add(rule, id, place));
            id
        });
        RuleGuard::new(self.clone(), id)
    }

    /// Sets a hold until the guard is released or dropped: the next thread that comes to its point
    /// stops there.
    #[track_caller]
    pub fn hold(&self, hold: Hold) -> HoldGuard {
        let place = Location::caller();
        let id = self.with_script(|script| {
            let id = script.next_id();
            script.holds.add(hold, id, place);
            id
        });
        HoldGuard::new(self.clone(), id)
    }

    /// A handle for callers of other languages: the places that they have are not told.
    #[cfg(feature = "capi")]
    pub(crate) fn foreign(&self) -> Self {
        Self { shared: self.shared.clone(), is_foreign: true }
    }

    #[inline]
    fn place(&self, place: &'static Location<'static>) -> Option<&'static Location<'static>> {
        if self.is_foreign { None } else { Some(place) }
    }

    pub(crate) fn with_script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(self.lock().script.get_or_insert_default())
    }

    /// Does what the drop of the last handle would do, which does nothing then: it may be in a
    /// call that outlives its process.
    #[cfg(feature = "capi")]
    pub(crate) fn verify_as_on_drop(&self) {
        let report = {
            let mut core = self.lock();
            let report = core.unseen_report();
            core.verify_on_drop = false;
            report
        };
        if !std::thread::panicking() {
            panic_if_there_is(report);
        }
    }

    /// Stops the thread here if a hold says so. The lock is let go meanwhile.
    #[inline]
    fn hold_at<'a>(
        &'a self,
        core: MutexGuard<'a, Core>,
        point: Point,
        thread: ThreadId,
        function: Function,
        session: Option<Session>,
    ) -> MutexGuard<'a, Core> {
        if core.script.is_none() { core } else { self.stop(core, point, thread, function, session) }
    }

    #[cold]
    fn stop<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        point: Point,
        thread: ThreadId,
        function: Function,
        session: Option<Session>,
    ) -> MutexGuard<'a, Core> {
        let Some(script) = &mut core.script else { return core };
        let Some((id, deadline)) = script.holds.catch(point, function, session, thread) else {
            return core;
        };
        self.shared.held.notify_all();
        let deadline = Deadline::after(deadline);
        loop {
            match &mut core.script {
                Some(script) if script.holds.is_set(id) => {
                    if deadline.is_past() {
                        script.holds.expire(id);
                        return core;
                    }
                }
                _ => return core,
            }
            core = self.shared.held.wait_until(core, deadline);
        }
    }

    /// Waits until the hold has its thread.
    pub(crate) fn wait_for_hold(&self, id: u64) -> Result<(), Missed> {
        let mut core = self.lock();
        let mut deadline = None;
        loop {
            let Some(script) = &core.script else { return Ok(()) };
            let Some(patience) = script.holds.missing(id)? else { return Ok(()) };
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(patience));
            if deadline.is_past() {
                return script.holds.nobody_came(id).map_or(Ok(()), Err);
            }
            core = self.shared.held.wait_until(core, deadline);
        }
    }

    /// Lets the thread go; gives what is to be told if the deadline did that before.
    pub(crate) fn release_hold(&self, id: u64) -> Option<Remark> {
        let remark = self.with_script(|script| script.holds.remove(id));
        self.shared.held.notify_all();
        remark
    }

    /// Looks through the journal for mistakes of the client's, for rules that never fired, and for
    /// holds that nobody released.
    ///
    /// To be called when the client is through: what it has open then counts as left behind. Where
    /// nobody calls it, it is done when the last handle to the process is dropped (clones,
    /// [`OwnedSession`]s and guards are handles), and a report is a panic there, unless the thread
    /// is panicking already or the test
    /// [opted out](Builder::verify_on_drop). That drop says nothing more of a process that was
    /// verified explicitly and not called since.
    ///
    /// # Errors
    ///
    /// The report, where there is anything in it; a journal that was switched off, or whose
    /// beginning is gone, cannot be verified and is reported as such.
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
            let mut core = self.lock();
            core.verified = Some(core.seen());
            core.evidence()
        };
        remarks.extend(journal.gap());
        Report::of(journal, remarks).map_or(Ok(()), Err)
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

impl Core {
    /// What there is to report of what no verification has looked at, unless the test opted out.
    fn unseen_report(&mut self) -> Option<Report> {
        let seen = Some(self.seen());
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
        let mut remarks: Vec<_> =
            script.flat_map(|it| it.rules.remarks().chain(it.holds.remarks())).collect();
        // Without its beginning the journal cannot tell, but the machine can.
        if let (Some(_), State::Up { count, open_sessions }) = (journal.gap(), self.machine.state())
        {
            if self.journal.written() > 0 {
                remarks.push(Remark::StillInitialized { count, open_sessions });
            }
        }
        (journal, remarks)
    }

    fn seen(&self) -> Seen {
        let last_id = self.script.as_ref().map_or(0, |script| script.last_id);
        Seen { steps: self.journal.written(), last_id }
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

/// What a call returns: its own code, unless another one is scripted.
#[inline]
fn code_of(answer: &Option<Box<Answer>>, effect: Effect) -> Hresult {
    answer.as_ref().map_or(effect.code(), |answer| answer.code)
}

/// Under no lock.
fn panic_if_there_is(report: Option<Report>) {
    if let Some(report) = report {
        panic!("{report}");
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
}

/// As [`Emulator::builder`].
impl Default for Builder {
    fn default() -> Self {
        Self { config: Config::default(), journal_limit: 65_536, verify_on_drop: true }
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

    /// Whether the drop of the last handle [verifies](Emulator::verify) what the client did, and
    /// panics with a report if there is one: yes, unless said otherwise. For tests that make
    /// mistakes on purpose, or leave things as they are.
    ///
    /// A test that returns an error with `?` before its client is through leaves things behind, and
    /// the report of that is all that is seen of it; `unwrap` shows the error itself.
    ///
    /// ```
    /// use dism_emu::Emulator;
    ///
    /// let dism = Emulator::builder().verify_on_drop(false).build();
    /// dism.initialize()?; // and no shutdown
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn verify_on_drop(mut self, verify: bool) -> Self {
        self.verify_on_drop = verify;
        self
    }

    /// The process.
    #[must_use]
    pub fn build(self) -> Emulator {
        let core = Core {
            machine: Machine::new(self.config),
            journal: Recorder::new(self.journal_limit),
            script: None,
            verify_on_drop: self.verify_on_drop,
            verified: None,
        };
        let shared =
            Shared { core: Mutex::new(core), turn: Condvar::default(), held: Condvar::default() };
        Emulator { shared: Arc::new(shared), is_foreign: false }
    }
}
