//! The one vocabulary of calls and outcomes: the machine, the journal, property tests, fuzz
//! targets and the replay of recordings all speak it.

mod error;
mod function;
mod hresult;
pub(crate) mod image;

use std::ffi::OsStr;
use std::fmt;

use self::image::ImageKey;

pub use self::error::{Error, InvalidArgument};
pub use self::function::Function;
pub use self::hresult::Hresult;
pub use self::image::ImagePath;

/// The path that means the running system: `DISM_ONLINE_IMAGE` of the header.
pub const DISM_ONLINE_IMAGE: &str = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}";

/// A raw session handle, `DismSession`: a number, copied freely, valid or not.
///
/// Like the real thing it proves nothing: it can be closed twice, used after the close, or made
/// up. [`Emulator::open_owned_session`](crate::Emulator::open_owned_session) gives one that
/// closes itself.
///
/// ```
/// use dism_emu::{Emulator, Error, Session};
///
/// let dism = Emulator::builder().verify_on_drop(false).build();
/// dism.initialize()?;
/// assert!(matches!(dism.close_session(Session::DEFAULT), Err(Error::InvalidSession { .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(transparent)]
pub struct Session(u32);

impl Session {
    /// `DISM_SESSION_DEFAULT`: 0, which is never an open session.
    pub const DEFAULT: Self = Self(0);

    /// The handle with this number.
    #[must_use]
    pub const fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

/// Writes `session 2`.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// Memory that a function handed out, to be given back with
/// [`Emulator::delete`](crate::Emulator::delete): what a pointer is in C.
///
/// A number, copied freely, valid or not: it can be given back twice, too late, or never (mistake
/// 11 of [`docs::mistakes`](crate::docs::mistakes)).
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Memory};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
/// dism.operation(session, Function::GetFeatures)?.end()?;
/// let features: Memory = dism.hand_out(Function::GetFeatures)?;
/// dism.delete(features)?;
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(transparent)]
pub struct Memory(u32);

impl Memory {
    /// `NULL`: deleting it is a success (rule D2).
    pub const NULL: Self = Self(0);

    /// The memory with this number.
    #[must_use]
    pub const fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// The number: 1, 2, 3, … as it was handed out.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

/// Writes `memory 1`, or `NULL`; the last number is that of a pointer that nobody handed out.
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NULL => f.write_str("NULL"),
            Self(u32::MAX) => f.write_str("memory that was never handed out"),
            Self(number) => write!(f, "memory {number}"),
        }
    }
}

/// The number of a thread: what the machine tells callers apart by.
///
/// The [`Emulator`](crate::Emulator) numbers threads as they first call one, the whole process
/// over; who drives a [`Machine`](crate::Machine) by hand may choose numbers of their own.
///
/// ```
/// use dism_emu::{Emulator, ThreadId};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// assert_eq!(dism.journal().steps()[0].thread, ThreadId::current());
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ThreadId(u64);

