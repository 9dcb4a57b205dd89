//! Rules: which calls are answered by the test, and with what.

use std::ffi::OsStr;
use std::fmt;
use std::panic::Location;

use crate::call::{Function, Hresult, ImagePath, Session};
use crate::evidence::Remark;

/// Answers certain calls in place of the emulator: a fault, another success, progress in steps.
///
/// A rule is data. It says which calls it matches, how many of them, and what they return;
/// [`Emulator::script`](crate::Emulator::script) puts it in force. Rules apply only to calls that
/// the contract allows: a call that it refuses is refused as ever, and uses up no rule.
///
/// - A call with a failing answer does nothing but fail and set the last error, if its failures do
///   that (rule E2). An operation lasts as long as any other and fails at its end; the session
///   stays open and closable (rule P5).
/// - A call with any other answer does what it always does and returns that number instead of its
///   own, whatever number it is (rule P4): `S_FALSE` from an initialize, 3010 from a close. If an
///   operation returns 3010, so does the last close (rule C6).
///
/// [`open_session`](crate::Emulator::open_session), [`shutdown`](crate::Emulator::shutdown) and
/// [`last_error`](crate::Emulator::last_error) cannot return a different success code; the journal
/// has the one that was scripted.
///
/// If several rules match a call, the one that was put in force first answers it, and the others do
/// not count it.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Hresult, Rule};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
///
/// let busy = Rule::on(Function::AddPackage).nth(2).answer(Hresult::DISMAPI_E_BUSY);
/// let busy = dism.script(busy);
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "a rule is in force only once `Emulator::script` has taken it"]
pub struct Rule {
    /// `None` for every operation.
    function: Option<Function>,
    session: Option<Session>,
    image: Option<ImagePath>,
    /// How many calls are let pass first.
    skip: u32,
    /// How many calls it answers; `None` for all.
    times: Option<u32>,
    answer: Hresult,
    progress: Option<Box<[Progress]>>,
    optional: bool,
}

impl Rule {
    /// A rule for every call of a function, which answers `S_OK` unless told otherwise.
    pub const fn on(function: Function) -> Self {
        Self::new(Some(function))
    }

    /// A rule for every operation, whichever function it is: everything that takes a session but
    /// the close.
    pub const fn on_any_operation() -> Self {
        Self::new(None)
    }

    const fn new(function: Option<Function>) -> Self {
        Self {
            function,
            session: None,
            image: None,
            skip: 0,
            times: None,
            answer: Hresult::S_OK,
            progress: None,
            optional: false,
        }
    }

    /// Matches only calls that pass this session. An open passes none. Only the number counts:
    /// after a last shutdown it may be another session's (rule I4).
    pub fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// Matches only opens of this image, operations on and closes of its session, and mounts,
    /// unmounts and remounts of it, however the path is spelt (rule O6).
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

    /// Sets what the call returns: `S_OK` by default, also if the rule is there for its progress.
    pub fn answer(mut self, code: impl Into<Hresult>) -> Self {
        self.answer = code.into();
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
    /// let dism = Emulator::new();
    /// dism.initialize()?;
    /// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
    ///
    /// // Somebody cancels the operation after 30 percent.
    /// let cancelled = Rule::on(Function::RestoreImageHealth)
    ///     .progress([Progress::new(0, 100), Progress::new(30, 100)])
    ///     .answer(Hresult::ERROR_REQUEST_ABORTED);
    /// let cancelled = dism.script(cancelled);
    /// let mut seen = Vec::new();
    /// let result = dism.operation(session, Function::RestoreImageHealth)?.run(|progress| {
    ///     seen.push(progress.current);
    ///     ControlFlow::Continue(())
    /// });
    /// assert_eq!(seen, [0, 30]);
    /// assert_eq!(result.unwrap_err().code(), Hresult::ERROR_REQUEST_ABORTED);
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
        self.optional = true;
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
        write!(f, ", answers {:?}", self.answer)
    }
}

/// How far an operation is, as DISM tells its progress callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Progress {
    /// How much is done.
    pub current: u32,
    /// How much that is of.
    pub total: u32,
}

impl Progress {
    /// `current` of `total`.
    #[must_use]
    pub const fn new(current: u32, total: u32) -> Self {
        Self { current, total }
    }

    /// What an operation reports that nobody scripted: quarter by quarter, in percent.
    pub(crate) const UNSCRIPTED: [Self; 5] = [
        Self::new(0, 100),
        Self::new(25, 100),
        Self::new(50, 100),
        Self::new(75, 100),
        Self::new(100, 100),
    ];
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) function: Option<Function>,
    pub(crate) session: Option<Session>,
    /// Without trailing separators.
    pub(crate) image: Option<&'a [u8]>,
}

/// What a rule says of a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Hresult,
    pub(crate) progress: Option<Box<[Progress]>>,
}

/// The rules in force, and those that were taken back without having fired.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: Vec<ActiveRule>,
    unused: Vec<Remark>,
}

#[derive(Debug)]
struct ActiveRule {
    rule: Rule,
    /// The same for rules that were put in force together.
    id: u64,
    location: &'static Location<'static>,
    /// How many of its calls it has let pass so far.
    skipped: u32,
    fired: u64,
}

impl ActiveRule {
    /// Whether the rule answers this call, which it counts if it matches.
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
}

impl Rules {
    pub(super) fn add(&mut self, rule: Rule, id: u64, location: &'static Location<'static>) {
        self.active.push(ActiveRule { rule, id, location, skipped: 0, fired: 0 });
    }

    /// Returns the answer of the first rule that takes the call.
    pub(crate) fn fire(&mut self, query: Query<'_>) -> Option<Answer> {
        let ActiveRule { rule, .. } = self
            .active
            .iter_mut()
            .find_map(|active| if active.takes(query) { Some(active) } else { None })?;
        Some(Answer { code: rule.answer, progress: rule.progress.clone() })
    }

    pub(crate) fn fired(&self, id: u64) -> u64 {
        self.active.iter().filter(|active| active.id == id).map(|active| active.fired).sum()
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.unused.extend(self.unused_remark(id));
        self.active.retain(|active| active.id != id);
    }

    /// Names the first of those put in force together, if none of them fired.
    fn unused_remark(&self, id: u64) -> Option<Remark> {
        let ActiveRule { rule, location, .. } = self.active.iter().find(|it| it.id == id)?;
        let is_unused = self.fired(id) == 0 && !rule.optional;
        is_unused.then(|| Remark::UnusedRule { rule: rule.to_string(), place: location })
    }

    /// What there is to report of rules that never fired.
    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> {
        let mut ids: Vec<u64> = self.active.iter().map(|active| active.id).collect();
        ids.dedup();
        self.unused.iter().cloned().chain(ids.into_iter().filter_map(|id| self.unused_remark(id)))
    }
}
