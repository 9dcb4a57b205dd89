//! Rules: which calls the test answers, and with what.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::panic::Location;
use std::{fmt, iter};

use super::Fault;
use crate::call::image::{ImageKey, OwnedImageKey};
use crate::call::{
    Call, DISM_ONLINE_IMAGE, Error, Function, Hresult, ImagePath, Scripted, Session,
};
use crate::evidence::Remark;
use crate::machine::config::Aliases;

/// A scripted answer to certain calls, in place of the emulator's own: a fault, a different success
/// code, or progress in steps.
///
/// A scripted rule is data. It says which calls it matches, how many of them, and what they return;
/// [`Emulator::script`](crate::Emulator::script) puts it in force. It applies only to calls that
/// the contract allows: a call that the contract refuses fails as usual, and uses up no scripted
/// rule.
///
/// - A call with a failing answer does nothing but fail. The code becomes the thread's last error,
///   unless the function never sets it (rule E2). An operation lasts as long as any other and fails
///   at its end; the session stays open, and can be closed (rule P5). Only an open leaves something
///   behind (rules O10, O11).
/// - A call with any other answer does what it always does and returns that number instead of its
///   own, whatever number it is (rule P4): `S_FALSE` from an initialize, 3010 from a close. If an
///   operation returns 3010, so does the last close (rule C6).
///
/// [`open_session`](crate::Dism::open_session), [`mounted_images`](crate::Dism::mounted_images) and
/// [`last_error`](crate::Dism::last_error) cannot return a different success code; the journal
/// has the one that was scripted.
///
/// If several rules match a call, the one that was put in force first answers it, and the others do
/// not count it.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult, Rule};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
///
/// let busy = Rule::on(Function::AddPackage).nth(2).answer(Hresult::DISMAPI_E_BUSY);
/// let busy = emulator.script(busy);
/// dism.perform(session, Function::AddPackage)?;
/// let failed = dism.perform(session, Function::AddPackage).unwrap_err();
/// assert_eq!(failed.code(), Hresult::DISMAPI_E_BUSY);
/// dism.perform(session, Function::AddPackage)?;
/// assert_eq!(busy.fired(), 1);
///
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "a rule answers no call until `Emulator::script` puts it in force"]
pub struct Rule {
    pub(super) functions: Functions,
    pub(super) session: Option<Session>,
    pub(super) image: Option<ImagePath>,
    /// How many calls pass before the rule answers one.
    pub(super) skip: u32,
    /// How many calls it answers; `None` for all.
    pub(super) times: Option<u32>,
    pub(super) name: Option<ImagePath>,
    /// Whether the call discards the changes of a mounted image, or commits them.
    pub(super) discards: Option<bool>,
    pub(super) answer: Hresult,
    /// Whether the call takes effect even if it fails.
    pub(super) takes_effect: bool,
    /// The answer from the second call on, if it is a different one.
    pub(super) later: Option<Hresult>,
    pub(super) progress: Option<Box<[Progress]>>,
    pub(super) cancel: CancelPolicy,
    pub(super) expected: Expected,
}

/// Which functions a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) enum Functions {
    One(Function),
    Operations,
    All,
}

/// When a call that is cancelled ends, and with what (rule P7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct CancelPolicy {
    /// How many reports of progress there are before the rule itself cancels the call.
    pub(super) after: Option<u32>,
    /// A cancel that comes after so many reports is too late.
    pub(super) until: Option<u32>,
    /// What a cancelled call returns.
    pub(super) code: Hresult,
}

impl CancelPolicy {
    /// What a rule does not say: the rule cancels nothing, and any cancel comes in time.
    pub(super) const UNSCRIPTED: Self =
        Self { after: None, until: None, code: Hresult::WIN32_REQUEST_ABORTED };

    /// Returns whether a cancel after so many reports of progress comes in time.
    fn is_in_time(self, reports: u32) -> bool {
        self.until.is_none_or(|until| reports < until)
    }
}

/// How often a rule has to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) enum Expected {
    AtLeastOnce,
    AnyNumber,
    Exactly(u32),
}