impl ThreadId {
    /// The thread with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The calling thread, as the journals of all emulators name it.
    #[must_use]
    pub fn current() -> Self {
        crate::sync::current_thread()
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Writes `t7`.
impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// The arguments of `DismOpenSession`: a path, and for an offline image optionally where in it
/// Windows lies.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Hresult, OpenSession};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let offline = OpenSession::new(r"D:\").windows_directory("Windows.old");
/// dism.close_session(dism.open_session_with(offline)?)?;
///
/// // Rule O4: the online image takes neither.
/// let online = OpenSession::new(DISM_ONLINE_IMAGE).system_drive("S:");
/// assert_eq!(dism.open_session_with(online).unwrap_err().code(), Hresult::E_INVALIDARG);
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OpenSession {
    pub(crate) path: ImagePath,
    /// Boxed, since almost nobody says it and every journal entry would have the room for it.
    pub(crate) placement: Option<Box<Placement>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Placement {
    windows_directory: Option<ImagePath>,
    system_drive: Option<ImagePath>,
}

impl OpenSession {
    /// Opens the image at `path`; [`DISM_ONLINE_IMAGE`] for the running system.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self::from_bytes(path.as_ref().as_encoded_bytes())
    }

    pub(crate) fn from_bytes(path: &[u8]) -> Self {
        Self { path: ImagePath::from_bytes(path), placement: None }
    }

    #[cfg(feature = "capi")]
    pub(crate) fn placed(path: &[u8], directory: Option<&[u16]>, drive: Option<&[u16]>) -> Self {
        let path = ImagePath::from_bytes(path);
        if directory.is_none() && drive.is_none() {
            return Self { path, placement: None };
        }
        let placement = Placement {
            windows_directory: directory.map(ImagePath::from_wide),
            system_drive: drive.map(ImagePath::from_wide),
        };
        Self { path, placement: Some(Box::new(placement)) }
    }

    pub(crate) fn request(&self) -> OpenRequest<'_> {
        OpenRequest::new(self.path.as_bytes(), self.placement.is_some())
    }

    /// The Windows directory, relative to the path.
    #[must_use]
    pub fn windows_directory(mut self, directory: impl AsRef<OsStr>) -> Self {
        self.placement.get_or_insert_default().windows_directory = Some(ImagePath::new(directory));
        self
    }

    /// The drive with the boot manager.
    #[must_use]
    pub fn system_drive(mut self, drive: impl AsRef<OsStr>) -> Self {
        self.placement.get_or_insert_default().system_drive = Some(ImagePath::new(drive));
        self
    }

    /// The image's path as it was passed.
    #[must_use]
    pub fn path(&self) -> &ImagePath {
        &self.path
    }
}

/// The arguments of `DismMountImage`: where, which image of which file, and how.
///
/// ```
/// use dism_emu::{Emulator, MountImage};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// dism.mount_image(MountImage::new(r"C:\mount", r"D:\sources\install.wim").index(2).read_only())?;
/// assert_eq!(dism.mounted_images()?.len(), 1);
/// dism.unmount_image(r"C:\mount")?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MountImage {
    pub(crate) path: ImagePath,
    pub(crate) file: ImagePath,
    pub(crate) image: ImageIdentifier,
    pub(crate) mode: MountMode,
}

impl MountImage {
    /// Mounts the first image of `file` at `path`, for reading and writing.
    pub fn new(path: impl AsRef<OsStr>, file: impl AsRef<OsStr>) -> Self {
        Self {
            path: ImagePath::new(path),
            file: ImagePath::new(file),
            image: ImageIdentifier::Index(1),
            mode: MountMode::ReadWrite,
        }
    }

    /// Another image, by its number in the file, from 1.
    #[must_use]
    pub fn index(mut self, index: u32) -> Self {
        self.image = ImageIdentifier::Index(index);
        self
    }

    /// Another image, by its name.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<OsStr>) -> Self {
        self.image = ImageIdentifier::Name(ImagePath::new(name));
        self
    }

    /// For reading only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.mode = MountMode::ReadOnly;
        self
    }

    /// Where it is to be mounted, as it was passed.
    #[must_use]
    pub const fn path(&self) -> &ImagePath {
        &self.path
    }

    /// The file with the image.
    #[must_use]
    pub const fn file(&self) -> &ImagePath {
        &self.file
    }

    /// Which image of the file.
    #[must_use]
    pub const fn image(&self) -> &ImageIdentifier {
        &self.image
    }

    /// How it is mounted.
    #[must_use]
    pub const fn mode(&self) -> MountMode {
        self.mode
    }
}

/// Which image of a file: `DismImageIdentifier`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ImageIdentifier {
    /// By its number, from 1.
    Index(u32),
    /// By its name.
    Name(ImagePath),
}

/// Writes `image 2`, or `image "Windows 11 Pro"`.
impl fmt::Display for ImageIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "image {index}"),
            Self::Name(name) => write!(f, "image {name:?}"),
        }
    }
}

/// How an image is mounted: `DismMountMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum MountMode {
    /// For reading and writing.
    #[default]
    ReadWrite,
    /// For reading only.
    ReadOnly,
}

