//! Why a call failed, and the code that it returns.

use thiserror::Error;

use super::{Function, Hresult, Memory, Session};

/// The reason why a call failed.
///
/// Every variant has one HRESULT: [`code`](Self::code) returns it, and the text ends with it. If
/// the sources disagree on the number, the variant has the one that the emulator was configured to
/// return. An adapter whose functions return numbers converts the error with `i32::from(error)` or
/// `Hresult::from(error)`.
///
/// ```
/// use dism_emu::{Emulator, Error, Hresult};
///
/// let emulator = Emulator::new();
/// let error = emulator.dism().shutdown().unwrap_err();
/// assert_eq!(error, Error::NotInitialized);
/// assert_eq!(error.code(), Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED);
/// assert_eq!(
///     error.to_string(),
///     "the DISM API is not initialized in this process: \
///      0xC0040001 (DISMAPI_E_DISMAPI_NOT_INITIALIZED)"
/// );
/// ```
// With a tag of one byte, the compiler writes a byte and copies four, for which a processor waits.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Error {
    /// The API is not initialized, or was shut down (rules S1, S4, O1, C1, P1, E5).
    #[error("the DISM API is not initialized in this process: {code:?}", code = self.code())]
    NotInitialized,

    /// The process is not elevated (rule I2).
    #[error("the process is not elevated: {code:?}", code = self.code())]
    NotElevated,

    /// The API is initialized already (rule I3 Documented).
    #[error("the DISM API is already initialized in this process: {code:?}", code = self.code())]
    AlreadyInitialized {
        /// The code: see [`Builder::already_initialized`](crate::Builder::already_initialized).
        code: Hresult,
    },

    /// A session was still open at the final shutdown (rule S2).
    #[error("a session is still open: {code:?}", code = self.code())]
    OpenSessionHandles,

    /// The number is not an open session: it was never given out, or the session is closed (rules
    /// C2, C5, P1).
    #[error("{session} is not an open session: {code:?}", code = self.code())]
    InvalidSession {
        /// The number that was passed.
        session: Session,
        /// The code: see [`Builder::closed_session`](crate::Builder::closed_session).
        /// `DismCommitImage` returns `E_INVALIDARG` instead (rule P1).
        code: Hresult,
    },

    /// Another thread is closing the session (rule C4).
    #[error("{session} is being closed: {code:?}", code = self.code())]
    SessionClosing {
        /// The number that was passed.
        session: Session,
        /// The code: see [`Builder::closing_session`](crate::Builder::closing_session).
        /// `DismCommitImage` returns `E_INVALIDARG` instead (rule P1).
        code: Hresult,
    },

    /// An argument is not valid (rules O4, O5, P1, N4, N5).
    #[error("{0}: {code:?}", code = self.code())]
    InvalidArgument(InvalidArgument),

    /// A session is open on the path that is to be mounted, unmounted or remounted (rule N2).
    #[error("a session is open on the path: {code:?}", code = self.code())]
    SessionOnPath {
        /// The code, which depends on the function:
        /// [`Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH`],
        /// [`Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH`] or
        /// [`Hresult::DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH`].
        code: Hresult,
    },

    /// Nothing is mounted at the path (rule N3).
    #[error("nothing is mounted at the path: {code:?}", code = self.code())]
    NothingMounted,

    /// An earlier open of the image has left a lock behind, since its servicing host did not come
    /// up (rule O11).
    #[error("an earlier open left the image locked: {code:?}", code = self.code())]
    ImageLocked,

    /// Something is mounted at the path already (rule N4).
    #[error("an image is mounted at the path already: {code:?}", code = self.code())]
    AlreadyMounted,

    /// The image is mounted for reading only, and its changes were to be committed (rule N6).
    #[error("the image is mounted for reading only: {code:?}", code = self.code())]
    MountedReadOnly,

    /// An image of the file is mounted for writing already (rule N7).
    #[error("the file is mounted for writing already: {code:?}", code = self.code())]
    FileInUse,

    /// The image's number is 0, but images are counted from 1.
    #[error("there is no image with this number in the file: {code:?}", code = self.code())]
    InvalidImageIndex,

    /// The image's name is empty, or a null pointer.
    #[error("there is no image with this name in the file: {code:?}", code = self.code())]
    InvalidImageName,

    /// No number is left for a session (rule O8), a reference to a session, an initialization, or
    /// memory.
    #[error("the numbers ran out: {code:?}", code = self.code())]
    OutOfNumbers,

    /// The call would wait for an operation of its own thread (rules C7, P3).
    #[error(
        "the calling thread itself performs an operation on {session}: {code:?}",
        code = self.code(),
    )]
    PossibleDeadlock {
        /// The session whose operation the call would wait for.
        session: Session,
    },

    /// The contract allows the call, but it failed with the answer of a [`Rule`](crate::Rule), or
    /// with the code with which the operation was ended (rules P4, P5).
    #[error("the call failed: {code:?}", code = self.code())]
    Failed {
        /// The code that it returns.
        code: Hresult,
    },
}

