//! An operation while it is performed.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::ControlFlow;

use super::Dism;
use crate::call::{Error, Function, Hresult, Session};
use crate::evidence::Caller;
use crate::machine::request;
use crate::script::{Answer, Progress};
use crate::sync::in_drop;

/// A running operation, which ends when this value is ended or dropped.
///
/// Dropping it ends the operation with the answer of a [`Rule`](crate::Rule), or with `S_OK`. It
/// stays on its thread, as a running call does:
///
/// ```compile_fail,E0277
/// # let dism = dism_emu::Emulator::new().dism();
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
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(r"C:\mount")?;
///
/// let operation = dism.operation(session, Function::EnableFeature)?;
/// let failed = operation.end_with(Hresult::DISMAPI_E_UNKNOWN_FEATURE);
/// assert_eq!(failed, Err(Error::Failed { code: Hresult::new(0x800F080C) }));
///
/// // P5: the session survives. C6: its close returns that a reboot is needed.
/// dism.operation(session, Function::AddPackage)?.end_with(Hresult::new(3010))?;
/// assert_eq!(dism.close_session(session)?, Hresult::ERROR_SUCCESS_REBOOT_REQUIRED);
/// dism.shutdown()?;
/// # Ok::<(), Error>(())
/// ```
#[must_use = "dropping this ends the operation: bind it to a variable, or call `end`"]
pub struct Operation<'a> {
    pub(super) dism: &'a Dism,
    pub(super) caller: Caller,
    pub(super) session: Session,
    pub(super) function: Function,
    /// Boxed, since almost no operation has one.
    pub(super) answer: Option<Box<Answer>>,
    /// Rules C7, E1 and P3 are about the thread that performs the operation.
    pub(super) on_this_thread: PhantomData<*const ()>,
}

impl Operation<'_> {
    /// Returns the session.
    #[must_use]
    pub const fn session(&self) -> Session {
        self.session
    }

    /// Returns the function.
    #[must_use]
    pub const fn function(&self) -> Function {
        self.function
    }

    /// Ends the operation. Returns the answer of a [`Rule`](crate::Rule), or `S_OK`.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] for a failing result, which is then this thread's last error. The session
    /// stays open, and can be closed (rule P5).
    #[inline]
    pub fn end(self) -> Result<Hresult, Error> {
        self.end_with(Hresult::S_OK)
    }

    /// Ends the operation with any result: a success such as `S_OK`, 1 or 3010, which is returned,
    /// or a failure. This is for adapters that know more of an image than the emulator does. If a
    /// rule answers this operation, its answer wins.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], as for [`end`](Self::end).
    #[inline]
    pub fn end_with(mut self, result: impl Into<Hresult>) -> Result<Hresult, Error> {
        let result = self.take_answer().unwrap_or(result.into());
        let ended = self.finish(result);
        mem::forget(self);
        ended
    }

    /// Performs the operation with a progress callback, and ends it.
    ///
    /// The callback is called on this thread and under no lock: with the progress of a
    /// [`Rule`](crate::Rule::progress), or with 0, 25, 50, 75 and 100 of 100. If a rule makes the
    /// operation fail, there is no 100. A call on the same session from the callback would wait for
    /// itself and is refused (rules P3, C7).
    ///
    /// Returning [`ControlFlow::Break`] cancels the operation, as the cancel event does. It fails
    /// with [`Hresult::WIN32_REQUEST_ABORTED`], unless a rule sets
    /// [another code](crate::Rule::cancelled_with), or the cancel comes
    /// [too late](crate::Rule::cancellable_until) (rule P7).
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], as for [`end`](Self::end), including if it is cancelled.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use dism_emu::{Emulator, Function, Hresult};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(r"C:\mount")?;
    /// let cancelled = dism.operation(session, Function::AddPackage)?.run(|progress| {
    ///     if progress.current < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    /// });
    /// assert_eq!(cancelled.unwrap_err().code(), Hresult::WIN32_REQUEST_ABORTED);
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn run(
        self,
        mut on_progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Hresult, Error> {
        self.run_from_start(|progress| progress.map_or(ControlFlow::Continue(()), &mut on_progress))
    }

    /// The same, for a caller that can cancel before the first report, too. `report` is then called
    /// without progress.
    pub(crate) fn run_from_start(
        mut self,
        report: impl FnMut(Option<Progress>) -> ControlFlow<()>,
    ) -> Result<Hresult, Error> {
        if let Some(code) = Answer::run(self.answer.as_deref(), report) {
            self.answer = None;
            return self.end_with(code);
        }
        self.end()
    }

    /// Returns the result with which the operation will end: the answer of a rule, or `unscripted`.
    #[cfg(feature = "capi")]
    pub(crate) fn result_or(&self, unscripted: Hresult) -> Hresult {
        self.answer.as_ref().map_or(unscripted, |answer| answer.scripted.code)
    }

    #[inline]
    fn take_answer(&mut self) -> Option<Hresult> {
        self.answer.take().map(|answer| answer.scripted.code)
    }

    #[inline]
    fn finish(&self, result: Hresult) -> Result<Hresult, Error> {
        let Self { session, function, .. } = *self;
        let request = request::EndOperation { session, function, result };
        self.dism.shared.end(self.caller, &request)
    }
}

impl Drop for Operation<'_> {
    #[inline]
    fn drop(&mut self) {
        let result = self.take_answer().unwrap_or(Hresult::S_OK);
        // It began on this thread and has not ended yet, so it fails only if a rule says so.
        in_drop(|| {
            let _ = self.finish(result);
        });
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