impl Rule {
    /// Creates a rule for every call of a function. It answers `S_OK` by default.
    pub const fn on(function: Function) -> Self {
        Self::new(Functions::One(function))
    }

    /// Creates a rule for every operation, whichever function it is: everything that takes a
    /// session, except the close.
    pub const fn on_any_operation() -> Self {
        Self::new(Functions::Operations)
    }

    /// Creates a rule for every call, whichever function it is. With [`nth`](Self::nth) it makes
    /// one call of a client fail, whatever that call is.
    ///
    /// ```
    /// use dism_emu::{Emulator, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// let _second = emulator.script(Rule::on_any_call().nth(2).fail(0x8007_0005));
    /// dism.initialize()?;
    /// assert!(dism.shutdown().is_err());
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub const fn on_any_call() -> Self {
        Self::new(Functions::All)
    }

    /// Creates a rule under which the servicing host is dead: the process that services the
    /// session's image, `DismHost.exe` (rule P5).
    ///
    /// Every operation on the session that no earlier rule answers fails: the first with
    /// [`Hresult::RPC_E_DISCONNECTED`], all others with [`Hresult::WIN32_RPC_S_CALL_FAILED`], as
    /// recorded. The session can be closed as usual. Operations that arrived before the rule was in
    /// force end as they would without it. The rule only knows the session's number, which another
    /// session may have after the final shutdown (rule I4).
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// let _dead = emulator.script(Rule::dead_host(session));
    /// let failed = dism.perform(session, Function::DisableFeature).unwrap_err();
    /// assert_eq!(failed.code(), Hresult::RPC_E_DISCONNECTED);
    /// let failed = dism.perform(session, Function::GetFeatureInfo).unwrap_err();
    /// assert_eq!(failed.code(), Hresult::WIN32_RPC_S_CALL_FAILED);
    /// assert_eq!(dism.close_session(session)?, Hresult::S_OK);
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub const fn dead_host(session: Session) -> Self {
        let mut rule = Self::on_any_operation();
        rule.session = Some(session);
        rule.answer = Hresult::RPC_E_DISCONNECTED;
        rule.later = Some(Hresult::WIN32_RPC_S_CALL_FAILED);
        rule
    }

    const fn new(functions: Functions) -> Self {
        Self {
            functions,
            session: None,
            image: None,
            skip: 0,
            times: None,
            name: None,
            discards: None,
            answer: Hresult::S_OK,
            takes_effect: false,
            later: None,
            progress: None,
            cancel: CancelPolicy::UNSCRIPTED,
            expected: Expected::AtLeastOnce,
        }
    }

    /// Matches only calls that pass this session. An open passes none. Only the number counts:
    /// after the final shutdown it may belong to another session (rule I4).
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// Matches only calls on this image, however its path is spelled (rule O6): its opens, the mounts,
    /// unmounts and remounts at this path, the operations on its session and the closes of it, and
    /// [`image_info`](crate::Dism::image_info) of this file.
    pub fn image(mut self, path: impl AsRef<OsStr>) -> Self {
        let path = ImagePath::new(path);
        // As text, a rule has one word for all spellings of the online image.
        let is_online = path.key().is_online();
        self.image = Some(if is_online { ImagePath::new(DISM_ONLINE_IMAGE) } else { path });
        self
    }

    /// Matches only operations with this [name](Function::named), in any letter case. If the client
    /// passes a path, its last part is enough.
    ///
    /// ```
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// let _busy = emulator.script(Rule::on(Function::AddPackage).named("kb2.cab").fail(0x800F_0902));
    /// dism.perform(session, Function::AddPackage.named(r"C:\updates\kb1.cab"))?;
    /// assert!(dism.perform(session, Function::AddPackage.named(r"C:\updates\KB2.cab")).is_err());
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn named(mut self, name: impl AsRef<OsStr>) -> Self {
        self.name = Some(ImagePath::new(name));
        self
    }

    /// Matches only unmounts and commits that commit the changes (rule N8).
    pub fn committing(mut self) -> Self {
        self.discards = Some(false);
        self
    }

