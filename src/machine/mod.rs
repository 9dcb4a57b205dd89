//! A DISM process as a pure state machine: no lock, no clock, no thread.
//!
//! An [`Emulator`](crate::Emulator) keeps it behind its mutex. It is public for callers that bring
//! a lock or a scheduler of their own. A test needs this module to look at the steps of a
//! [`Journal`](crate::Journal) one by one, and at the [`State`].

mod aliases;
pub(crate) mod config;
mod mounts;
pub(crate) mod request;
mod sessions;
mod step;

use std::collections::BTreeMap;

use bitflags::Flags;
use hashbrown::HashTable;

use self::config::Contract;
use self::mounts::Mounts;
use self::request::Request;
use self::sessions::{Sessions, Slot};
use crate::call::image::{ImageKey, OwnedImageKey};
use crate::call::{
    CommitFlags, Error, Function, Hresult, ImageIdentifier, InvalidArgument, Memory, MountImage,
    MountMode, Session, ThreadNumber,
};

pub use self::config::Config;
pub use self::step::{ReplayError, Step};
pub use crate::call::{Call, Effect, Outcome, Scripted};

/// The state of one process that has loaded the DLL, as a pure state machine.
///
/// It has no lock, no clock and no thread: [`apply`](Self::apply) takes one step for one thread and
/// returns the outcome. The same steps always have the same outcomes.
///
/// Two steps may have to wait: [`Call::BeginOperation`] for its turn, and [`Call::CloseSession`]
/// for operations to drain. The outcome says so, and the thread then takes no other step until
/// [`is_ready`](Self::is_ready) says that its wait is over. An operation is ended with
/// [`Call::EndOperation`], and a close whose outcome is [`Effect::Closing`] with
/// [`Call::FinishClose`], each by the same thread.
///
/// ```
/// use dism_emu::machine::{Call, Config, Effect, Machine};
/// use dism_emu::{Initialize, OpenSession, ThreadNumber};
///
/// let thread = ThreadNumber::new(1);
/// let mut machine = Machine::new(Config::default());
/// machine.apply(thread, &Call::Initialize(Initialize::new()))?;
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
    /// Apart, since few calls need it.
    lasting: Box<Lasting>,
}

/// What outlives a shutdown (rule I4).
#[derive(Clone, Debug)]
struct Lasting {
    /// For each thread, the code of its last failing call (rule E1).
    last_errors: BTreeMap<ThreadNumber, Hresult>,
    /// The mounted images (rule N4).
    mounts: Mounts,
    /// The images that failed opens have left locked (rule O11). Most processes have none.
    locked: Vec<OwnedImageKey>,
    /// The memory that was handed out and not deleted (rule D4).
    handed_out: HashTable<Memory>,
    /// The last memory that was handed out.
    last_memory: Memory,
}

#[derive(Clone, Debug)]
enum Phase {
    Down {
        /// Whether the process was initialized before. Only then is the last error message out of
        /// reach (rule E5).
        after_shutdown: bool,
    },
    Up {
        /// The number of initializations that no shutdown has matched yet: at least 1, and never
        /// more than 1 under [`Contract::Documented`].
        count: u32,
        sessions: Sessions,
    },
}

/// The state of an emulated process: whether it is initialized, and how many sessions are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not initialized, or shut down. No session can be open.
    Down,
    /// Initialized.
    Up {
        /// The number of initializations that no shutdown has matched yet; always 1 under
        /// [`Contract::Documented`].
        count: u32,
        /// The number of open sessions, including those that are being closed.
        open_sessions: usize,
    },
}

