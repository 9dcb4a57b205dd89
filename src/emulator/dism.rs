//! The functions of DISM, as the code under test calls them.

use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
#[cfg(feature = "capi")]
use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::Arc;

use super::core::{Shared, Taken};
use super::{Operation, OwnedSession};
use crate::call::{
    Action, Call, CommitFlags, Error, Function, Hresult, ImagePath, Initialize, Memory, MountImage,
    OpenSession, Session, ThreadNumber,
};
use crate::evidence::Caller;
use crate::machine::request::{self, Request};
#[cfg(feature = "capi")]
use crate::script::Progress;

/// The DISM API of one emulated process: what the code under test calls.
///
/// [`Emulator::dism`](crate::Emulator::dism) returns it. A clone is the same process, for another
/// owner or another thread. It has the functions of the API, and what an adapter needs to perform
/// them: it cannot set a rule or a hold. Any function of the API fails with [`Error::Failed`] if a
/// [`Rule`](crate::Rule) says so.
///
/// A call takes a short lock; an operation takes it twice. Apart from holds, a call waits only if
/// the real one would: for earlier operations on the same session.
///
/// A handle may outlive its emulator. Its calls work as before, but they are not verified.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Dism, Emulator, Error, Function};
///
/// /// The code under test.
/// fn add_package(dism: &Dism) -> Result<(), Error> {
///     dism.initialize()?;
///     let session = dism.open_session(DISM_ONLINE_IMAGE)?;
///     dism.perform(session, Function::AddPackage)?;
///     dism.close_session(session)?;
///     dism.shutdown()?;
///     Ok(())
/// }
///
/// let emulator = Emulator::new();
/// add_package(&emulator.dism())?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Dism {
    pub(super) shared: Arc<Shared>,
    /// Lets the emulator count its handles.
    pub(super) _handle: Arc<()>,
    /// Whether calls through this handle come from another language, which has no locations.
    pub(super) is_foreign: bool,
}

impl Dism {
    /// Calls `DismInitialize`.
    ///
    /// Returns `S_OK`. Under [`Contract::Recorded`] it returns [`Hresult::S_FALSE`] if the process
    /// is initialized already, and increments the count (rule I3).
    ///
    /// # Errors
    ///
    /// [`Error::NotElevated`] (rule I2); [`Error::AlreadyInitialized`] under
    /// [`Contract::Documented`] (rule I3); [`Error::OutOfNumbers`] after `u32::MAX`
    /// initializations.
    ///
    /// [`Contract::Documented`]: crate::Contract::Documented
    /// [`Contract::Recorded`]: crate::Contract::Recorded
    #[doc(alias = "DismInitialize")]
    #[track_caller]
    pub fn initialize(&self) -> Result<Hresult, Error> {
        self.take(&request::Initialize).code()
    }

    /// Calls `DismInitialize` with a log level and paths, which are only in the journal.
    ///
    /// # Errors
    ///
    /// Those of [`initialize`](Self::initialize).
    #[doc(alias = "DismInitialize")]
    #[track_caller]
    pub fn initialize_with(&self, initialize: Initialize) -> Result<Hresult, Error> {
        self.take(&Call::Initialize(initialize)).code()
    }

    /// Calls `DismOpenSession` on a path, or on the running system with
    /// [`DISM_ONLINE_IMAGE`](crate::DISM_ONLINE_IMAGE).
    ///
    /// Returns a new handle. If the image is open already, returns its handle, which then has one
    /// more reference (rules O2, O3). Any path is accepted: there is no file system behind the
    /// emulator (rule O6).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule O1); [`Error::InvalidArgument`] for an empty path (rule O5);
    /// [`Error::OutOfNumbers`] if no handle is left (rule O8); [`Error::ImageLocked`] if an earlier
    /// open of the image has left a lock behind (rule O11); [`Error::Failed`] if a rule says so, and
    /// then the next session has a higher number (rule O10).
    #[doc(alias = "DismOpenSession")]
    #[track_caller]
    pub fn open_session(&self, path: impl AsRef<OsStr>) -> Result<Session, Error> {
        self.take(&request::OpenSession::new(path.as_ref(), None)).session()
    }

