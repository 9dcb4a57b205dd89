//! The vocabulary of calls and outcomes. The machine, the journal, property tests, fuzz targets and
//! the replay of recordings all use it.

pub(crate) mod arguments;
mod error;
mod flags;
mod function;
mod handle;
mod hresult;
pub(crate) mod image;
pub(crate) mod location;
mod text;
#[cfg(feature = "capi")]
mod wide;

use std::fmt;

pub use self::arguments::{
    Action, ImageIdentifier, Initialize, MountImage, MountMode, OpenSession,
};
pub use self::error::{Error, InvalidArgument};
pub use self::flags::{CommitFlags, MountFlags};
pub use self::function::Function;
pub use self::handle::{Memory, Session, ThreadNumber};
pub use self::hresult::{Hresult, ParseHresultError};
pub use self::image::ImagePath;
pub(crate) use self::text::Text;

/// The path of the running system: `DISM_ONLINE_IMAGE` in the header.
pub const DISM_ONLINE_IMAGE: &str = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}";

/// What a thread asks of the process at one instant (rule X1). A [`Step`](crate::machine::Step) is
/// a call with its outcome.
///
/// Most calls are one step. An operation is two: it begins, and it ends. The close of a last
/// reference is two: the session is closing, and then it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Call {
    /// `DismInitialize`.
    Initialize(Initialize),
    /// `DismOpenSession`.
    OpenSession(OpenSession),
    /// An operation arrives (section "Operations" of the contract). It is performed at once, or
    /// after the operations that arrived on the same session before it (rule P2).
    BeginOperation {
        /// The session.
        session: Session,
        /// The function.
        function: Function,
        /// The feature, package, capability or driver, as the caller names it.
        name: Option<ImagePath>,
        /// The flags of a commit.
        flags: CommitFlags,
    },
    /// The operation that this thread performs on the session ends.
    EndOperation {
        /// The session.
        session: Session,
        /// What the operation returns.
        result: Hresult,
    },
    /// `DismCloseSession` releases one reference. After the last one, the session is closing.
    CloseSession {
        /// The session.
        session: Session,
    },
    /// The second instant of a last close: the operations have drained, and the session is gone.
    FinishClose {
        /// The session.
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
        /// The path at which the image is mounted.
        path: ImagePath,
        /// Whether the changes are committed or discarded (rule N8), and how.
        flags: CommitFlags,
    },
    /// `DismRemountImage`.
    RemountImage {
        /// The path at which the image is mounted.
        path: ImagePath,
    },
    /// `DismGetMountedImageInfo`.
    GetMountedImageInfo,
    /// `DismGetImageInfo`.
    GetImageInfo {
        /// The file with the images.
        file: ImagePath,
    },
    /// `DismCleanupMountpoints`.
    CleanupMountpoints,
    /// A call of the function without an argument that it needs: a null pointer in C. It always
    /// fails.
    CallWithoutArgument {
        /// The function.
        function: Function,
    },
    /// Part of a call that succeeded: the function hands out memory to its caller (rule D1).
    HandOut {
        /// The function.
        function: Function,
    },
    /// `DismDelete`.
    Delete {
        /// The memory to delete.
        memory: Memory,
    },
    /// A call for which the test has scripted an answer, or a mount or an unmount that its caller
    /// has cancelled. The answer applies only if the contract allows the call.
    ///
    /// With a failing answer, the call only fails, unless it takes effect nevertheless; an open
    /// leaves behind what rules O10 and O11 say. With any other answer, the call does what it always
    /// does, and returns the answer. [`BeginOperation`](Self::BeginOperation) succeeds with any
    /// answer; end the operation with that answer. [`EndOperation`](Self::EndOperation),
    /// [`FinishClose`](Self::FinishClose) and [`HandOut`](Self::HandOut) only continue a call, so
    /// they take no answer.
    Scripted {
        /// The call.
        call: Box<Call>,
        /// What the call returns.
        answer: Scripted,
    },
}

/// The answer that the test has scripted for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Scripted {
    /// The code that the call returns.
    pub code: Hresult,
    /// Whether the call takes effect even if the code is a failure (rule I6). The outcome of the
    /// step is then its effect, and the code is the thread's last error.
    pub takes_effect: bool,
    /// Whether it is the caller that has cancelled the call, so that the code is not the test's
    /// choice (rule P7).
    pub cancelled: bool,
}

impl Scripted {
    /// Returns the code if the call only fails with it.
    #[inline]
    pub(crate) fn prevents(self) -> Option<Hresult> {
        (self.code.is_failure() && !self.takes_effect).then_some(self.code)
    }

    /// Returns the code if the call fails and takes effect nevertheless.
    #[inline]
    pub(crate) fn fails_in_effect(self) -> Option<Hresult> {
        (self.code.is_failure() && self.takes_effect).then_some(self.code)
    }
}

/// Converts to the answer of a call that takes effect unless this code is a failure.
impl From<Hresult> for Scripted {
    fn from(code: Hresult) -> Self {
        Self { code, takes_effect: false, cancelled: false }
    }
}