/// One step of a DISM process: what a call asks for at one instant (rule X1).
///
/// Most calls are one step. An operation is two, begun and ended; the close of a last reference
/// is two, closing and gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Call {
    /// `DismInitialize`.
    Initialize,
    /// `DismOpenSession`.
    OpenSession(OpenSession),
    /// A function of the section "Operations" arrives: it is performed at once, or after those
    /// that arrived on the same session before it (rule P2).
    BeginOperation {
        /// On which session.
        session: Session,
        /// Which function.
        function: Function,
    },
    /// The operation that this thread performs on the session is over.
    EndOperation {
        /// On which session.
        session: Session,
        /// What it returns.
        result: Hresult,
    },
    /// `DismCloseSession`: gives one reference back; the last one makes the session closing.
    CloseSession {
        /// Which session.
        session: Session,
    },
    /// The second instant of a last close: operations have drained, the session is gone.
    FinishClose {
        /// Which session.
        session: Session,
    },
    /// `DismShutdown`.
    Shutdown,
    /// `DismGetLastErrorMessage`.
    GetLastErrorMessage,
    /// `DismMountImage`.
    MountImage(MountImage),
    /// `DismUnmountImage`.
    UnmountImage {
        /// Where it is mounted.
        path: ImagePath,
    },
    /// `DismRemountImage`.
    RemountImage {
        /// Where it is mounted.
        path: ImagePath,
    },
    /// A function that takes no session and is none of those above, `DismGetImageInfo` for one.
    CallWithoutSession {
        /// Which function.
        function: Function,
    },
    /// A call of the function with an argument missing that it needs: a null pointer in C. It only
    /// ever fails.
    CallWithoutArgument {
        /// Which function.
        function: Function,
    },
    /// Part of a call that succeeded: the function gives its caller memory (rule D1).
    HandOut {
        /// Which function.
        function: Function,
    },
    /// `DismDelete`.
    Delete {
        /// What is given back.
        memory: Memory,
    },
    /// A call for which the test has chosen an answer, asked only where the contract lets the call
    /// through.
    ///
    /// A failing answer is all that happens: nothing else changes. With any other one the call is
    /// made, and the answer is what it returns. A [`BeginOperation`](Self::BeginOperation) is
    /// begun with either, and should be ended with the answer. For an
    /// [`EndOperation`](Self::EndOperation), [`FinishClose`](Self::FinishClose) or
    /// [`HandOut`](Self::HandOut) nobody is asked: none is the beginning of a call.
    Scripted {
        /// The call.
        call: Box<Call>,
        /// What it answers.
        answer: Hresult,
    },
}

impl Call {
    /// The call itself, without the answer that was scripted for it.
    #[must_use]
    pub fn asked(&self) -> &Self {
        match self {
            Self::Scripted { call, .. } => call.asked(),
            call => call,
        }
    }

    /// The answer that was scripted for the call, if one was.
    #[must_use]
    pub const fn answer(&self) -> Option<Hresult> {
        match self {
            Self::Scripted { answer, .. } => Some(*answer),
            _ => None,
        }
    }