    /// Calls `DismOpenSession` with a Windows directory or a system drive.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session); [`Error::InvalidArgument`] for the online
    /// image, which takes neither (rule O4).
    #[doc(alias = "DismOpenSession")]
    #[track_caller]
    pub fn open_session_with(&self, open: OpenSession) -> Result<Session, Error> {
        let request = request::OpenSession::new(open.path.as_ref(), open.placement.as_deref());
        self.take(&request).session()
    }

    /// Opens a session that closes itself when it is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`open_session`](Self::open_session).
    #[track_caller]
    pub fn open_owned_session(&self, path: impl AsRef<OsStr>) -> Result<OwnedSession, Error> {
        let session = self.open_session(path)?;
        Ok(OwnedSession { dism: self.clone(), session, opened: Location::caller() })
    }

    /// Begins an operation: a call of any function that takes a session, except
    /// `DismCloseSession`.
    ///
    /// Operations on one session are performed one at a time, in the order of arrival, so this
    /// waits for those that came before (rule P2). The operation lasts until the returned value is
    /// ended or dropped.
    ///
    /// The action is a [`Function`], or one with the name of a feature, package, capability or
    /// driver: [`Function::named`].
    ///
    /// [`Function::CommitImage`] needs an image that is [mounted](Self::mount_image) (rule P1), and
    /// for writing unless its flags discard the changes (rule N6).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] and [`Error::InvalidSession`] (rule P1); [`Error::SessionClosing`]
    /// while another thread closes the session (rule C4); [`Error::PossibleDeadlock`] inside an
    /// operation of the same thread on the same session (rule P3); [`Error::InvalidArgument`] for a
    /// function that is not an operation, and for [`Function::CommitImage`] if the image is not
    /// mounted (rule P1) or a flag is unknown (rule N5); [`Error::MountedReadOnly`] (rule N6).
    #[inline]
    #[track_caller]
    pub fn operation<'a>(
        &self,
        session: Session,
        action: impl Into<Action<'a>>,
    ) -> Result<Operation<'_>, Error> {
        let (caller, action) = (self.caller(), action.into());
        let function = action.function;
        let answer = self.shared.begin(caller, &request::BeginOperation { session, action })?;
        let on_this_thread = PhantomData;
        Ok(Operation { dism: self, caller, session, function, answer, on_this_thread })
    }

    /// Begins an operation and ends it at once. Most adapters need only this.
    ///
    /// Returns the answer of a [`Rule`](crate::Rule), or `S_OK` if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`operation`](Self::operation) and of [`Operation::end`].
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// assert_eq!(dism.perform(session, Function::GetFeatures)?, Hresult::S_OK);
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn perform<'a>(
        &self,
        session: Session,
        action: impl Into<Action<'a>>,
    ) -> Result<Hresult, Error> {
        self.operation(session, action)?.end()
    }

    /// Calls `DismCloseSession`, which releases one reference.
    ///
    /// The last close waits for the operations that other threads perform on the session, while no
    /// new one is accepted; then the handle is gone (rules C3, C4). Returns `S_OK`, or
    /// [`Hresult::ERROR_SUCCESS_REBOOT_REQUIRED`] if an operation on the session returned that
    /// (rule C6).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule C1); [`Error::InvalidSession`] for a number that is not an
    /// open session, or that another thread is closing (rules C2, C5); [`Error::PossibleDeadlock`]
    /// for a last close inside an operation of the same thread on the session, which changes
    /// nothing (rule C7).
    #[doc(alias = "DismCloseSession")]
    #[track_caller]
    pub fn close_session(&self, session: Session) -> Result<Hresult, Error> {
        self.shared.close(self.caller(), session)
    }

    /// Calls `DismShutdown`.
    ///
    /// Returns `S_OK`. Under [`Contract::Recorded`](crate::Contract::Recorded) a shutdown that is
    /// not final decrements the count and does not look at sessions (rule S3).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule S1); [`Error::OpenSessionHandles`] if this is the final
    /// shutdown and a session is open or closing. A refused shutdown changes nothing (rule S2).
    #[doc(alias = "DismShutdown")]
    #[track_caller]
    pub fn shutdown(&self) -> Result<Hresult, Error> {
        self.take(&request::Shutdown).code()
    }

    /// Calls `DismGetLastErrorMessage`.
    ///
    /// Returns the code of the last call of this thread that failed, or `None` if none did;
    /// [`Hresult::message`] has the text. Every failing call counts except a shutdown, a delete and
    /// this one; a success clears nothing (rules E1 to E4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] after the final shutdown, but not before the first initialize
    /// (rule E5).
    #[doc(alias = "DismGetLastErrorMessage")]
    #[track_caller]
    pub fn last_error(&self) -> Result<Option<Hresult>, Error> {
        self.take(&Call::GetLastErrorMessage).last_error()
    }

    /// Calls `DismMountImage`. There is no file system behind the emulator: any file has any image.
    ///
    /// Returns the answer of a [`Rule`](crate::Rule), or `S_OK` if there is none. A mounted image
    /// stays mounted across a shutdown, for as long as the process exists (rule N4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::InvalidArgument`] for an empty path, the online
    /// image (rule N4), or a flag that no header has (rule N5); [`Error::SessionOnPath`] (rule N2);
    /// [`Error::AlreadyMounted`] (rule N4); [`Error::InvalidImageIndex`] for image 0;
    /// [`Error::InvalidImageName`] for an empty name; [`Error::FileInUse`] if the file is mounted for
    /// writing already, and so is this mount (rule N7).
    ///
    /// ```
    /// use dism_emu::{CommitFlags, Emulator, Error, Function, MountImage};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.mount_image(MountImage::new(r"C:\mount", r"D:\install.wim"))?;
    /// let session = dism.open_session(r"C:\mount")?;
    /// dism.perform(session, Function::CommitImage)?;
    ///
    /// // N2: not while a session is open on it. C8: the close does not unmount it.
    /// let unmount = || dism.unmount_image(r"C:\mount", CommitFlags::COMMIT);
    /// assert!(matches!(unmount(), Err(Error::SessionOnPath { .. })));
    /// dism.close_session(session)?;
    /// unmount()?;
    /// dism.shutdown()?;
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "DismMountImage")]
    #[track_caller]
    pub fn mount_image(&self, mount: MountImage) -> Result<Hresult, Error> {
        self.take(&Call::MountImage(mount)).code()
    }

    /// Calls `DismUnmountImage`. The flags say whether it commits or discards the changes: the
    /// journal has them, and a rule can ask for them (rule N8).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::InvalidArgument`] for an empty path, or a flag
    /// that no header has (rule N5); [`Error::SessionOnPath`] (rule N2); [`Error::NothingMounted`]
    /// (rule N3); [`Error::MountedReadOnly`] if the changes of an image that is mounted for reading
    /// only were to be committed (rule N6).
    #[doc(alias = "DismUnmountImage")]
    #[track_caller]
    pub fn unmount_image(
        &self,
        path: impl AsRef<OsStr>,
        flags: CommitFlags,
    ) -> Result<Hresult, Error> {
        self.take(&Call::UnmountImage { path: ImagePath::new(path), flags }).code()
    }

    /// Calls `DismRemountImage`. No image ever needs it here, so it only checks its argument.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::InvalidArgument`] for an empty path;
    /// [`Error::SessionOnPath`] (rule N2); [`Error::NothingMounted`] (rule N3).
    #[doc(alias = "DismRemountImage")]
    #[track_caller]
    pub fn remount_image(&self, path: impl AsRef<OsStr>) -> Result<Hresult, Error> {
        self.take(&Call::RemountImage { path: ImagePath::new(path) }).code()
    }

    /// Calls `DismGetMountedImageInfo`.
    ///
    /// Returns the mounted images in the order in which they were mounted (rule N4).
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::Failed`].
    #[doc(alias = "DismGetMountedImageInfo")]
    #[track_caller]
    pub fn mounted_images(&self) -> Result<Vec<MountImage>, Error> {
        let (taken, mounted) = self.take_mounted_images();
        taken.code()?;
        Ok(mounted)
    }

    /// Calls `DismGetImageInfo`. There are no files behind the emulator, so nothing is known of
    /// their images.
    ///
    /// Returns the answer of a [`Rule`](crate::Rule), or `S_OK` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::InvalidArgument`] for an empty path;
    /// [`Error::Failed`].
    ///
    /// ```
    /// use dism_emu::{Emulator, Function, Hresult, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let missing = Rule::on(Function::GetImageInfo).fail(Hresult::WIN32_FILE_NOT_FOUND);
    /// let _missing = emulator.script(missing);
    /// assert!(dism.image_info(r"D:\install.wim").is_err());
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[doc(alias = "DismGetImageInfo")]
    #[track_caller]
    pub fn image_info(&self, file: impl AsRef<OsStr>) -> Result<Hresult, Error> {
        self.take(&Call::GetImageInfo { file: ImagePath::new(file) }).code()
    }

    /// Calls `DismCleanupMountpoints`. Nothing that is mounted here is ever damaged, so it changes
    /// nothing.
    ///
    /// Returns the answer of a [`Rule`](crate::Rule), or `S_OK` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] (rule N1); [`Error::Failed`].
    #[doc(alias = "DismCleanupMountpoints")]
    #[track_caller]
    pub fn cleanup_mountpoints(&self) -> Result<Hresult, Error> {
        self.take(&Call::CleanupMountpoints).code()
    }

    /// Hands out memory on behalf of a function that has just succeeded, as `DismGetFeatures` does.
    /// The caller has to [`delete`](Self::delete) it, once (rule D1).
    ///
    /// This is a part of a DISM function, not a function of its own. Memory is only a number here,
    /// and the emulator only tracks when it is deleted, if ever.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] after the final shutdown; [`Error::OutOfNumbers`] after
    /// `u32::MAX - 1` hand-outs.
    #[track_caller]
    pub fn hand_out(&self, function: Function) -> Result<Memory, Error> {
        // This is part of a call that has reached its holds already.
        let taken = self.shared.lock().step(self.caller(), &Call::HandOut { function });
        taken.memory()
    }

    /// Calls `DismDelete` on memory that was [handed out](Self::hand_out).
    ///
    /// Returns `S_OK`, including for [`Memory::NULL`] (rule D2).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for memory that was not handed out, or was deleted before (rule
    /// D3); [`Error::NotInitialized`] after the final shutdown (rule D4), but not before the first
    /// initialize, so that the message of a failed first initialize can be deleted. None of these
    /// sets the last error (rule E2).
    #[doc(alias = "DismDelete")]
    #[track_caller]
    pub fn delete(&self, memory: Memory) -> Result<Hresult, Error> {
        self.take(&Call::Delete { memory }).code()
    }

    /// Returns the mounted images, and the step, which has the code that C needs.
    #[track_caller]
    pub(crate) fn take_mounted_images(&self) -> (Taken, Vec<MountImage>) {
        self.shared.take_and(self.caller(), &Call::GetMountedImageInfo, |machine| {
            machine.mounted().to_vec()
        })
    }

    /// Makes a call that reports its progress before it takes effect.
    #[cfg(feature = "capi")]
    #[track_caller]
    pub(crate) fn run(
        &self,
        call: Call,
        report: impl FnMut(Option<Progress>) -> ControlFlow<()>,
    ) -> Taken {
        self.shared.run(self.caller(), call, report)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn take(&self, request: &impl Request) -> Taken {
        self.shared.take(self.caller(), request)
    }

    /// Returns a handle for callers of other languages. It lives as long as the process, and is not
    /// counted.
    #[cfg(feature = "capi")]
    pub(crate) fn foreign(self) -> Self {
        Self { _handle: Arc::default(), is_foreign: true, ..self }
    }

    /// Returns the thread and the location of the call, as the journal has them.
    #[inline]
    #[track_caller]
    fn caller(&self) -> Caller {
        self.caller_at(Location::caller())
    }

    #[inline]
    pub(super) fn caller_at(&self, location: &'static Location<'static>) -> Caller {
        let location = if self.is_foreign { None } else { Some(location) };
        Caller { thread: ThreadNumber::current(), location }
    }
}

impl fmt::Debug for Dism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dism").finish_non_exhaustive()
    }
}