    /// Matches only unmounts and commits that discard the changes (rule N8).
    pub fn discarding(mut self) -> Self {
        self.discards = Some(true);
        self
    }

    /// Answers only the `n`th of these calls, counted from 1 since the rule was put in force. There
    /// is no 0th call: such a rule never fires. This is [`after(n - 1)`](Self::after) and
    /// [`times(1)`](Self::times); a later call to either overrides it.
    pub fn nth(mut self, n: u32) -> Self {
        self.skip = n.saturating_sub(1);
        self.times = Some(n.min(1));
        self
    }

    /// Lets `n` of these calls pass first.
    pub fn after(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Answers at most `n` of these calls; without this, all.
    pub fn times(mut self, n: u32) -> Self {
        self.times = Some(n);
        self
    }

    /// Sets what the call returns, which can be any number (rule P4). The default is `S_OK`,
    /// including for a rule that only scripts progress.
    ///
    /// ```
    /// use dism_emu::{Function, Hresult, Rule};
    ///
    /// let unknown = Rule::on(Function::EnableFeature).answer(Hresult::DISMAPI_E_UNKNOWN_FEATURE);
    /// assert_eq!(unknown, Rule::on(Function::EnableFeature).answer(0x800F_080C));
    /// ```
    pub fn answer(mut self, code: impl Into<Hresult>) -> Self {
        self.answer = code.into();
        self.takes_effect = false;
        self.later = None;
        self
    }

    /// Makes the call fail with this code.
    ///
    /// # Panics
    ///
    /// If the code is a success. A plain Win32 error such as 5 counts as one: convert it with
    /// [`Hresult::from_win32`] first.
    ///
    /// ```should_panic
    /// use dism_emu::{Function, Rule};
    ///
    /// let _rule = Rule::on(Function::Initialize).fail(5);
    /// ```
    #[track_caller]
    pub fn fail(self, code: impl Into<Hresult>) -> Self {
        self.answer(failure(code.into()))
    }

    /// Makes the call return this failing code and take effect nevertheless.
    ///
    /// The genuine `DismInitialize` does so if it cannot write its log: it returns
    /// [`Hresult::DISMAPI_E_LOGGING_DISABLED`], and the API is initialized and needs its shutdown
    /// (rule I6). The journal has the effect.
    ///
    /// # Panics
    ///
    /// If the code is a success, or if the rule is not for one of these functions: initialize,
    /// shutdown, close, mount and unmount.
    ///
    /// ```
    /// use dism_emu::{Emulator, Function, Hresult, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// let code = Hresult::DISMAPI_E_LOGGING_DISABLED;
    /// let _no_log = emulator.script(Rule::on(Function::Initialize).fail_in_effect(code));
    /// assert_eq!(dism.initialize().unwrap_err().code(), code);
    /// assert!(emulator.state().is_initialized());
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[track_caller]
    pub fn fail_in_effect(self, code: impl Into<Hresult>) -> Self {
        assert!(
            self.can_fail_in_effect(),
            "only an initialize, close, shutdown, mount or unmount can fail and take effect"
        );
        let mut rule = self.answer(failure(code.into()));
        rule.takes_effect = true;
        rule
    }

    pub(super) fn can_fail_in_effect(&self) -> bool {
        matches!(
            self.functions,
            Functions::One(
                Function::Initialize
                    | Function::CloseSession
                    | Function::Shutdown
                    | Function::MountImage
                    | Function::UnmountImage
            )
        )
    }

    /// Cancels the call after `n` reports of progress, as a client does with a cancel event.
    ///
    /// The call fails with [`Hresult::WIN32_REQUEST_ABORTED`], or with the code of
    /// [`cancelled_with`](Self::cancelled_with), whatever else the rule answers. This needs no
    /// callback. A mount or an unmount changes nothing then (rule P7). A call that ends after fewer
    /// reports is not cancelled, nor is one of a function that has no cancel event in C.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    /// let _cancelled = emulator.script(Rule::on(Function::RestoreImageHealth).cancel_after(2));
    /// let mut seen = Vec::new();
    /// let result = dism.operation(session, Function::RestoreImageHealth)?.run(|progress| {
    ///     seen.push(progress.current);
    ///     ControlFlow::Continue(())
    /// });
    /// assert_eq!(seen, [0, 25]);
    /// assert_eq!(result.unwrap_err().code(), Hresult::WIN32_REQUEST_ABORTED);
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn cancel_after(mut self, n: u32) -> Self {
        self.cancel.after = Some(n);
        self
    }

    /// Sets the code that a call returns if the client or the rule cancels it in time. The default
    /// is [`Hresult::WIN32_REQUEST_ABORTED`] (rule P7).
    ///
    /// # Panics
    ///
    /// If the code is a success.
    #[track_caller]
    pub fn cancelled_with(mut self, code: impl Into<Hresult>) -> Self {
        self.cancel.code = failure(code.into());
        self
    }

    /// Makes a cancel too late once `n` reports of progress were made. The call then goes on, still
    /// calls its callback, and returns what it returns anyway (rule P7). With 0, the call cannot be
    /// cancelled; without this, a cancel is never too late.
    ///
    /// A callback cancels after its own report: with 2, only the first report can cancel.
    pub fn cancellable_until(mut self, n: u32) -> Self {
        self.cancel.until = Some(n);
        self
    }

    /// Sets the progress that an operation reports while it [runs](crate::Operation::run), in place
    /// of its own.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    ///
    /// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult, Progress, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    ///
    /// // The operation fails after 30 percent.
    /// let busy = Rule::on(Function::RestoreImageHealth)
    ///     .progress([Progress::new(0, 100), Progress::new(30, 100)])
    ///     .fail(Hresult::DISMAPI_E_BUSY);
    /// let _busy = emulator.script(busy);
    /// let mut seen = Vec::new();
    /// let result = dism.operation(session, Function::RestoreImageHealth)?.run(|progress| {
    ///     seen.push(progress.current);
    ///     ControlFlow::Continue(())
    /// });
    /// assert_eq!(seen, [0, 30]);
    /// assert_eq!(result.unwrap_err().code(), Hresult::DISMAPI_E_BUSY);
    ///
    /// dism.close_session(session)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn progress(mut self, steps: impl IntoIterator<Item = Progress>) -> Self {
        self.progress = Some(steps.into_iter().collect());
        self
    }