/// Writes the code, and `in effect` behind a failure that does not prevent the effect.
impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_effect = if self.fails_in_effect().is_some() { " in effect" } else { "" };
        write!(f, "{:?}{in_effect}", self.code)
    }
}

impl Call {
    /// Returns the arrival of an operation on a session, for callers that drive a
    /// [`Machine`](crate::machine::Machine) by hand.
    ///
    /// ```
    /// use dism_emu::machine::Call;
    /// use dism_emu::{Function, Session};
    ///
    /// let begin = Call::begin(Session::from_raw(2), Function::AddPackage.named("kb2.cab"));
    /// assert_eq!(begin.to_string(), r#"begin DismAddPackage "kb2.cab" on session 2"#);
    /// ```
    #[must_use]
    pub fn begin<'a>(session: Session, action: impl Into<Action<'a>>) -> Self {
        let Action { function, name, flags } = action.into();
        Self::BeginOperation { session, function, name: name.to_path(), flags }
    }

    /// Returns the call itself, without the answer that was scripted for it.
    #[must_use]
    pub fn asked(&self) -> &Self {
        match self {
            Self::Scripted { call, .. } => call.asked(),
            call => call,
        }
    }

    /// Returns the answer that was scripted for the call, if there is one.
    #[must_use]
    pub const fn answer(&self) -> Option<Scripted> {
        match self {
            Self::Scripted { answer, .. } => Some(*answer),
            _ => None,
        }
    }

    /// Returns this call, with an answer if one is scripted for it.
    #[inline]
    pub(crate) fn answered(self, answer: Option<Scripted>) -> Self {
        match answer {
            Some(answer) => Self::Scripted { call: Box::new(self), answer },
            None => self,
        }
    }

    /// Returns the function that is called, or `None` for the end of an operation, which does not
    /// say which function ends.
    ///
    /// ```
    /// use dism_emu::machine::Call;
    /// use dism_emu::{Emulator, Function};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.shutdown()?;
    ///
    /// let journal = emulator.journal();
    /// let mut functions = journal.steps().iter().map(|step| step.call.function());
    /// assert_eq!(functions.next(), Some(Some(Function::Initialize)));
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[must_use]
    pub fn function(&self) -> Option<Function> {
        Some(match self.asked() {
            Self::Initialize(_) => Function::Initialize,
            Self::OpenSession(_) => Function::OpenSession,
            Self::BeginOperation { function, .. }
            | Self::CallWithoutArgument { function }
            | Self::HandOut { function } => *function,
            Self::CloseSession { .. } | Self::FinishClose { .. } => Function::CloseSession,
            Self::Shutdown => Function::Shutdown,
            Self::GetLastErrorMessage => Function::GetLastErrorMessage,
            Self::MountImage(_) => Function::MountImage,
            Self::UnmountImage { .. } => Function::UnmountImage,
            Self::RemountImage { .. } => Function::RemountImage,
            Self::GetMountedImageInfo => Function::GetMountedImageInfo,
            Self::GetImageInfo { .. } => Function::GetImageInfo,
            Self::CleanupMountpoints => Function::CleanupMountpoints,
            Self::Delete { .. } => Function::Delete,
            Self::EndOperation { .. } | Self::Scripted { .. } => return None,
        })
    }

    /// Returns the session that the caller passes. Returns `None` for a call that takes none, or
    /// that lacks an argument.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        match *self.asked() {
            Self::BeginOperation { session, .. }
            | Self::EndOperation { session, .. }
            | Self::CloseSession { session }
            | Self::FinishClose { session } => Some(session),
            _ => None,
        }
    }

    /// Returns the function of an operation with what it is about, in words:
    /// `DismAddPackage "kb2.cab"`. Empty for any other call.
    pub(crate) fn action(&self) -> String {
        let Self::BeginOperation { function, name, .. } = self.asked() else {
            return String::new();
        };
        let mut action = function.to_string();
        if let Some(name) = name {
            action += &format!(" {name}");
        }
        if let Some(flags) = self.commit_flags() {
            action += &format!(" {flags}");
        }
        action
    }

    /// Returns what the caller names: the feature, package, capability or driver of an operation.
    #[must_use]
    pub fn name(&self) -> Option<&ImagePath> {
        match self.asked() {
            Self::BeginOperation { name, .. } => name.as_ref(),
            _ => None,
        }
    }

    /// Returns the flags of an unmount or a commit (rule N8).
    #[must_use]
    pub fn commit_flags(&self) -> Option<CommitFlags> {
        match *self.asked() {
            Self::UnmountImage { flags, .. }
            | Self::BeginOperation { function: Function::CommitImage, flags, .. } => Some(flags),
            _ => None,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialize(initialize) => write!(f, "initialize{initialize}"),
            Self::OpenSession(open) => write!(f, "open {open}"),
            Self::BeginOperation { session, .. } => {
                write!(f, "begin {} on {session}", self.action())
            }
            Self::EndOperation { session, result } => {
                write!(f, "end the operation on {session} with {result:?}")
            }
            Self::CloseSession { session } => write!(f, "close {session}"),
            Self::FinishClose { session } => write!(f, "finish closing {session}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::GetLastErrorMessage => f.write_str("get last error"),
            Self::MountImage(mount) => write!(f, "mount {mount}"),
            Self::UnmountImage { path, flags } => write!(f, "unmount {path} {flags}"),
            Self::RemountImage { path } => write!(f, "remount {path}"),
            Self::GetMountedImageInfo => f.write_str("get mounted images"),
            Self::GetImageInfo { file } => write!(f, "get the images of {file}"),
            Self::CleanupMountpoints => f.write_str("clean up mount points"),
            Self::CallWithoutArgument { function } => {
                write!(f, "call {function} without an argument")
            }
            Self::HandOut { function } => write!(f, "hand out memory of {function}"),
            Self::Delete { memory } => write!(f, "delete {memory}"),
            Self::Scripted { call, answer } if answer.cancelled => {
                write!(f, "{call}, cancelled with {answer}")
            }
            Self::Scripted { call, answer } => write!(f, "{call}, scripted {answer}"),
        }
    }
}

