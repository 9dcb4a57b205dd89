mod config;
mod index;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use self::sessions::{Sessions, Slot};
use crate::call::arguments::OpenRequest;
use crate::call::image::ImageKey;
use crate::call::{
    Call, Effect, Error, Function, Hresult, ImageIdentifier, InvalidArgument, Memory, MountImage,
    Outcome, Session, ThreadId,
};

pub use self::config::{Config, Contract};

/// The state of one process that has loaded the DLL, as a pure state machine.
///
/// No lock, no clock, no thread of its own: [`apply`](Self::apply) takes one step for one thread
/// and says how it came out. The same steps give the same outcomes, always. It is what an
/// [`Emulator`](crate::Emulator) keeps behind its mutex, and it is public for those who bring a
/// lock or a scheduler of their own.
///
/// Two steps can find that they have to wait: [`Call::BeginOperation`] for its turn and
/// [`Call::CloseSession`] for operations to drain. The outcome says so; the thread then takes no
/// other step until [`is_ready`](Self::is_ready) says that its wait is over. An operation that
/// was begun is ended with [`Call::EndOperation`], and a close that answered
/// [`Effect::Closing`] with [`Call::FinishClose`], each by the same thread.
///
/// ```
/// use dism_emu::{Call, Config, Effect, Machine, OpenSession, ThreadId};
///
/// let thread = ThreadId::new(1);
/// let mut machine = Machine::new(Config::default());
/// machine.apply(thread, &Call::Initialize)?;
/// let opened = machine.apply(thread, &Call::OpenSession(OpenSession::new(r"C:\mount")))?;
/// let Effect::Opened { session, references: 1 } = opened else { unreachable!() };
///
/// let closing = machine.apply(thread, &Call::CloseSession { session })?;
/// assert_eq!(closing, Effect::Closing { ready: true });
/// machine.apply(thread, &Call::FinishClose { session })?;
/// assert_eq!(machine.apply(thread, &Call::Shutdown)?, Effect::ShutDown { count: 0 });
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Machine {
    config: Config,
    phase: Phase,
    /// Per thread the code of its last failing call (rule E1).
    last_errors: BTreeMap<ThreadId, Hresult>,
    /// What is mounted, in the order in which it was: it outlives a shutdown (rule N4).
    mounted: Vec<MountImage>,
    /// What was handed out and not given back: it outlives a shutdown (rule D4).
    handed_out: BTreeSet<Memory>,
    /// The last memory that was handed out.
    last_memory: Memory,
}

#[derive(Clone, Debug)]
enum Phase {
    Down {
        /// Whether the process was initialized before: only then is the last error message out
        /// of reach (rule E5).
        after_shutdown: bool,
    },
    Up {
        /// Initializations that no shutdown has matched yet, at least 1; never more than 1 under
        /// [`Contract::Documented`].
        count: u32,
        sessions: Sessions,
    },
}

/// Whether an emulated process is initialized, and how many sessions it has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not initialized, or shut down. No session can be open.
    Down,
    /// Initialized.
    Up {
        /// Initializations that no shutdown has matched yet; always 1 under
        /// [`Contract::Documented`].
        count: u32,
        /// Sessions that are open, those that are being closed included.
        open_sessions: usize,
    },
}