    /// Allows the rule never to fire. Without this, [`Emulator::verify`](crate::Emulator::verify)
    /// reports a rule that never did.
    pub fn optional(mut self) -> Self {
        self.expected = Expected::AnyNumber;
        self
    }

    /// Expects the rule to fire exactly `n` times. [`Emulator::verify`](crate::Emulator::verify)
    /// reports any other number. How often the rule can fire is not limited: that is what
    /// [`times`](Self::times) does. If both this and [`optional`](Self::optional) are called, the
    /// later call applies.
    ///
    /// ```
    /// use dism_emu::{Emulator, Function, Rule};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// let denied = Rule::on(Function::Initialize).fail(0x8007_0005).times(2).expect(2);
    /// let _denied = emulator.script(denied);
    /// // A client that tries three times.
    /// let initialized = (0..3).any(|_| dism.initialize().is_ok());
    /// assert!(initialized);
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    pub fn expect(mut self, n: u32) -> Self {
        self.expected = Expected::Exactly(n);
        self
    }

    pub(super) fn scripted(&self, code: Hresult) -> Scripted {
        Scripted { takes_effect: self.takes_effect, ..code.into() }
    }

    /// Returns the answer with this code, unless the rule itself cancels the call.
    fn answer_with(&self, code: Hresult, function: Option<Function>) -> Answer {
        let Self { progress, cancel, .. } = self;
        let answer =
            |scripted, progress| Answer { scripted, progress, cancel: *cancel, fault: None };
        let reports = progress.as_deref().unwrap_or(Progress::unscripted(code));
        let is_cancellable = function.is_some_and(Function::is_cancellable);
        let cancelled = cancel.after.filter(|after| is_cancellable && cancel.is_in_time(*after));
        match cancelled.and_then(|after| reports.get(..after as usize)) {
            Some(reports) => answer(cancel.code.into(), Some(reports.into())),
            None => answer(self.scripted(code), progress.clone()),
        }
    }