    /// This call, with an answer if one is scripted for it.
    pub(crate) fn answered(self, answer: Option<Hresult>) -> Self {
        match answer {
            Some(answer) => Self::Scripted { call: Box::new(self), answer },
            None => self,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialize => f.write_str("initialize"),
            Self::OpenSession(open) => {
                write!(f, "open {}", open.path)?;
                let Some(placement) = &open.placement else { return Ok(()) };
                if let Some(directory) = &placement.windows_directory {
                    write!(f, " windows directory {directory}")?;
                }
                if let Some(drive) = &placement.system_drive {
                    write!(f, " system drive {drive}")?;
                }
                Ok(())
            }
            Self::BeginOperation { session, function } => {
                write!(f, "begin {function} on {session}")
            }
            Self::EndOperation { session, result } => {
                write!(f, "end the operation on {session} with {result:?}")
            }
            Self::CloseSession { session } => write!(f, "close {session}"),
            Self::FinishClose { session } => write!(f, "finish closing {session}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::GetLastErrorMessage => f.write_str("get last error"),
            Self::MountImage(mount) => {
                let MountImage { path, file, image, mode } = mount;
                write!(f, "mount {image} of {file} at {path}")?;
                match mode {
                    MountMode::ReadWrite => Ok(()),
                    MountMode::ReadOnly => f.write_str(" read-only"),
                }
            }
            Self::UnmountImage { path } => write!(f, "unmount {path}"),
            Self::RemountImage { path } => write!(f, "remount {path}"),
            Self::CallWithoutSession { function } => write!(f, "call {function}"),
            Self::CallWithoutArgument { function } => {
                write!(f, "call {function} without an argument")
            }
            Self::HandOut { function } => write!(f, "hand out memory of {function}"),
            Self::Delete { memory } => write!(f, "delete {memory}"),
            Self::Scripted { call, answer } => write!(f, "{call}, scripted {answer:?}"),
        }
    }
}

/// What a step that succeeded did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Effect {
    /// The API is initialized, this many times (rules I1, I3).
    Initialized {
        /// The count after the call: 1 for the first.
        count: u32,
    },
    /// The image is open (rules O2, O3).
    Opened {
        /// Its handle.
        session: Session,
        /// How many references it has now: 1 for a new session.
        references: u32,
    },
    /// The operation is accepted (rule P2).
    Begun {
        /// Whether it is performed now; otherwise it waits for its turn.
        ready: bool,
    },
    /// The operation returned a success.
    Ended {
        /// Which one.
        result: Hresult,
    },
    /// One reference was given back, and others are left (rule C3).
    Released {
        /// How many.
        references: u32,
    },
    /// The last reference was given back: the session takes no new operation (rule C4).
    Closing {
        /// Whether nothing has to be waited for.
        ready: bool,
    },
    /// The session is gone (rules C4, C6).
    Closed {
        /// Whether an operation on it asked for a reboot.
        reboot: bool,
    },
    /// One initialization was taken back (rules S3, S4).
    ShutDown {
        /// How many are left: 0 after the last shutdown.
        count: u32,
    },
    /// The code of the last failing call of this thread, if any (rules E1 to E4).
    LastError(Option<Hresult>),
    /// The image is mounted (rule N4).
    Mounted,
    /// It is not mounted any more.
    Unmounted,
    /// It is mounted as before.
    Remounted,
    /// The function without a session has run (rule N1).
    Called,
    /// The caller has this memory now (rule D1).
    HandedOut {
        /// Which.
        memory: Memory,
    },
    /// It was given back, or it was `NULL` (rules D1, D2).
    Deleted,
}

impl Effect {
    /// The HRESULT that the DISM function returns, where none is scripted.
    #[must_use]
    pub const fn code(&self) -> Hresult {
        match *self {
            Self::Initialized { count } if count > 1 => Hresult::S_FALSE,
            Self::Closed { reboot: true } => Hresult::ERROR_SUCCESS_REBOOT_REQUIRED,
            Self::Ended { result } => result,
            _ => Hresult::S_OK,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialized { count } => write!(f, "initialized, count {count}"),
            Self::Opened { session, references } => write!(f, "{session}, references {references}"),
            Self::Begun { ready: true } => f.write_str("begun"),
            Self::Begun { ready: false } => f.write_str("waits for its turn"),
            Self::Ended { result } => write!(f, "ended with {result:?}"),
            Self::Released { references } => write!(f, "references {references}"),
            Self::Closing { ready: true } => f.write_str("closing"),
            Self::Closing { ready: false } => f.write_str("closing, waits for operations"),
            Self::Closed { reboot: false } => f.write_str("closed"),
            Self::Closed { reboot: true } => f.write_str("closed, reboot required"),
            Self::ShutDown { count: 0 } => f.write_str("shut down"),
            Self::ShutDown { count } => write!(f, "count {count}"),
            Self::LastError(Some(code)) => write!(f, "{code:?}"),
            Self::LastError(None) => f.write_str("none"),
            Self::Mounted => f.write_str("mounted"),
            Self::Unmounted => f.write_str("unmounted"),
            Self::Remounted => f.write_str("remounted"),
            Self::Called => f.write_str("done"),
            Self::HandedOut { memory } => write!(f, "{memory}"),
            Self::Deleted => f.write_str("deleted"),
        }
    }
}

/// How a step came out.
pub type Outcome = Result<Effect, Error>;

/// What the machine needs of an [`OpenSession`], borrowed: a call that is not journaled makes
/// no copy of the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRequest<'a> {
    pub(crate) image: ImageKey<'a>,
    pub(crate) has_placement: bool,
}

impl<'a> OpenRequest<'a> {
    /// Hashes the path, which needs no lock.
    #[inline]
    pub(crate) fn new(path: &'a [u8], has_placement: bool) -> Self {
        Self { image: ImageKey::new(path), has_placement }
    }
}
