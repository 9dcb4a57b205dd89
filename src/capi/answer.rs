//! What the C functions share: how each makes its call and answers.

use std::ffi::c_void;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use super::memory::{Block, write, write_empty};
use super::process::{Loaded, current};
use super::types::*;
use crate::call::{
    Action, Call, CommitFlags, Effect, Error, Function, Hresult, ImagePath, Session, Text,
};
use crate::emulator::{Dism, Operation, Taken};
use crate::machine::request::Request;
use crate::script::Progress;

/// Answers a call of a C function: returns a failure as its code, and lets no panic of this crate
/// reach the caller (rule X2). The call is about what `name` names, if it names anything.
#[inline]
pub(super) fn answer(
    function: Function,
    name: Option<&[u16]>,
    body: impl FnOnce(Invocation<'_>) -> Result<Hresult, Error>,
) -> HRESULT {
    let answered = catch_unwind(AssertUnwindSafe(|| body(Invocation::of(function, name))));
    hresult(match answered {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => error.code(),
        Err(_) => Hresult::E_UNEXPECTED,
    })
}

/// A call of a C function, and the process in which it is made.
pub(super) struct Invocation<'a> {
    function: Function,
    name: Option<&'a [u16]>,
    flags: CommitFlags,
    process: Arc<Loaded>,
    _handle: Option<Arc<()>>,
}

impl<'a> Invocation<'a> {
    #[inline]
    fn of(function: Function, name: Option<&'a [u16]>) -> Self {
        let process = current();
        Self { function, name, flags: CommitFlags::COMMIT, _handle: process.handle(), process }
    }

    /// Adds the flags of a commit.
    pub(super) fn with_flags(mut self, flags: CommitFlags) -> Self {
        self.flags = flags;
        self
    }

    pub(super) fn dism(&self) -> &Dism {
        &self.process.dism
    }

    #[inline]
    pub(super) fn take(&self, request: &impl Request) -> Taken {
        self.dism().take(request)
    }

    /// Creates the log file of a program that is not a test, if this platform can. A second
    /// initialize has none (rule I3 Recorded).
    pub(super) fn initialized(&self, taken: &Taken, log_file: Option<&[u16]>) {
        let begins = matches!(taken.outcome, Ok(Effect::Initialized { count: 1 }));
        if let (true, Some(program), Some(log_file)) = (begins, self.process.program(), log_file) {
            program.initialized(&ImagePath::from_wide(log_file));
        }
    }

    /// Writes the report of a program that is not a test.
    pub(super) fn shut_down(&self) {
        if let Some(program) = self.process.program() {
            program.shut_down();
        }
    }

    /// Fails the call, since it lacks an argument.
    #[cold]
    pub(super) fn refuse(&self) -> Result<Hresult, Error> {
        self.take(&Call::CallWithoutArgument { function: self.function }).code()
    }

    /// Hands a block out to the caller (rule D1).
    pub(super) fn hand_out(&self, block: Block) -> Result<*mut c_void, Error> {
        self.process.hand_out(self.function, block)
    }

    /// Takes a block back from the caller (rules D2, D3, D4).
    pub(super) fn delete(&self, address: *mut c_void) -> Result<Hresult, Error> {
        self.process.delete(address)
    }

    /// Makes a call that reports its progress to a callback before it takes effect at one instant.
    ///
    /// # Safety
    ///
    /// `callback` can be called with `user`.
    pub(super) unsafe fn take_with_progress(
        &self,
        call: Call,
        cancel: HANDLE,
        callback: DismProgressCallback,
        user: *mut c_void,
    ) -> Result<Hresult, Error> {
        // SAFETY: guaranteed by the caller.
        self.dism().run(call, unsafe { reporter(cancel, callback, user) }).code()
    }

    /// Begins an operation.
    pub(super) fn begin(&self, session: DismSession) -> Result<Operation<'_>, Error> {
        let Self { function, name, flags, .. } = *self;
        let action = Action { function, name: Text::wide(name), flags };
        self.dism().operation(Session::from_raw(session), action)
    }

    /// Performs an operation, which succeeds unless a rule says otherwise.
    pub(super) fn operate(&self, session: DismSession) -> Result<Hresult, Error> {
        self.begin(session)?.end()
    }

    /// Performs an operation with a progress callback.
    ///
    /// # Safety
    ///
    /// `callback` can be called with `user`.
    pub(super) unsafe fn operate_with_progress(
        &self,
        session: DismSession,
        cancel: HANDLE,
        callback: DismProgressCallback,
        user: *mut c_void,
    ) -> Result<Hresult, Error> {
        // SAFETY: guaranteed by the caller.
        self.begin(session)?.run_from_start(unsafe { reporter(cancel, callback, user) })
    }

    /// Performs an operation that lists something of an image: the list is empty, since the image
    /// is.
    ///
    /// # Safety
    ///
    /// `list` and `count` are writable.
    pub(super) unsafe fn list<T>(
        &self,
        session: DismSession,
        list: *mut *mut T,
        count: *mut u32,
    ) -> Result<Hresult, Error> {
        let code = self.operate(session)?;
        // SAFETY: guaranteed by the caller.
        unsafe { write_empty(list, count) };
        Ok(code)
    }

    /// Looks up what an empty image does not have. It fails with `unknown`, unless a rule lets it
    /// succeed. Then `make` makes the structure from the call's name and an empty text, and the
    /// caller gets it through `info`, unless that is NULL.
    ///
    /// # Safety
    ///
    /// `info` is NULL or writable.
    pub(super) unsafe fn look_up<T: Copy>(
        &self,
        session: DismSession,
        unknown: Hresult,
        info: *mut *mut T,
        make: impl Fn(PCWSTR, PCWSTR) -> T,
    ) -> Result<Hresult, Error> {
        let operation = self.begin(session)?;
        let is_found = operation.result_or(unknown).is_success() && !info.is_null();
        let mut address = ptr::null_mut();
        if is_found {
            let name = self.name.unwrap_or_default();
            let block = Block::of(&[[name, &[]]], |_, [name, empty]| make(name, empty));
            // No thread can shut the API down before the operation ends.
            address = self.hand_out(block)?;
        }
        let code = operation.end_with(unknown)?;
        if is_found {
            // SAFETY: guaranteed by the caller, since it is not NULL.
            unsafe { write(info, address.cast()) };
        }
        Ok(code)
    }
}

/// Returns what calls the callback, if there is one, with each progress, and then says whether the
/// caller has cancelled the call. That can be before the first progress, too (rule P7).
///
/// # Safety
///
/// `callback` can be called with `user`, for as long as the result lives.
unsafe fn reporter(
    cancel: HANDLE,
    callback: DismProgressCallback,
    user: *mut c_void,
) -> impl FnMut(Option<Progress>) -> ControlFlow<()> {
    move |progress| {
        if let (Some(progress), Some(callback)) = (progress, callback) {
            // SAFETY: guaranteed by the caller.
            unsafe { callback(progress.current, progress.total, user) };
        }
        if is_set(cancel) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Returns whether the caller has set its cancel event.
#[cfg(windows)]
fn is_set(event: HANDLE) -> bool {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn WaitForSingleObject(hHandle: HANDLE, dwMilliseconds: u32) -> u32;
    }
    const WAIT_OBJECT_0: u32 = 0;
    // SAFETY: any value is allowed for a handle; an invalid one only makes the call fail.
    !event.is_null() && unsafe { WaitForSingleObject(event, 0) } == WAIT_OBJECT_0
}

/// Returns `false`: there are no events to set.
#[cfg(not(windows))]
fn is_set(_: HANDLE) -> bool {
    false
}