    fn matches(&self, query: Query<'_>) -> bool {
        let function = query.function.is_some_and(|called| match self.functions {
            Functions::One(function) => called == function,
            Functions::Operations => called.is_operation(),
            Functions::All => true,
        });
        function
            && self.session.is_none_or(|session| query.session == Some(session))
            && self.name.as_ref().is_none_or(|name| query.is_named(name))
            && self.discards.is_none_or(|discards| query.discards() == Some(discards))
    }
}

/// Returns the code, which has to be a failure.
#[track_caller]
pub(crate) fn failure(code: Hresult) -> Hresult {
    assert!(
        code.is_failure(),
        "{code:?} is a success: a failing HRESULT has its top bit set \
         (`Hresult::from_win32` converts a Win32 error)"
    );
    code
}

/// Writes `Rule(…)` around the text of [`Display`](fmt::Display).
impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}

/// The progress of an operation, as DISM reports it to a progress callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "DismProgressCallback")]
pub struct Progress {
    /// How much is done.
    pub current: u32,
    /// How much there is in all.
    pub total: u32,
}

impl Progress {
    /// Creates the progress `current` of `total`.
    #[must_use]
    pub const fn new(current: u32, total: u32) -> Self {
        Self { current, total }
    }

    /// Returns the progress of an operation for which none is scripted: quarter by quarter, in
    /// percent. One that is going to fail never reaches 100 (rule P7).
    fn unscripted(result: Hresult) -> &'static [Self] {
        const QUARTERS: &[Progress] = &[
            Progress::new(0, 100),
            Progress::new(25, 100),
            Progress::new(50, 100),
            Progress::new(75, 100),
            Progress::new(100, 100),
        ];
        &QUARTERS[..if result.is_failure() { 4 } else { 5 }]
    }
}

/// What a rule looks at in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) function: Option<Function>,
    pub(crate) session: Option<Session>,
    /// The image, by the path that all its paths resolve to.
    pub(crate) image: Option<ImageKey<'a>>,
    /// The whole call, if a rule [asks for its arguments](Rules::ask_for_arguments).
    pub(crate) call: Option<&'a Call>,
}

impl Query<'_> {
    /// Returns whether this is the name that the caller passes, or the last part of it.
    fn is_named(self, name: &ImagePath) -> bool {
        let Some(passed) = self.call.and_then(Call::name) else { return false };
        let passed = passed.key().path();
        let last = passed.rsplit(|byte| matches!(byte, b'\\' | b'/')).next();
        [Some(passed), last].into_iter().flatten().any(|passed| name.key().matches(passed))
    }

    fn discards(self) -> Option<bool> {
        Some(self.call?.commit_flags()?.discards())
    }
}

/// The answer of a rule to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) scripted: Scripted,
    progress: Option<Box<[Progress]>>,
    cancel: CancelPolicy,
    /// The number of the call, if a sweep makes it fail.
    #[cfg_attr(not(feature = "capi"), expect(dead_code, reason = "only C calls are postponed"))]
    pub(crate) fault: Option<u32>,
}

/// The answer of a sweep.
impl From<&Fault> for Answer {
    fn from(fault: &Fault) -> Self {
        Self { fault: Some(fault.call), ..Self::from(Scripted::from(fault.code)) }
    }
}

/// The answer that a caller has chosen.
impl From<Scripted> for Answer {
    fn from(scripted: Scripted) -> Self {
        Self { scripted, progress: None, cancel: CancelPolicy::UNSCRIPTED, fault: None }
    }
}

impl Answer {
    /// Returns what the call returns, if the contract allows it.
    pub(crate) fn returned(&self) -> Result<Hresult, Error> {
        let Scripted { code, .. } = self.scripted;
        match self.scripted.fails_in_effect() {
            Some(code) => Err(Error::Failed { code }),
            None => Ok(code),
        }
    }

