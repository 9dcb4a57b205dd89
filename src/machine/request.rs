//! Calls on their way to the machine.
//!
//! A [`Request`] says how a call applies to the machine, and which [`Call`] it is for code that
//! keeps it. A [`Call`] is itself a request, for replay and for the functions that few clients
//! call. The functions that every client calls have request types of their own: the compiler then
//! knows which call it is, and the path of an open is copied only if the journal keeps it or the
//! open fails.

use std::ffi::OsStr;

use super::{Ask, Machine};
#[cfg(feature = "capi")]
use crate::call::Text;
use crate::call::arguments::Placement;
use crate::call::image::ImageKey;
use crate::call::{
    self, Action, Call, Function, Hresult, ImagePath, Outcome, Scripted, Session, ThreadNumber,
};

/// A call that is about to be made.
pub(crate) trait Request {
    /// Returns the call as a value, without an answer.
    fn call(&self) -> Call;

    /// Returns the function that is called.
    fn function(&self) -> Option<Function> {
        self.call().function()
    }

    /// Returns the session that the caller passes.
    fn session(&self) -> Option<Session> {
        self.call().session()
    }

    /// Returns the answer that the caller has chosen. If there is one, no rule is asked.
    fn answer(&self) -> Option<Scripted> {
        None
    }

    /// Takes the step. It asks for a scripted answer only after the contract has allowed the call.
    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, ask: impl Ask) -> Outcome;
}

/// For replay, and for calls that have no type of their own.
impl Request for Call {
    fn call(&self) -> Call {
        self.asked().clone()
    }

    fn function(&self) -> Option<Function> {
        Call::function(self)
    }

    fn session(&self) -> Option<Session> {
        Call::session(self)
    }

    fn answer(&self) -> Option<Scripted> {
        Call::answer(self)
    }

    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, ask: impl Ask) -> Outcome {
        match self {
            Self::Initialize(_) => machine.initialize(ask),
            Self::OpenSession(open) => {
                machine.open_session(open.path.key(), open.placement.is_some(), ask)
            }
            Self::BeginOperation { session, function, flags, .. } => {
                machine.begin_operation(thread, *session, *function, *flags, ask)
            }
            Self::EndOperation { session, result } => {
                machine.end_operation(thread, *session, *result)
            }
            Self::CloseSession { session } => machine.close_session(thread, *session, ask),
            Self::FinishClose { session } => machine.finish_close(thread, *session),
            Self::Shutdown => machine.shutdown(ask),
            Self::GetLastErrorMessage => machine.last_error(thread, ask),
            Self::MountImage(mount) => machine.mount_image(mount, ask),
            Self::UnmountImage { path, flags } => machine.unmount_image(path.key(), *flags, ask),
            Self::RemountImage { path } => machine.remount_image(path.key(), ask),
            Self::GetMountedImageInfo | Self::CleanupMountpoints => {
                machine.call_without_session(ask)
            }
            Self::GetImageInfo { file } => machine.get_image_info(file.key(), ask),
            Self::CallWithoutArgument { function } => machine.call_without_argument(*function),
            Self::HandOut { .. } => machine.hand_out(),
            Self::Delete { memory } => machine.delete(*memory, ask),
            // The function `ask` knows the answer.
            Self::Scripted { call, .. } => call.apply(machine, thread, ask),
        }
    }
}

/// `DismInitialize` without arguments.
pub(crate) struct Initialize;

impl Request for Initialize {
    fn call(&self) -> Call {
        Call::Initialize(call::Initialize::new())
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, _: ThreadNumber, ask: impl Ask) -> Outcome {
        machine.initialize(ask)
    }
}

/// `DismInitialize` as C programs call it.
#[cfg(feature = "capi")]
pub(crate) struct InitializeWith<'a> {
    pub(crate) log_level: u32,
    pub(crate) log_file: Text<'a>,
    pub(crate) scratch_directory: Text<'a>,
}

#[cfg(feature = "capi")]
impl Request for InitializeWith<'_> {
    fn call(&self) -> Call {
        let (log_file, scratch) = (self.log_file.to_path(), self.scratch_directory.to_path());
        Call::Initialize(call::Initialize::with_paths(self.log_level, log_file, scratch))
    }

    fn function(&self) -> Option<Function> {
        Some(Function::Initialize)
    }

    fn session(&self) -> Option<Session> {
        None
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, _: ThreadNumber, ask: impl Ask) -> Outcome {
        machine.initialize(ask)
    }
}

/// `DismShutdown`.
pub(crate) struct Shutdown;

impl Request for Shutdown {
    fn call(&self) -> Call {
        Call::Shutdown
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, _: ThreadNumber, ask: impl Ask) -> Outcome {
        machine.shutdown(ask)
    }
}

/// `DismOpenSession`.
pub(crate) struct OpenSession<'a> {
    path: &'a OsStr,
    image: ImageKey<'a>,
    placement: Option<&'a Placement>,
}

impl<'a> OpenSession<'a> {
    /// Creates the request. This hashes the path, which needs no lock.
    #[inline]
    pub(crate) fn new(path: &'a OsStr, placement: Option<&'a Placement>) -> Self {
        Self { path, image: ImageKey::new(path.as_encoded_bytes()), placement }
    }
}

impl Request for OpenSession<'_> {
    fn call(&self) -> Call {
        let placement = self.placement.map(|placement| Box::new(placement.clone()));
        Call::OpenSession(call::OpenSession { path: ImagePath::new(self.path), placement })
    }

    fn function(&self) -> Option<Function> {
        Some(Function::OpenSession)
    }

    fn session(&self) -> Option<Session> {
        None
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, _: ThreadNumber, ask: impl Ask) -> Outcome {
        machine.open_session(self.image, self.placement.is_some(), ask)
    }
}

/// The arrival of an operation.
pub(crate) struct BeginOperation<'a> {
    pub(crate) session: Session,
    pub(crate) action: Action<'a>,
}

impl Request for BeginOperation<'_> {
    fn call(&self) -> Call {
        Call::begin(self.session, self.action)
    }

    fn function(&self) -> Option<Function> {
        Some(self.action.function)
    }

    fn session(&self) -> Option<Session> {
        Some(self.session)
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, ask: impl Ask) -> Outcome {
        let Action { function, flags, .. } = self.action;
        machine.begin_operation(thread, self.session, function, flags, ask)
    }
}

/// The end of an operation.
pub(crate) struct EndOperation {
    pub(crate) session: Session,
    pub(crate) function: Function,
    pub(crate) result: Hresult,
}

impl Request for EndOperation {
    fn call(&self) -> Call {
        Call::EndOperation { session: self.session, result: self.result }
    }

    fn function(&self) -> Option<Function> {
        Some(self.function)
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, _: impl Ask) -> Outcome {
        machine.end_operation(thread, self.session, self.result)
    }
}

/// `DismCloseSession`.
pub(crate) struct CloseSession {
    pub(crate) session: Session,
}

impl Request for CloseSession {
    fn call(&self) -> Call {
        Call::CloseSession { session: self.session }
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, ask: impl Ask) -> Outcome {
        machine.close_session(thread, self.session, ask)
    }
}

/// The second instant of a last close.
pub(crate) struct FinishClose {
    pub(crate) session: Session,
}

impl Request for FinishClose {
    fn call(&self) -> Call {
        Call::FinishClose { session: self.session }
    }

    #[inline]
    fn apply(&self, machine: &mut Machine, thread: ThreadNumber, _: impl Ask) -> Outcome {
        machine.finish_close(thread, self.session)
    }
}