impl State {
    /// Whether the process is initialized.
    #[must_use]
    pub const fn is_initialized(self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// How many sessions are open, those that are being closed included; 0 while down.
    #[must_use]
    pub const fn open_sessions(self) -> usize {
        match self {
            Self::Down => 0,
            Self::Up { open_sessions, .. } => open_sessions,
        }
    }
}

impl Machine {
    /// A process that has loaded the DLL and called nothing yet.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            phase: Phase::Down { after_shutdown: false },
            last_errors: BTreeMap::new(),
            mounted: Vec::new(),
            handed_out: BTreeSet::new(),
            last_memory: Memory::NULL,
        }
    }

    /// What the process is like.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the process is initialized, and how many sessions it has open.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            Phase::Down { .. } => State::Down,
            Phase::Up { count, sessions } => {
                State::Up { count: *count, open_sessions: sessions.count() }
            }
        }
    }

    /// Takes one step for a thread.
    ///
    /// Total: any step may be asked for at any time.
    ///
    /// # Errors
    ///
    /// Those of the contract; and [`InvalidArgument::NothingToEnd`] for an
    /// [`EndOperation`](Call::EndOperation) or a [`FinishClose`](Call::FinishClose) that is not
    /// this thread's, or not yet.
    pub fn apply(&mut self, thread: ThreadId, call: &Call) -> Outcome {
        let answer = call.answer();
        match call.asked() {
            Call::Initialize => self.initialize(thread, || answer),
            Call::OpenSession(open) => self.open_session(thread, open.request(), || answer),
            Call::BeginOperation { session, function } => {
                self.begin_operation(thread, *session, *function, |_| answer)
            }
            Call::EndOperation { session, result } => self.end_operation(thread, *session, *result),
            Call::CloseSession { session } => self.close_session(thread, *session, |_| answer),
            Call::FinishClose { session } => self.finish_close(thread, *session),
            Call::Shutdown => self.shutdown(|| answer),
            Call::GetLastErrorMessage => self.last_error(thread, || answer),
            Call::MountImage(mount) => self.mount_image(thread, mount, || answer),
            Call::UnmountImage { path } => self.unmount_image(thread, path.key(), || answer),
            Call::RemountImage { path } => self.remount_image(thread, path.key(), || answer),
            Call::CallWithoutSession { function } => {
                self.call_without_session(thread, *function, || answer)
            }
            Call::CallWithoutArgument { function } => self.refuse(thread, *function),
            Call::HandOut { function } => self.hand_out(thread, *function),
            Call::Delete { memory } => self.delete(*memory, || answer),
            Call::Scripted { .. } => unreachable!("a call without its answer"),
        }
    }

    /// Whether it is the thread's turn on the session: its operation is the one being performed,
    /// or its close has let the last operation complete.
    ///
    /// `false` while it waits for that, and where it has nothing to wait for there.
    #[must_use]
    pub fn is_ready(&self, thread: ThreadId, session: Session) -> bool {
        let Phase::Up { sessions, .. } = &self.phase else { return false };
        let Some(slot) = sessions.find(session) else { return false };
        sessions.entry(slot).is_held_by(thread)
    }

    /// How many threads wait for [`is_ready`](Self::is_ready) to change.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        match &self.phase {
            Phase::Down { .. } => 0,
            Phase::Up { sessions, .. } => sessions.waiting(),
        }
    }

    // Each call asks for its scripted answer at the one place from which it cannot fail any more:
    // what the contract refuses asks nobody, and what fails by script has changed nothing yet.

    #[inline]
    pub(crate) fn initialize(&mut self, thread: ThreadId, script: impl Script) -> Outcome {
        match self.try_initialize(script) {
            Ok(count) => Ok(Effect::Initialized { count }),
            Err(error) => Err(self.noted(thread, error)),
        }
    }

    #[inline(always)]
    fn try_initialize(&mut self, script: impl Script) -> Result<u32, Error> {
        if !self.config.elevated {
            return Err(Error::NotElevated);
        }
        match (&mut self.phase, self.config.contract) {
            (Phase::Down { .. }, _) => {
                let_through(script())?;
                self.phase = Phase::Up { count: 1, sessions: Sessions::new() };
                Ok(1)
            }
            (Phase::Up { .. }, Contract::Documented) => {
                Err(Error::AlreadyInitialized { code: self.config.already_initialized })
            }
            (Phase::Up { count, .. }, Contract::Recorded) => {
                let next = count.checked_add(1).ok_or(Error::OutOfNumbers)?;
                let_through(script())?;
                *count = next;
                Ok(next)
            }
        }
    }

    #[inline]
    pub(crate) fn open_session(
        &mut self,
        thread: ThreadId,
        open: OpenRequest<'_>,
        script: impl Script,
    ) -> Outcome {
        match self.try_open_session(open, script) {
            Ok((session, references)) => Ok(Effect::Opened { session, references }),
            Err(error) => Err(self.noted(thread, error)),
        }
    }

    #[inline(always)]
    fn try_open_session(
        &mut self,
        open: OpenRequest<'_>,
        script: impl Script,
    ) -> Result<(Session, u32), Error> {
        let sessions = self.phase.sessions()?;
        let image = open.image;
        if image.path().is_empty() {
            return Err(InvalidArgument::EmptyPath.into());
        }
        if open.has_placement && image.is_online() {
            return Err(InvalidArgument::OnlineImagePlacement.into());
        }
        if let Some(slot) = sessions.find_image(image) {
            let entry = sessions.entry_mut(slot);
            let references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;
            let_through(script())?;
            entry.references = references;
            return Ok((entry.handle(), references));
        }
        if !sessions.has_next(self.config.last_session) {
            return Err(Error::OutOfNumbers);
        }
        let_through(script())?;
        Ok((sessions.add(image), 1))
    }

    #[inline]
    pub(crate) fn begin_operation(
        &mut self,
        thread: ThreadId,
        session: Session,
        function: Function,
        script: impl FnOnce(&[u8]) -> Option<Hresult>,
    ) -> Outcome {
        match self.try_begin_operation(thread, session, function, script) {
            Ok(ready) => Ok(Effect::Begun { ready }),
            Err(error) => Err(self.noted(thread, error)),
        }
    }

    #[inline(always)]
    fn try_begin_operation(
        &mut self,
        thread: ThreadId,
        session: Session,
        function: Function,
        script: impl FnOnce(&[u8]) -> Option<Hresult>,
    ) -> Result<bool, Error> {
        let sessions = self.phase.sessions()?;
        if !function.is_operation() {
            return Err(InvalidArgument::NotAnOperation { function }.into());
        }
        // P1: this one function has a code of its own for a session that is not open, and needs a
        // mounted image.
        let commits = function == Function::CommitImage;
        let code = |code| if commits { Hresult::E_INVALIDARG } else { code };
        let Some(slot) = sessions.find(session) else {
            let code = code(self.config.closed_session);
            return Err(Error::InvalidSession { session, code });
        };
        if sessions.entry(slot).is_closing() {
            let code = code(self.config.closing_session);
            return Err(Error::SessionClosing { session, code });
        }
        if sessions.is_busy(slot, thread) {
            return Err(Error::PossibleDeadlock { session });
        }
        let image = sessions.entry(slot).image();
        if commits && find_mounted(&self.mounted, ImageKey::new(image)).is_none() {
            return Err(InvalidArgument::NotMounted { session }.into());
        }
        script(image);
        Ok(sessions.take_turn(slot, thread))
    }

    #[inline]
    pub(crate) fn end_operation(
        &mut self,
        thread: ThreadId,
        session: Session,
        result: Hresult,
    ) -> Outcome {
        match self.try_end_operation(thread, session, result) {
            Ok(()) => Ok(Effect::Ended { result }),
            Err(error) => Err(self.noted(thread, error)),
        }
    }

    #[inline(always)]
    fn try_end_operation(
        &mut self,
        thread: ThreadId,
        session: Session,
        result: Hresult,
    ) -> Result<(), Error> {
        let (sessions, slot) = self.find(session)?;
        if !sessions.entry(slot).is_held_by(thread) || sessions.is_drained(slot) {
            return Err(InvalidArgument::NothingToEnd { session }.into());
        }
        sessions.pass_turn(slot);
        sessions.entry_mut(slot).reboot |= result == Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
        if result.is_failure() {
            return Err(Error::OperationFailed { code: result });
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn close_session(
        &mut self,
        thread: ThreadId,
        session: Session,
        script: impl FnOnce(&[u8]) -> Option<Hresult>,
    ) -> Outcome {
        self.try_close_session(thread, session, script).map_err(|error| self.noted(thread, error))
    }

    #[inline(always)]
    fn try_close_session(
        &mut self,
        thread: ThreadId,
        session: Session,
        script: impl FnOnce(&[u8]) -> Option<Hresult>,
    ) -> Outcome {
        let code = self.config.closed_session;
        let (sessions, slot) = self.find(session)?;
        match sessions.entry(slot).references {
            // C5: a closing session is closed as far as another close is concerned.
            0 => Err(Error::InvalidSession { session, code }),
            1 if sessions.is_busy(slot, thread) => Err(Error::PossibleDeadlock { session }),
            1 => {
                let_through(script(sessions.entry(slot).image()))?;
                Ok(Effect::Closing { ready: sessions.start_closing(slot, thread) })
            }
            _ => {
                let_through(script(sessions.entry(slot).image()))?;
                let entry = sessions.entry_mut(slot);
                entry.references -= 1;
                Ok(Effect::Released { references: entry.references })
            }
        }
    }

    #[inline]
    pub(crate) fn finish_close(&mut self, thread: ThreadId, session: Session) -> Outcome {
        match self.try_finish_close(thread, session) {
            Ok(reboot) => Ok(Effect::Closed { reboot }),
            Err(error) => Err(self.noted(thread, error)),
        }
    }

    #[inline(always)]
    fn try_finish_close(&mut self, thread: ThreadId, session: Session) -> Result<bool, Error> {
        let (sessions, slot) = self.find(session)?;
        let entry = sessions.entry(slot);
        let reboot = entry.reboot;
        if !entry.is_held_by(thread) || !sessions.is_drained(slot) {
            return Err(InvalidArgument::NothingToEnd { session }.into());
        }
        sessions.remove(slot);
        Ok(reboot)
    }

    /// Does not touch the last error (rule S7).
    #[inline]
    pub(crate) fn shutdown(&mut self, script: impl Script) -> Outcome {
        match &mut self.phase {
            Phase::Down { .. } => Err(Error::NotInitialized),
            // S3: one that is not the last does not look at sessions.
            Phase::Up { count: count @ 2.., .. } => {
                let_through(script())?;
                *count -= 1;
                Ok(Effect::ShutDown { count: *count })
            }
            Phase::Up { sessions, .. } if sessions.count() > 0 => Err(Error::OpenSessionHandles),
            Phase::Up { .. } => {
                let_through(script())?;
                self.phase = Phase::Down { after_shutdown: true };
                Ok(Effect::ShutDown { count: 0 })
            }
        }
    }

    /// Neither reads nor writes anything but the last error; its own failure is not one (rule E2).
    pub(crate) fn last_error(&self, thread: ThreadId, script: impl Script) -> Outcome {
        self.not_after_shutdown()?;
        let_through(script())?;
        Ok(Effect::LastError(self.last_errors.get(&thread).copied()))
    }

    pub(crate) fn mount_image(
        &mut self,
        thread: ThreadId,
        mount: &MountImage,
        script: impl Script,
    ) -> Outcome {
        let try_mount = || {
            let path = mount.path.key();
            if path.path().is_empty() || mount.file.as_bytes().is_empty() {
                return Err(self.no_path());
            }
            let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH;
            self.no_session_on(path, in_use)?;
            if find_mounted(&self.mounted, path).is_some() {
                return Err(Error::AlreadyMounted);
            }
            match &mount.image {
                ImageIdentifier::Index(0) => return Err(Error::InvalidImageIndex),
                ImageIdentifier::Name(name) if name.as_bytes().is_empty() => {
                    return Err(Error::InvalidImageName);
                }
                _ => {}
            }
            let_through(script())?;
            self.mounted.push(mount.clone());
            Ok(Effect::Mounted)
        };
        try_mount().map_err(|error| self.noted(thread, error))
    }

    pub(crate) fn unmount_image(
        &mut self,
        thread: ThreadId,
        path: ImageKey<'_>,
        script: impl Script,
    ) -> Outcome {
        let try_unmount = || {
            let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH;
            let at = self.mounted_at(path, in_use)?;
            let_through(script())?;
            self.mounted.remove(at);
            Ok(Effect::Unmounted)
        };
        try_unmount().map_err(|error| self.noted(thread, error))
    }

    pub(crate) fn remount_image(
        &mut self,
        thread: ThreadId,
        path: ImageKey<'_>,
        script: impl Script,
    ) -> Outcome {
        let try_remount = || {
            let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH;
            self.mounted_at(path, in_use)?;
            let_through(script())?;
            Ok(Effect::Remounted)
        };
        try_remount().map_err(|error| self.noted(thread, error))
    }

    /// Which mounted image a function is about that wants no session on it (rules N1 to N3).
    fn mounted_at(&self, path: ImageKey<'_>, in_use: Hresult) -> Result<usize, Error> {
        if path.path().is_empty() {
            return Err(self.no_path());
        }
        self.no_session_on(path, in_use)?;
        find_mounted(&self.mounted, path).ok_or(Error::NothingMounted)
    }

    fn no_session_on(&self, path: ImageKey<'_>, code: Hresult) -> Result<(), Error> {
        match &self.phase {
            Phase::Down { .. } => Err(Error::NotInitialized),
            Phase::Up { sessions, .. } if sessions.is_on(path) => {
                Err(Error::SessionOnPath { code })
            }
            Phase::Up { .. } => Ok(()),
        }
    }

    /// Not initialized comes first (rule N1).
    fn no_path(&self) -> Error {
        match self.phase {
            Phase::Down { .. } => Error::NotInitialized,
            Phase::Up { .. } => InvalidArgument::EmptyPath.into(),
        }
    }

    /// What is mounted, in the order in which it was (rule N4). It does not ask whether the
    /// process is initialized.
    #[must_use]
    pub fn mounted(&self) -> &[MountImage] {
        &self.mounted
    }

    pub(crate) fn call_without_session(
        &mut self,
        thread: ThreadId,
        function: Function,
        script: impl Script,
    ) -> Outcome {
        let call = || {
            self.phase.sessions()?;
            if !function.is_without_session() {
                return Err(InvalidArgument::TakesSession { function }.into());
            }
            let_through(script())
        };
        call().map(|()| Effect::Called).map_err(|error| self.noted(thread, error))
    }

    /// Not initialized comes first, whatever is missing.
    pub(crate) fn refuse(&mut self, thread: ThreadId, function: Function) -> Outcome {
        let is_there = match &self.phase {
            Phase::Up { .. } => true,
            Phase::Down { after_shutdown } => match function {
                Function::Initialize => true,
                Function::GetLastErrorMessage | Function::Delete => !after_shutdown,
                _ => false,
            },
        };
        let error = if is_there {
            InvalidArgument::Missing { function }.into()
        } else {
            Error::NotInitialized
        };
        Err(if sets_last_error(function) { self.noted(thread, error) } else { error })
    }

    /// Rule D1. The function that hands out is what fails here, and it sets the last error as
    /// rule E2 has it.
    pub(crate) fn hand_out(&mut self, thread: ThreadId, function: Function) -> Outcome {
        let next = self.not_after_shutdown().and_then(|()| {
            let next = self.last_memory.raw() + 1;
            // The last number is that of no memory at all.
            (next < u32::MAX).then_some(Memory::from_raw(next)).ok_or(Error::OutOfNumbers)
        });
        match next {
            Ok(memory) => {
                self.last_memory = memory;
                self.handed_out.insert(memory);
                Ok(Effect::HandedOut { memory })
            }
            Err(error) if sets_last_error(function) => Err(self.noted(thread, error)),
            Err(error) => Err(error),
        }
    }

    /// Does not touch the last error (rule E2).
    pub(crate) fn delete(&mut self, memory: Memory, script: impl Script) -> Outcome {
        self.not_after_shutdown()?;
        if memory != Memory::NULL && !self.handed_out.contains(&memory) {
            return Err(InvalidArgument::NotHandedOut { memory }.into());
        }
        let_through(script())?;
        self.handed_out.remove(&memory);
        Ok(Effect::Deleted)
    }

    /// What works before the first initialize, too: whoever reads why that one failed needs it
    /// (rules E5, D4).
    fn not_after_shutdown(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Down { after_shutdown: true } => Err(Error::NotInitialized),
            _ => Ok(()),
        }
    }

    #[inline]
    fn find(&mut self, session: Session) -> Result<(&mut Sessions, Slot), Error> {
        let sessions = self.phase.sessions()?;
        match sessions.find(session) {
            Some(slot) => Ok((sessions, slot)),
            None => Err(Error::InvalidSession { session, code: self.config.closed_session }),
        }
    }

    /// Every failing function but shutdown, delete and the last error itself sets the last error
    /// (rule E2); a success does not clear it (rule E3).
    #[cold]
    fn noted(&mut self, thread: ThreadId, error: Error) -> Error {
        self.last_errors.insert(thread, error.code());
        error
    }
}