/// The effect of a step that succeeded.
// With a tag of one byte, the compiler writes a byte and copies four, for which a processor waits.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Effect {
    /// The API is initialized (rules I1, I3).
    Initialized {
        /// The number of initializations that no shutdown has matched: 1 after the first.
        count: u32,
    },
    /// The image is open (rules O2, O3).
    Opened {
        /// Its handle.
        session: Session,
        /// The number of references to it now: 1 for a new session.
        references: u32,
    },
    /// The operation is accepted (rule P2).
    Begun {
        /// Whether it is performed now; otherwise it waits for its turn.
        ready: bool,
    },
    /// The operation returned a success.
    Ended {
        /// The success that it returned.
        result: Hresult,
    },
    /// The operation returned 1: it succeeded, and the session is to be closed and opened again
    /// before its next operation (rule P6).
    ReloadRequired,
    /// One reference was released, and others are left (rule C3).
    Released {
        /// How many are left.
        references: u32,
    },
    /// The last reference was released: the session accepts no new operation (rule C4).
    Closing {
        /// Whether the close can finish now; otherwise it waits for operations.
        ready: bool,
    },
    /// The session is gone (rules C4, C6).
    Closed {
        /// Whether an operation on it asked for a reboot.
        reboot: bool,
    },
    /// One initialization was undone (rules S3, S4).
    ShutDown {
        /// How many are left: 0 after the final shutdown.
        count: u32,
    },
    /// The code of the last failing call of this thread (rules E1 to E3).
    LastError(Hresult),
    /// No call of this thread has failed (rule E4).
    NoLastError {
        /// What the function returns: see [`Builder::no_message`](crate::Builder::no_message).
        code: Hresult,
    },
    /// The image is mounted (rule N4).
    Mounted,
    /// The image is no longer mounted.
    Unmounted,
    /// The image is mounted as before.
    Remounted,
    /// A function without a session was called (rule N1).
    Called,
    /// The caller received memory (rule D1).
    HandedOut {
        /// The memory.
        memory: Memory,
    },
    /// The memory was deleted, or it was `NULL` (rules D1, D2).
    Deleted,
}

impl Effect {
    /// Returns the HRESULT that the DISM function returns if none is scripted.
    #[must_use]
    pub const fn code(&self) -> Hresult {
        match *self {
            Self::Initialized { count } if count > 1 => Hresult::S_FALSE,
            Self::Closed { reboot: true } => Hresult::ERROR_SUCCESS_REBOOT_REQUIRED,
            Self::Ended { result } => result,
            Self::ReloadRequired => Hresult::DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED,
            Self::NoLastError { code } => code,
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
            Self::ReloadRequired => f.write_str("ended, the session has to be reloaded"),
            Self::Released { references } => write!(f, "references {references}"),
            Self::Closing { ready: true } => f.write_str("closing"),
            Self::Closing { ready: false } => f.write_str("closing, waits for operations"),
            Self::Closed { reboot: false } => f.write_str("closed"),
            Self::Closed { reboot: true } => f.write_str("closed, reboot required"),
            Self::ShutDown { count: 0 } => f.write_str("shut down"),
            Self::ShutDown { count } => write!(f, "count {count}"),
            Self::LastError(code) => write!(f, "{code:?}"),
            Self::NoLastError { .. } => f.write_str("none"),
            Self::Mounted => f.write_str("mounted"),
            Self::Unmounted => f.write_str("unmounted"),
            Self::Remounted => f.write_str("remounted"),
            Self::Called => f.write_str("done"),
            Self::HandedOut { memory } => write!(f, "{memory}"),
            Self::Deleted => f.write_str("deleted"),
        }
    }
}

/// The outcome of a step: its effect, or why it failed.
pub type Outcome = Result<Effect, Error>;
