//! Rules: which calls the test answers, and with what.

use std::ffi::OsStr;
use std::fmt;
use std::panic::Location;

use crate::call::{Function, Hresult, ImagePath, Session};
use crate::evidence::Remark;

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
///   at its end; the session stays open, and can be closed (rule P5).
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
    /// The function, or `None` for every operation.
    function: Option<Function>,
    session: Option<Session>,
    image: Option<ImagePath>,
    /// How many calls pass before the rule answers one.
    skip: u32,
    /// How many calls it answers; `None` for all.
    times: Option<u32>,
    answer: Hresult,
    /// The answer from the second call on, if it is a different one.
    later: Option<Hresult>,
    progress: Option<Box<[Progress]>>,
    expected: Expected,
}

/// How often a rule has to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Expected {
    AtLeastOnce,
    AnyNumber,
    Exactly(u32),
}

impl Rule {
    /// Creates a rule for every call of a function. It answers `S_OK` by default.
    pub const fn on(function: Function) -> Self {
        Self::new(Some(function))
    }

    /// Creates a rule for every operation, whichever function it is: everything that takes a
    /// session, except the close.
    pub const fn on_any_operation() -> Self {
        Self::new(None)
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

    const fn new(function: Option<Function>) -> Self {
        Self {
            function,
            session: None,
            image: None,
            skip: 0,
            times: None,
            answer: Hresult::S_OK,
            later: None,
            progress: None,
            expected: Expected::AtLeastOnce,
        }
    }

    /// Matches only calls that pass this session. An open passes none. Only the number counts:
    /// after the final shutdown it may belong to another session (rule I4).
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// Matches only calls on this image, however its path is spelled (rule O6): its opens, mounts,
    /// unmounts and remounts, the operations on its session and the closes of it, and
    /// [`image_info`](crate::Dism::image_info) of this file.
    pub fn image(mut self, path: impl AsRef<OsStr>) -> Self {
        self.image = Some(ImagePath::new(path));
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
        let code = code.into();
        assert!(
            code.is_failure(),
            "{code:?} is a success: a failing HRESULT has its top bit set \
             (`Hresult::from_win32` converts a Win32 error)"
        );
        self.answer(code)
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
    /// // The operation is cancelled after 30 percent.
    /// let cancelled = Rule::on(Function::RestoreImageHealth)
    ///     .progress([Progress::new(0, 100), Progress::new(30, 100)])
    ///     .answer(Hresult::WIN32_REQUEST_ABORTED);
    /// let cancelled = emulator.script(cancelled);
    /// let mut seen = Vec::new();
    /// let result = dism.operation(session, Function::RestoreImageHealth)?.run(|progress| {
    ///     seen.push(progress.current);
    ///     ControlFlow::Continue(())
    /// });
    /// assert_eq!(seen, [0, 30]);
    /// assert_eq!(result.unwrap_err().code(), Hresult::WIN32_REQUEST_ABORTED);
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

    fn matches(&self, query: Query<'_>) -> bool {
        let function = match self.function {
            Some(function) => query.function == Some(function),
            None => query.function.is_some_and(Function::is_operation),
        };
        let image = |image: &ImagePath| query.image.is_some_and(|path| image.key().matches(path));
        function
            && self.session.is_none_or(|session| query.session == Some(session))
            && self.image.as_ref().is_none_or(image)
    }
}

/// Writes `DismAddPackage on session 2, call 3 only, answers 0x800F0902 (DISMAPI_E_BUSY)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function {
            Some(function) => write!(f, "{function}")?,
            None => f.write_str("any operation")?,
        }
        if let Some(session) = self.session {
            write!(f, " on {session}")?;
        }
        if let Some(image) = &self.image {
            write!(f, " of {image}")?;
        }
        match (self.skip, self.times) {
            (0, None) => {}
            (skip, Some(1)) => write!(f, ", call {} only", u64::from(skip) + 1)?,
            (0, Some(times)) => write!(f, ", {times} times")?,
            (skip, times) => {
                write!(f, ", from call {} on", u64::from(skip) + 1)?;
                if let Some(times) = times {
                    write!(f, ", {times} times")?;
                }
            }
        }
        write!(f, ", answers {:?}", self.answer)?;
        if let Some(later) = self.later {
            write!(f, ", then {later:?}")?;
        }
        for (at, Progress { current, total }) in self.progress.iter().flatten().enumerate() {
            let head = if at == 0 { ", progress" } else { "," };
            write!(f, "{head} {current}/{total}")?;
        }
        Ok(())
    }
}

/// Writes `Rule(…)` around the text of [`Display`](fmt::Display), and how often it has to fire.
impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self}")?;
        match self.expected {
            Expected::AtLeastOnce => {}
            Expected::AnyNumber => f.write_str(", optional")?,
            Expected::Exactly(expected) => write!(f, ", expected {expected} times")?,
        }
        f.write_str(")")
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

    /// The progress of an operation for which none is scripted: quarter by quarter, in percent.
    pub(crate) const UNSCRIPTED: [Self; 5] = [
        Self::new(0, 100),
        Self::new(25, 100),
        Self::new(50, 100),
        Self::new(75, 100),
        Self::new(100, 100),
    ];
}

/// What a rule looks at in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) function: Option<Function>,
    pub(crate) session: Option<Session>,
    /// The path of the image, without trailing separators.
    pub(crate) image: Option<&'a [u8]>,
}

/// The answer of a rule to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Hresult,
    pub(crate) progress: Option<Box<[Progress]>>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: Vec<ActiveRule>,
}

#[derive(Debug)]
pub(super) struct ActiveRule {
    rule: Rule,
    id: u64,
    location: &'static Location<'static>,
    /// How many of its calls have passed so far.
    skipped: u32,
    fired: u64,
}

impl ActiveRule {
    /// Returns whether the rule answers this call. Counts the call if the rule matches it.
    fn takes(&mut self, query: Query<'_>) -> bool {
        let is_spent = self.rule.times.is_some_and(|times| self.fired >= u64::from(times));
        if is_spent || !self.rule.matches(query) {
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
    pub(super) fn add(&mut self, rule: Rule, id: u64, location: &'static Location<'static>) {
        self.active.push(ActiveRule { rule, id, location, skipped: 0, fired: 0 });
    }

    /// Returns the answer of the first rule that takes the call.
    pub(crate) fn fire(&mut self, query: Query<'_>) -> Option<Answer> {
        let ActiveRule { rule, fired, .. } = self
            .active
            .iter_mut()
            .find_map(|active| if active.takes(query) { Some(active) } else { None })?;
        let code = rule.later.filter(|_| *fired > 1).unwrap_or(rule.answer);
        Some(Answer { code, progress: rule.progress.clone() })
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