impl Error {
    /// Returns the HRESULT that the DISM function returns.
    #[must_use]
    pub const fn code(&self) -> Hresult {
        match *self {
            Self::NotInitialized => Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED,
            Self::NotElevated => Hresult::WIN32_ELEVATION_REQUIRED,
            Self::OpenSessionHandles => Hresult::DISMAPI_E_OPEN_SESSION_HANDLES,
            Self::InvalidArgument(_) => Hresult::E_INVALIDARG,
            Self::NothingMounted => Hresult::DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH,
            Self::ImageLocked => Hresult::WIN32_ALREADY_EXISTS,
            Self::AlreadyMounted => Hresult::WIMMOUNT_MOUNTED_FOLDER,
            Self::MountedReadOnly => Hresult::WIMMOUNT_READ_ONLY,
            Self::FileInUse => Hresult::WIMMOUNT_IMAGE_IN_USE,
            Self::InvalidImageIndex => Hresult::DISMAPI_E_INVALID_IMAGE_INDEX,
            Self::InvalidImageName => Hresult::DISMAPI_E_INVALID_IMAGE_NAME,
            Self::OutOfNumbers => Hresult::E_OUTOFMEMORY,
            Self::PossibleDeadlock { .. } => Hresult::WIN32_POSSIBLE_DEADLOCK,
            Self::AlreadyInitialized { code }
            | Self::InvalidSession { code, .. }
            | Self::SessionClosing { code, .. }
            | Self::SessionOnPath { code }
            | Self::Failed { code } => code,
        }
    }
}

impl From<InvalidArgument> for Error {
    fn from(argument: InvalidArgument) -> Self {
        Self::InvalidArgument(argument)
    }
}

/// The reason why an argument is not valid. The code is always `E_INVALIDARG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum InvalidArgument {
    /// The path of the image (rule O5), or of the image file, is empty.
    #[error("the path of the image is empty")]
    EmptyPath,

    /// An image was to be mounted at the path of the online image (rule N4).
    #[error("nothing can be mounted at the online image")]
    OnlineMount,

    /// The image that is to be mounted is identified neither by its number nor by its name (rule
    /// N4).
    #[error("an image is identified by its number or its name, not by {identifier}")]
    UnknownIdentifier {
        /// The identifier that was passed, `DismImageIdentifier`.
        identifier: i32,
    },

    /// A Windows directory or a system drive was passed for the online image (rule O4).
    #[error("the online image takes no Windows directory and no system drive")]
    OnlineImagePlacement,

    /// A bit is set that no header has for the function (rule N5).
    #[error("the flags {flags:#010x} have a bit that the function does not know")]
    UnknownFlags {
        /// The flags that were passed.
        flags: u32,
    },

    /// `DismCommitImage` was called on a session whose image is not mounted (rule P1).
    #[error("the image of {session} is not mounted")]
    NotMounted {
        /// The session.
        session: Session,
    },

    /// A function that is not an operation was begun as one.
    #[error("{function} is not an operation on a session")]
    NotAnOperation {
        /// The function.
        function: Function,
    },

    /// A null pointer was passed for an argument that the function needs, or for the variable that
    /// receives a result (rule O5).
    #[error("{function} was called without an argument that it needs")]
    Missing {
        /// The function.
        function: Function,
    },

    /// `DismDelete` was called on memory that was never handed out, or was deleted before (rule
    /// D3).
    #[error("{memory} is not handed out")]
    NotHandedOut {
        /// The number that was passed.
        memory: Memory,
    },

    /// [`Call::EndOperation`](crate::machine::Call::EndOperation) or
    /// [`Call::FinishClose`](crate::machine::Call::FinishClose) came before its time, or from a
    /// thread that has nothing to end there. Only callers that drive a
    /// [`Machine`](crate::machine::Machine) by hand can see this.
    #[error("the thread has nothing to end on {session} now")]
    NothingToEnd {
        /// The session.
        session: Session,
    },
}