impl State {
    /// Returns whether the process is initialized.
    #[must_use]
    pub const fn is_initialized(self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// Returns how many sessions are open, including those that are being closed; 0 if the process
    /// is not initialized.
    #[must_use]
    pub const fn open_sessions(self) -> usize {
        match self {
            Self::Down => 0,
            Self::Up { open_sessions, .. } => open_sessions,
        }
    }
}

impl Machine {
    /// Creates a process that has loaded the DLL and called nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let lasting = Lasting {
            last_errors: BTreeMap::new(),
            mounts: Mounts::new(),
            locked: Vec::new(),
            handed_out: HashTable::new(),
            last_memory: Memory::NULL,
        };
        let phase = Phase::Down { after_shutdown: false };
        Self { config, phase, lasting: Box::new(lasting) }
    }

    /// Returns the configuration of the process.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns whether the process is initialized, and how many sessions are open.
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
    /// The function is total: any step may be taken at any time.
    ///
    /// # Errors
    ///
    /// Those of the contract, and [`InvalidArgument::NothingToEnd`] for an
    /// [`EndOperation`](Call::EndOperation) or a [`FinishClose`](Call::FinishClose) that comes too
    /// early or is not this thread's.
    pub fn apply(&mut self, thread: ThreadNumber, call: &Call) -> Outcome {
        let answer = call.answer();
        self.step(thread, call, |_| answer)
    }

    /// Takes the step of a request, for which the test may have scripted an answer.
    #[inline]
    pub(crate) fn step(
        &mut self,
        thread: ThreadNumber,
        request: &impl Request,
        ask: impl Ask,
    ) -> Outcome {
        let mut in_effect = None;
        let outcome = request.apply(self, thread, |image| {
            let scripted = ask(image)?;
            in_effect = scripted.fails_in_effect();
            Some(scripted)
        });
        if let Err(error) = outcome {
            self.record_last_error(thread, &request.call(), error.code());
        }
        if let Some(code) = in_effect {
            self.record_last_error(thread, &request.call(), code);
        }
        outcome
    }

    /// Records a failure as the thread's last error (rules E1 and E2). A success clears nothing
    /// (rule E3).
    #[cold]
    fn record_last_error(&mut self, thread: ThreadNumber, call: &Call, code: Hresult) {
        if sets_last_error(call) {
            self.lasting.last_errors.insert(thread, code);
        }
    }

    /// Returns whether it is the thread's turn on the session: its operation is the one being
    /// performed, or all operations that its close waits for are complete.
    ///
    /// Returns `false` while the thread waits for that, and if it has nothing to wait for on the
    /// session.
    #[must_use]
    pub fn is_ready(&self, thread: ThreadNumber, session: Session) -> bool {
        self.turn(session) == Some(thread)
    }

    /// Returns the thread whose turn it is on the session.
    pub(crate) fn turn(&self, session: Session) -> Option<ThreadNumber> {
        let Phase::Up { sessions, .. } = &self.phase else { return None };
        sessions.entry(sessions.find(session)?).holder()
    }

    // Each call asks for its scripted answer at the one point from which it cannot fail any more,
    // and before it changes anything. So a call that the contract refuses asks for no answer, and a
    // call that is made to fail has changed nothing. Only an open leaves something behind (rules O10
    // and O11).

    #[inline]
    fn initialize(&mut self, ask: impl Ask) -> Outcome {
        if !self.config.elevated {
            return Err(Error::NotElevated);
        }
        let count = match (&mut self.phase, self.config.contract) {
            (Phase::Down { .. }, _) => {
                check_scripted(ask(None))?;
                self.phase = Phase::Up { count: 1, sessions: Sessions::new() };
                1
            }
            (Phase::Up { .. }, Contract::Documented) => {
                return Err(Error::AlreadyInitialized { code: self.config.already_initialized });
            }
            (Phase::Up { count, .. }, Contract::Recorded) => {
                let next = count.checked_add(1).ok_or(Error::OutOfNumbers)?;
                check_scripted(ask(None))?;
                *count = next;
                next
            }
        };
        Ok(Effect::Initialized { count })
    }

    #[inline]
    fn open_session(&mut self, image: ImageKey<'_>, has_placement: bool, ask: impl Ask) -> Outcome {
        let Self { config, phase, lasting } = self;
        let sessions = phase.sessions()?;
        if image.path().is_empty() {
            return Err(InvalidArgument::EmptyPath.into());
        }
        if has_placement && image.is_online() {
            return Err(InvalidArgument::OnlineImagePlacement.into());
        }
        let image = config.aliases.resolve(image);
        if let Some(slot) = sessions.find_image(image) {
            let entry = sessions.entry_mut(slot);
            let references = entry.references.checked_add(1).ok_or(Error::OutOfNumbers)?;
            check_scripted(ask(Some(image)))?;
            entry.references = references;
            return Ok(Effect::Opened { session: entry.handle, references });
        }
        if !sessions.has_next(config.last_session) {
            return Err(Error::OutOfNumbers);
        }
        let opened = if lasting.locked.iter().any(|locked| image.is_same(locked.key())) {
            Err(Error::ImageLocked)
        } else {
            check_scripted(ask(Some(image)))
        };
        if let Err(error) = opened {
            // O10: the open has got as far as the image.
            sessions.skip();
            if error.code() == Hresult::REGDB_E_CLASSNOTREG && !image.is_online() {
                lasting.locked.push(image.to_owned());
            }
            return Err(error);
        }
        Ok(Effect::Opened { session: sessions.add(image), references: 1 })
    }

    #[inline]
    fn begin_operation(
        &mut self,
        thread: ThreadNumber,
        session: Session,
        function: Function,
        flags: CommitFlags,
        ask: impl Ask,
    ) -> Outcome {
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
        let image = sessions.entry(slot).image();
        let mount = if commits {
            let mounts = &self.lasting.mounts;
            let at = mounts.find(image, &self.config.aliases);
            Some(&mounts.all()[at.ok_or(InvalidArgument::NotMounted { session })?])
        } else {
            None
        };
        if sessions.is_busy(slot, thread) {
            return Err(Error::PossibleDeadlock { session });
        }
        if let Some(mount) = mount {
            check_flags(flags)?;
            check_commit(mount, flags)?;
        }
        // The operation begins with any answer, and ends with it (rule P5).
        ask(Some(image));
        Ok(Effect::Begun { ready: sessions.take_turn(slot, thread) })
    }

    #[inline]
    fn end_operation(
        &mut self,
        thread: ThreadNumber,
        session: Session,
        result: Hresult,
    ) -> Outcome {
        let (sessions, slot) = self.find(session)?;
        if !sessions.entry(slot).is_held_by(thread) || sessions.is_drained(slot) {
            return Err(InvalidArgument::NothingToEnd { session }.into());
        }
        sessions.pass_turn(slot);
        sessions.entry_mut(slot).reboot |= result == Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;
        match result {
            code if code.is_failure() => Err(Error::Failed { code }),
            Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED => Ok(Effect::ReloadRequired),
            result => Ok(Effect::Ended { result }),
        }
    }

    #[inline]
    fn close_session(&mut self, thread: ThreadNumber, session: Session, ask: impl Ask) -> Outcome {
        let code = self.config.closed_session;
        let (sessions, slot) = self.find(session)?;
        let entry = sessions.entry(slot);
        match entry.references {
            // C5: for another close, a closing session is closed already.
            0 => return Err(Error::InvalidSession { session, code }),
            1 if sessions.is_busy(slot, thread) => {
                return Err(Error::PossibleDeadlock { session });
            }
            _ => check_scripted(ask(Some(entry.image())))?,
        }
        Ok(match entry.references {
            1 => Effect::Closing { ready: sessions.start_closing(slot, thread) },
            references => {
                sessions.entry_mut(slot).references -= 1;
                Effect::Released { references: references - 1 }
            }
        })
    }

    #[inline]
    fn finish_close(&mut self, thread: ThreadNumber, session: Session) -> Outcome {
        let (sessions, slot) = self.find(session)?;
        let entry = sessions.entry(slot);
        let reboot = entry.reboot;
        if !entry.is_held_by(thread) || !sessions.is_drained(slot) {
            return Err(InvalidArgument::NothingToEnd { session }.into());
        }
        sessions.remove(slot);
        Ok(Effect::Closed { reboot })
    }

    #[inline]
    fn shutdown(&mut self, ask: impl Ask) -> Outcome {
        let left = match &mut self.phase {
            Phase::Down { .. } => return Err(Error::NotInitialized),
            // S3: a shutdown that is not final ignores sessions.
            Phase::Up { count: count @ 2.., .. } => {
                check_scripted(ask(None))?;
                *count -= 1;
                *count
            }
            Phase::Up { sessions, .. } if sessions.count() > 0 => {
                return Err(Error::OpenSessionHandles);
            }
            Phase::Up { .. } => {
                check_scripted(ask(None))?;
                self.phase = Phase::Down { after_shutdown: true };
                0
            }
        };
        Ok(Effect::ShutDown { count: left })
    }

    fn last_error(&self, thread: ThreadNumber, ask: impl Ask) -> Outcome {
        self.not_after_shutdown()?;
        check_scripted(ask(None))?;
        Ok(match self.lasting.last_errors.get(&thread) {
            Some(code) => Effect::LastError(*code),
            None => Effect::NoLastError { code: self.config.no_message },
        })
    }

    fn mount_image(&mut self, mount: &MountImage, ask: impl Ask) -> Outcome {
        let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH;
        let aliases = &self.config.aliases;
        let (path, file) = (aliases.resolve(mount.path.key()), aliases.resolve(mount.file.key()));
        self.check_path(path)?;
        if file.path().is_empty() {
            return Err(InvalidArgument::EmptyPath.into());
        }
        if path.is_online() {
            return Err(InvalidArgument::OnlineMount.into());
        }
        check_flags(mount.flags)?;
        self.check_no_session(path, in_use)?;
        if self.lasting.mounts.find(path, aliases).is_some() {
            return Err(Error::AlreadyMounted);
        }
        match &mount.image {
            ImageIdentifier::Index(0) => return Err(Error::InvalidImageIndex),
            ImageIdentifier::Name(name) if name.as_bytes().is_empty() => {
                return Err(Error::InvalidImageName);
            }
            &ImageIdentifier::Unknown(identifier) => {
                return Err(InvalidArgument::UnknownIdentifier { identifier }.into());
            }
            _ => {}
        }
        if mount.mode() == MountMode::ReadWrite && self.lasting.mounts.is_written(file, aliases) {
            return Err(Error::FileInUse);
        }
        check_scripted(ask(Some(path)))?;
        self.lasting.mounts.add(mount.clone(), aliases);
        Ok(Effect::Mounted)
    }

    fn unmount_image(&mut self, path: ImageKey<'_>, flags: CommitFlags, ask: impl Ask) -> Outcome {
        let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH;
        let path = self.config.aliases.resolve(path);
        self.check_path(path)?;
        check_flags(flags)?;
        let at = self.mounted_at(path, in_use)?;
        check_commit(&self.lasting.mounts.all()[at], flags)?;
        check_scripted(ask(Some(path)))?;
        self.lasting.mounts.remove(at, &self.config.aliases);
        Ok(Effect::Unmounted)
    }

    fn remount_image(&self, path: ImageKey<'_>, ask: impl Ask) -> Outcome {
        let in_use = Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH;
        let path = self.config.aliases.resolve(path);
        self.check_path(path)?;
        self.mounted_at(path, in_use)?;
        check_scripted(ask(Some(path)))?;
        Ok(Effect::Remounted)
    }

    /// Returns the index of the image that is to be unmounted or remounted (rules N2 and N3).
    fn mounted_at(&self, path: ImageKey<'_>, in_use: Hresult) -> Result<usize, Error> {
        self.check_no_session(path, in_use)?;
        self.lasting.mounts.find(path, &self.config.aliases).ok_or(Error::NothingMounted)
    }

    /// Checks rule N1, and then that the path is not empty.
    fn check_path(&self, path: ImageKey<'_>) -> Result<(), Error> {
        self.check_initialized()?;
        if path.path().is_empty() { Err(InvalidArgument::EmptyPath.into()) } else { Ok(()) }
    }

    /// Checks rule N2.
    fn check_no_session(&self, path: ImageKey<'_>, code: Hresult) -> Result<(), Error> {
        match &self.phase {
            Phase::Up { sessions, .. } if sessions.is_on(path) => {
                Err(Error::SessionOnPath { code })
            }
            _ => Ok(()),
        }
    }

    /// Returns the mounted images in the order in which they were mounted (rule N4), whether or not
    /// the process is initialized.
    #[must_use]
    pub fn mounted(&self) -> &[MountImage] {
        self.lasting.mounts.all()
    }

    fn call_without_session(&self, ask: impl Ask) -> Outcome {
        self.check_initialized()?;
        check_scripted(ask(None))?;
        Ok(Effect::Called)
    }

    fn get_image_info(&self, file: ImageKey<'_>, ask: impl Ask) -> Outcome {
        let file = self.config.aliases.resolve(file);
        self.check_path(file)?;
        check_scripted(ask(Some(file)))?;
        Ok(Effect::Called)
    }

    /// Fails because an argument is missing, unless the API is not initialized: that comes first.
    fn call_without_argument(&self, function: Function) -> Outcome {
        match function {
            Function::Initialize => {}
            Function::GetLastErrorMessage | Function::Delete => self.not_after_shutdown()?,
            _ => self.check_initialized()?,
        }
        Err(InvalidArgument::Missing { function }.into())
    }

    /// Hands out memory (rule D1).
    fn hand_out(&mut self) -> Outcome {
        self.not_after_shutdown()?;
        let next = self.lasting.last_memory.raw() + 1;
        // The highest number stands for a pointer that was never handed out.
        if next == u32::MAX {
            return Err(Error::OutOfNumbers);
        }
        let memory = Memory::from_raw(next);
        self.lasting.last_memory = memory;
        let hash = |memory: &Memory| spread(memory.raw());
        self.lasting.handed_out.insert_unique(hash(&memory), memory, hash);
        Ok(Effect::HandedOut { memory })
    }

    fn delete(&mut self, memory: Memory, ask: impl Ask) -> Outcome {
        self.not_after_shutdown()?;
        let found = self.lasting.handed_out.find_entry(spread(memory.raw()), |it| *it == memory);
        if memory != Memory::NULL && found.is_err() {
            return Err(InvalidArgument::NotHandedOut { memory }.into());
        }
        check_scripted(ask(None))?;
        if let Ok(found) = found {
            found.remove();
        }
        Ok(Effect::Deleted)
    }

    fn check_initialized(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Down { .. } => Err(Error::NotInitialized),
            Phase::Up { .. } => Ok(()),
        }
    }

    /// Fails after the final shutdown. Before the first initialize it succeeds, since code that
    /// reads why that initialize failed needs it (rules E5, D4).
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
}