    /// Reports the progress of a call until it is cancelled. Returns the code with which it then
    /// ends, or `None` if it goes on to its end (rule P7).
    ///
    /// `report` is called once without progress, before the first report: the client may have
    /// cancelled already.
    pub(crate) fn run(
        answer: Option<&Self>,
        mut report: impl FnMut(Option<Progress>) -> ControlFlow<()>,
    ) -> Option<Hresult> {
        let result = answer.map_or(Hresult::S_OK, |answer| answer.scripted.code);
        let steps = answer.and_then(|answer| answer.progress.as_deref());
        let steps = steps.unwrap_or(Progress::unscripted(result));
        let cancel = answer.map_or(CancelPolicy::UNSCRIPTED, |answer| answer.cancel);
        for (reports, progress) in
            (0..).zip(iter::once(None).chain(steps.iter().copied().map(Some)))
        {
            if report(progress).is_break() && cancel.is_in_time(reports) {
                return Some(cancel.code);
            }
        }
        None
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: Vec<ActiveRule>,
}

#[derive(Debug)]
pub(super) struct ActiveRule {
    rule: Rule,
    /// The image of the rule, by the path that all its paths resolve to.
    image: Option<OwnedImageKey>,
    id: u64,
    location: Option<&'static Location<'static>>,
    /// How many of its calls have passed so far.
    skipped: u32,
    fired: u64,
}

impl ActiveRule {
    /// Returns whether the rule answers this call. Counts the call if the rule matches it.
    fn takes(&mut self, query: Query<'_>) -> bool {
        let is_spent = self.rule.times.is_some_and(|times| self.fired >= u64::from(times));
        let is_on = |image: &OwnedImageKey| query.image.is_some_and(|it| it.is_same(image.key()));
        if is_spent || !self.rule.matches(query) || !self.image.as_ref().is_none_or(is_on) {
            return false;
        }
        if self.skipped < self.rule.skip {
            self.skipped += 1;
            return false;
        }
        self.fired += 1;
        true
    }

    /// Returns the remark to report if the rule does not fire any more.
    pub(super) fn unmet(&self) -> Option<Remark> {
        let Self { rule, location, fired, .. } = self;
        let location = *location;
        match rule.expected {
            Expected::AtLeastOnce if *fired == 0 => {
                Some(Remark::UnusedRule { rule: rule.to_string(), location })
            }
            Expected::Exactly(expected) if *fired != u64::from(expected) => {
                Some(Remark::RuleCount {
                    rule: rule.to_string(),
                    expected,
                    fired: *fired,
                    location,
                })
            }
            _ => None,
        }
    }
}

impl Rules {
    pub(super) fn add(
        &mut self,
        rule: Rule,
        aliases: &Aliases,
        id: u64,
        location: Option<&'static Location<'static>>,
    ) {
        let image = rule.image.as_ref().map(|image| aliases.resolve(image.key()).to_owned());
        self.active.push(ActiveRule { rule, image, id, location, skipped: 0, fired: 0 });
    }

    /// Returns whether a rule looks at more of a call than its function, session and image.
    pub(crate) fn ask_for_arguments(&self) -> bool {
        self.active
            .iter()
            .any(|active| active.rule.name.is_some() || active.rule.discards.is_some())
    }

    /// Returns the answer of the first rule that takes the call.
    pub(crate) fn fire(&mut self, query: Query<'_>) -> Option<Answer> {
        let ActiveRule { rule, fired, .. } = self
            .active
            .iter_mut()
            .find_map(|active| if active.takes(query) { Some(active) } else { None })?;
        let code = rule.later.filter(|_| *fired > 1).unwrap_or(rule.answer);
        Some(rule.answer_with(code, query.function))
    }

    pub(crate) fn fired(&self, id: u64) -> u64 {
        self.active.iter().find(|active| active.id == id).map_or(0, |active| active.fired)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<ActiveRule> {
        let at = self.active.iter().position(|active| active.id == id)?;
        Some(self.active.remove(at))
    }

    /// Returns the remarks on rules that did not fire as the test expected.
    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> {
        self.active.iter().filter_map(ActiveRule::unmet)
    }
}