/// Rule E2.
const fn sets_last_error(function: Function) -> bool {
    !matches!(function, Function::Shutdown | Function::Delete | Function::GetLastErrorMessage)
}

/// Gives the scripted answer of a call, if there is one.
pub(crate) trait Script: FnOnce() -> Option<Hresult> {}

impl<F: FnOnce() -> Option<Hresult>> Script for F {}

fn find_mounted(mounted: &[MountImage], path: ImageKey<'_>) -> Option<usize> {
    mounted.iter().position(|mount| mount.path.key().names(path.path()))
}

/// A failing answer is all that happens.
#[inline]
fn let_through(answer: Option<Hresult>) -> Result<(), Error> {
    match answer {
        Some(code) if code.is_failure() => Err(Error::Scripted { code }),
        _ => Ok(()),
    }
}

impl Phase {
    #[inline]
    fn sessions(&mut self) -> Result<&mut Sessions, Error> {
        match self {
            Self::Down { .. } => Err(Error::NotInitialized),
            Self::Up { sessions, .. } => Ok(sessions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::OpenSession;

    const THREAD: ThreadId = ThreadId::new(1);

    fn recorded() -> Machine {
        Machine::new(Config { contract: Contract::Recorded, ..Config::default() })
    }

    #[test]
    fn one_initialize_more_than_can_be_counted_fails_and_changes_nothing() {
        let mut machine = recorded();
        machine.phase = Phase::Up { count: u32::MAX - 1, sessions: Sessions::new() };
        let initialized = Ok(Effect::Initialized { count: u32::MAX });
        assert_eq!(machine.apply(THREAD, &Call::Initialize), initialized);
        assert_eq!(machine.apply(THREAD, &Call::Initialize), Err(Error::OutOfNumbers));
        assert_eq!(machine.state(), State::Up { count: u32::MAX, open_sessions: 0 });
        let shut_down = Ok(Effect::ShutDown { count: u32::MAX - 1 });
        assert_eq!(machine.apply(THREAD, &Call::Shutdown), shut_down);
    }

    #[test]
    fn one_reference_more_than_can_be_counted_fails_and_changes_nothing() {
        let mut machine = recorded();
        let open = Call::OpenSession(OpenSession::new("image"));
        machine.apply(THREAD, &Call::Initialize).unwrap();
        let Ok(Effect::Opened { session, .. }) = machine.apply(THREAD, &open) else { panic!() };
        let sessions = machine.phase.sessions().unwrap();
        let slot = sessions.find(session).unwrap();
        sessions.entry_mut(slot).references = u32::MAX;
        assert_eq!(machine.apply(THREAD, &open), Err(Error::OutOfNumbers));
        let released = machine.apply(THREAD, &Call::CloseSession { session });
        assert_eq!(released, Ok(Effect::Released { references: u32::MAX - 1 }));
    }

    /// O8: the very last number is given out, and none after it.
    #[test]
    fn the_numbers_end_at_u32_max() {
        let mut machine = recorded();
        machine.apply(THREAD, &Call::Initialize).unwrap();
        machine.phase.sessions().unwrap().set_next(u64::from(u32::MAX));
        let open = |path: &str| Call::OpenSession(OpenSession::new(path));
        let session = Session::from_raw(u32::MAX);
        let opened = machine.apply(THREAD, &open("image"));
        assert_eq!(opened, Ok(Effect::Opened { session, references: 1 }));
        assert_eq!(machine.apply(THREAD, &open("other")), Err(Error::OutOfNumbers));
        machine.apply(THREAD, &Call::CloseSession { session }).unwrap();
        machine.apply(THREAD, &Call::FinishClose { session }).unwrap();
        assert_eq!(machine.apply(THREAD, &open("other")), Err(Error::OutOfNumbers));
    }
}