/// A function that returns what is scripted for a call, if anything is. It takes the image of the
/// call, if the call has one.
pub(crate) trait Ask: FnOnce(Option<ImageKey<'_>>) -> Option<Scripted> {}

impl<F: FnOnce(Option<ImageKey<'_>>) -> Option<Scripted>> Ask for F {}

/// Returns whether a failure of the call becomes the thread's last error: all do, except those of
/// shutdown, delete and the last error message itself (rule E2).
pub(crate) fn sets_last_error(call: &Call) -> bool {
    let is_silent = |function| {
        matches!(function, Function::Shutdown | Function::Delete | Function::GetLastErrorMessage)
    };
    match *call {
        Call::Shutdown | Call::Delete { .. } | Call::GetLastErrorMessage => false,
        Call::HandOut { function } | Call::CallWithoutArgument { function } => !is_silent(function),
        _ => true,
    }
}

/// Fails if the scripted answer is a failure that prevents the call.
#[inline]
fn check_scripted(answer: Option<Scripted>) -> Result<(), Error> {
    match answer.and_then(Scripted::prevents) {
        Some(code) => Err(Error::Failed { code }),
        None => Ok(()),
    }
}

/// Checks rule N5.
fn check_flags(flags: impl Flags<Bits = u32>) -> Result<(), Error> {
    if flags.contains_unknown_bits() {
        return Err(InvalidArgument::UnknownFlags { flags: flags.bits() }.into());
    }
    Ok(())
}

/// Checks rule N6.
fn check_commit(mount: &MountImage, flags: CommitFlags) -> Result<(), Error> {
    match mount.mode() {
        MountMode::ReadOnly if !flags.discards() => Err(Error::MountedReadOnly),
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

/// Hashes a number. An index looks at the lowest and the highest bits of a hash, so both depend on
/// all bits of the number.
#[inline]
fn spread(number: u32) -> u64 {
    let product = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// Removes an item with this hash from an index, if it is there.
#[inline]
fn take_out<T: PartialEq>(index: &mut HashTable<T>, hash: u64, item: T) {
    if let Ok(found) = index.find_entry(hash, |other| *other == item) {
        found.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Initialize, OpenSession};

    const INITIALIZE: Call = Call::Initialize(Initialize::new());
    const THREAD: ThreadNumber = ThreadNumber::new(1);

    fn recorded() -> Machine {
        Machine::new(Config { contract: Contract::Recorded, ..Config::default() })
    }

    #[test]
    fn one_initialize_more_than_can_be_counted_fails_and_changes_nothing() {
        let mut machine = recorded();
        machine.phase = Phase::Up { count: u32::MAX - 1, sessions: Sessions::new() };
        let initialized = Ok(Effect::Initialized { count: u32::MAX });
        assert_eq!(machine.apply(THREAD, &INITIALIZE), initialized);
        assert_eq!(machine.apply(THREAD, &INITIALIZE), Err(Error::OutOfNumbers));
        assert_eq!(machine.state(), State::Up { count: u32::MAX, open_sessions: 0 });
        let shut_down = Ok(Effect::ShutDown { count: u32::MAX - 1 });
        assert_eq!(machine.apply(THREAD, &Call::Shutdown), shut_down);
    }

    #[test]
    fn one_reference_more_than_can_be_counted_fails_and_changes_nothing() {
        let mut machine = recorded();
        let open = Call::OpenSession(OpenSession::new("image"));
        machine.apply(THREAD, &INITIALIZE).unwrap();
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
        machine.apply(THREAD, &INITIALIZE).unwrap();
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
