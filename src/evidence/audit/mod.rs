//! Finds the client's mistakes in a journal: passes over its steps once, then looks at what is left
//! behind.
//!
//! The journal has what the emulator answered, but not who is to blame. If a test scripted a
//! shutdown, a close or a delete to fail, the client has done its part, and what stays behind is
//! excused.
//!
//! No step says what a thread intended, or for which thread it worked, so heuristics guess it.
//! Beside each heuristic are drawn the clients that it is about: a row for each thread, time from
//! left to right. `open` succeeds, `close = 3010` succeeds with this code, and `open: busy` fails.
//! `!` marks the call that is reported. A number at the end of a row is that of the mistake. Two
//! rows of the same thread are two clients.

mod ahead;
mod downtime;
mod last_calls;
mod memory;
mod outstanding;
mod overlap;
mod periods;
mod sessions;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use self::ahead::Ahead;
use self::downtime::Downtime;
use self::last_calls::LastCalls;
use self::memory::Allocations;
use self::periods::Periods;
use self::sessions::Sessions;
use super::paired::Calls;
use super::text::LISTED;
use super::{Journal, Mistake};
use crate::call::{Call, Effect, Error, Function, Memory, Session, ThreadNumber};
use crate::machine::Step;

/// A mistake of the client, and its position in the journal.
///
/// ```
/// use dism_emu::{Emulator, Mistake};
///
/// let emulator = Emulator::builder().verify_on_drop(false).build();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session("image")?;
/// dism.close_session(session)?;
/// dism.close_session(session).unwrap_err();
/// dism.shutdown()?;
///
/// let found = emulator.journal().mistakes();
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].mistake, Mistake::CloseTwice);
/// // The first close is two steps: closing, and gone.
/// assert_eq!((found[0].call, found[0].at), (4, 4));
/// assert_eq!(found[0].collides_with, [3]);
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The mistake.
    pub mistake: Mistake,
    /// The number of the call that is marked as the mistake, as in reports and timelines. Calls are
    /// counted from 1. Since some calls are two steps, this is not an index of steps.
    pub call: usize,
    /// The index of that call's first step in [`Journal::steps`].
    pub at: usize,
    /// The calls with which the mistake collides: those that explain it, such as the opens that
    /// were never closed, or the first of two closes. They are the numbers of these calls, as
    /// [`call`](Self::call) is, in ascending order, eight at most. Empty if no call explains the
    /// mistake, or if the journal lost the calls that do.
    pub collides_with: Vec<usize>,
    /// How many more it collides with.
    pub more: usize,
}

impl Journal {
    /// Finds the client's mistakes that these steps show, and returns them in the steps' order.
    ///
    /// The last step counts as the end: a session that is open then was never closed. A client that
    /// keeps the contract makes no mistake, and a failure that a test scripted is not the client's.
    ///
    /// If the beginning is missing ([`dropped`](Self::dropped)), only mistakes that are certain
    /// without it are found.
    ///
    /// ```
    /// use dism_emu::{Emulator, Mistake};
    ///
    /// let emulator = Emulator::builder().verify_on_drop(false).build();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.open_session("image")?;
    /// let _only_logged = dism.shutdown();
    ///
    /// let found = emulator.journal().mistakes();
    /// assert_eq!(found[0].mistake, Mistake::ShutdownWithOpenSession);
    /// assert_eq!((found[0].call, &found[0].collides_with[..]), (3, &[2][..]));
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[must_use]
    pub fn mistakes(&self) -> Vec<Finding> {
        self.mistakes_except(&[])
    }

    /// The same without those that the test allows.
    pub(super) fn mistakes_except(&self, allowed: &[Mistake]) -> Vec<Finding> {
        let calls = Calls::of(self.steps());
        let mut audit = Audit::new(self, &calls, allowed);
        audit.steps(self.steps());
        audit.finish()
    }

    /// Returns whether no step before the first is missing.
    fn is_complete(&self) -> bool {
        // A journal of steps that were taken without an emulator does not say what it lacks.
        self.dropped() == 0 && self.replay().is_ok()
    }
}

/// A step, by its index, and the thread that took it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    thread: ThreadNumber,
    at: usize,
}

/// The mistakes found so far.
struct Found<'a> {
    journal: &'a Journal,
    calls: &'a Calls<'a>,
    allowed: &'a [Mistake],
    is_complete: OnceCell<bool>,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn allows(&self, mistake: Mistake) -> bool {
        self.allowed.contains(&mistake)
    }

    /// Returns whether the journal has its beginning. If not, what is missing there may explain a
    /// call that looks like a mistake.
    fn is_complete(&self) -> bool {
        *self.is_complete.get_or_init(|| self.journal.is_complete())
    }

    fn add(&mut self, mistake: Mistake, at: usize, with: impl IntoIterator<Item = usize>) {
        if self.allows(mistake) {
            return;
        }
        let with = with.into_iter().map(|step| self.calls.first_of(step));
        let mut with: Vec<_> = with.collect();
        with.sort_unstable();
        with.dedup();
        self.add_listed(mistake, at, with.iter().copied(), with.len());
    }

    /// Adds a mistake that collides with all steps of an ascending list but its own: many findings
    /// share one list.
    fn add_one_of(&mut self, mistake: Mistake, at: usize, list: &[usize]) {
        let own = usize::from(list.binary_search(&at).is_ok());
        let others = list.iter().copied().filter(|other| *other != at);
        self.add_listed(mistake, at, others, list.len() - own);
    }

    fn add_listed(
        &mut self,
        mistake: Mistake,
        at: usize,
        with: impl Iterator<Item = usize>,
        count: usize,
    ) {
        let Some(call) = self.calls.by_step(at) else { return };
        let collides_with = with.take(LISTED).filter_map(|step| self.calls.by_step(step));
        let collides_with: Vec<_> = collides_with.map(|call| call.number).collect();
        let more = count - collides_with.len();
        let (call, at) = (call.number, call.first);
        self.findings.push(Finding { mistake, call, at, collides_with, more });
    }
}

/// The pass over the steps. Only this type knows which topic a step concerns.
struct Audit<'a> {
    found: Found<'a>,
    ahead: Ahead,
    last_calls: LastCalls,
    downtime: Downtime,
    periods: Periods,
    sessions: Sessions,
    memory: Allocations,
}

impl<'a> Audit<'a> {
    fn new(journal: &'a Journal, calls: &'a Calls<'a>, allowed: &'a [Mistake]) -> Self {
        let is_complete = OnceCell::new();
        Self {
            found: Found { journal, calls, allowed, is_complete, findings: Vec::new() },
            ahead: Ahead::of(calls),
            last_calls: LastCalls::default(),
            downtime: Downtime::default(),
            periods: Periods::default(),
            sessions: Sessions::default(),
            memory: Allocations::default(),
        }
    }

    /// Goes through the steps before one once more. What was open at a refused shutdown is asked for
    /// one of them at most, and keeping it for each would take the square of their number.
    fn before(found: &Found<'a>, end: usize) -> Self {
        let mut audit = Self::new(found.journal, found.calls, &[]);
        audit.steps(&found.calls.steps()[..end]);
        audit
    }

    fn steps(&mut self, steps: &[Step]) {
        for (at, step) in steps.iter().enumerate() {
            self.step(at, step);
        }
    }

    fn step(&mut self, at: usize, step: &Step) {
        let now = Moment { thread: step.thread, at };
        match step.outcome {
            Ok(effect) => self.succeeded(now, step.call.asked(), effect),
            Err(Error::NotInitialized) => self.called_while_down(now, step.call.asked()),
            Err(error) => self.failed(now, step.call.asked(), error),
        }
        if step.has_failed_in_effect() {
            self.failed_in_effect(now, step.call.asked());
        }
        self.last_calls.step(now, step, self.found.calls);
    }

    /// Records what a success changes.
    fn succeeded(&mut self, now: Moment, call: &Call, effect: Effect) {
        let Self { found, last_calls, downtime, periods, sessions, memory, .. } = self;
        if !is_about_message(call) {
            downtime.forget(now.thread);
        }
        match (call, effect) {
            (Call::Initialize(_), Effect::Initialized { count }) => {
                downtime.initialized(now, count);
                sessions.initialized(now, count);
                periods.initialized(now, count, last_calls.of(now.thread));
            }
            (Call::Shutdown, Effect::ShutDown { count }) => {
                downtime.shut_down(now, count);
                periods.shut_down(now, count);
                memory.shut_down(now, count);
            }
            (Call::OpenSession(_), Effect::Opened { session, references }) => {
                sessions.opened(now, session, references);
            }
            (Call::CloseSession { session }, Effect::Released { references }) => {
                sessions.released(now, *session, references);
            }
            (Call::CloseSession { session }, _) => sessions.closing(now, *session),
            (Call::FinishClose { session }, _) => sessions.closed(now, *session),
            (Call::BeginOperation { session, .. }, _) => sessions.begun(now, *session, found),
            (Call::EndOperation { session, .. }, effect) => {
                sessions.ended(now, *session);
                if effect == Effect::ReloadRequired {
                    sessions.reload_required(now, *session);
                }
            }
            (Call::HandOut { .. }, Effect::HandedOut { memory: it }) => memory.handed_out(now, it),
            (Call::Delete { memory: Memory::NULL }, _) => {} // rule D2
            (Call::Delete { memory: it }, _) => memory.deleted(now, *it, found),
            _ => {}
        }
    }

    /// Records a failure, and reports it if it is a mistake.
    fn failed(&mut self, now: Moment, call: &Call, error: Error) {
        let Self { found, downtime, periods, sessions, memory, .. } = self;
        if is_open(call) {
            sessions.open_failed(now);
        }
        if is_initialize(call) {
            sessions.initialize_failed(now);
        }
        match (call, error) {
            (Call::Initialize(_), Error::AlreadyInitialized { .. }) => {
                downtime.forget(now.thread);
                periods.refused(now);
            }
            (call, _) if is_initialize(call) => {
                downtime.initialize_failed(now);
                periods.initialize_failed(now);
            }
            (Call::Shutdown, Error::OpenSessionHandles) => {
                periods.shutdown_refused(now, sessions.are_excused());
            }
            (Call::Shutdown, Error::Failed { .. }) => periods.excuse(now),
            (
                Call::CloseSession { session } | Call::BeginOperation { session, .. },
                Error::PossibleDeadlock { .. },
            ) => sessions.inside_operation(now, *session, found),
            (Call::CloseSession { session }, Error::Failed { .. }) => {
                sessions.excuse(now, *session);
            }
            (
                Call::CloseSession { session } | Call::BeginOperation { session, .. },
                Error::InvalidSession { .. } | Error::SessionClosing { .. },
            ) => self.used_what_is_not_open(now, call, *session),
            (Call::EndOperation { session, .. }, Error::Failed { .. }) => {
                sessions.ended(now, *session);
            }
            (Call::Delete { memory: Memory::NULL }, _) => {} // rule D2
            (Call::Delete { memory: it }, Error::Failed { .. }) => memory.excuse(*it),
            (Call::Delete { memory: it }, _) => memory.delete_failed(now, *it, error, found),
            _ => {}
        }
    }

    /// Records a call that has taken effect although the test scripted it to fail. So the client does
    /// not know what it has done:
    ///
    /// ```text
    /// t1  initialize: busy, in effect     close 0     shutdown
    /// t1  open A    close A: busy, in effect    get features on A    close A
    /// t1  shutdown: busy, in effect    open: not initialized    delete: not initialized    shutdown
    /// ```
    fn failed_in_effect(&mut self, now: Moment, call: &Call) {
        match call {
            Call::Initialize(_) => self.sessions.initialize_failed(now),
            Call::CloseSession { session } => self.sessions.close_failed_in_effect(*session),
            Call::Shutdown => self.downtime.excuse(),
            _ => {}
        }
    }

    /// Records a call on a handle that is not open, and reports it by the first explanation.
    fn used_what_is_not_open(&mut self, now: Moment, call: &Call, session: Session) {
        let Self { found, ahead, sessions, .. } = self;
        let is_close = matches!(call, Call::CloseSession { .. });
        let has_reason = || sessions.expects_0(now.thread) || !found.is_complete();
        if ahead.is_clean_up(now.at) && has_reason() {
            return;
        }
        let closes_again = is_close && sessions.closes_again(now, session, found);
        // Without the journal's beginning, the first of two closes may be missing.
        if !closes_again && (!is_close || found.is_complete()) {
            sessions.not_open(now, session, found);
        }
    }

    /// Records a call that failed because the API is not initialized, and reports it by the first
    /// explanation.
    fn called_while_down(&mut self, now: Moment, call: &Call) {
        let Self { found, ahead, downtime, periods, sessions, memory, .. } = self;
        if is_open(call) {
            sessions.open_failed(now);
        }
        let closed = match call {
            Call::Shutdown => return periods.shutdown_while_down(now, found),
            Call::Delete { memory: Memory::NULL } => return, // rule D2
            Call::Delete { memory: it } if downtime.is_excused() => return memory.excuse(*it),
            Call::Delete { memory: it } => {
                return memory.delete_failed(now, *it, Error::NotInitialized, found);
            }
            call if is_about_message(call) || downtime.is_excused() => return,
            Call::EndOperation { .. } | Call::FinishClose { .. } => return,
            Call::CloseSession { session } => Some(*session),
            _ => None,
        };
        let is_harmless = ahead.is_clean_up(now.at)
            && (sessions.expects_0(now.thread) || !downtime.is_after_shutdown(now.thread));
        if is_harmless || ahead.is_lazy(now.at) {
            return;
        }
        let is_explained = downtime.goes_on_after_failure(now, found)
            || periods.goes_on_overlapping(now, found)
            || closed.is_some_and(|session| sessions.closes_again(now, session, found));
        if !is_explained {
            downtime.called(now, found);
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        if let Some(refused) = self.periods.refused_shutdown() {
            let left_open = Self::before(&self.found, refused).sessions.left_open();
            self.found.add(Mistake::ShutdownWithOpenSession, refused, left_open);
        }
        let left_open = self.sessions.left_open();
        self.periods.finish(&self.last_calls, left_open, &mut self.found);
        self.memory.finish(&mut self.found);
        let mut findings = self.found.findings;
        findings.sort_by_key(|finding| (finding.at, finding.mistake));
        findings
    }
}

/// Returns whether the call is `DismOpenSession`, with a path or without. An operation that is
/// begun with this function is not.
const fn is_open(call: &Call) -> bool {
    matches!(
        call,
        Call::OpenSession(_) | Call::CallWithoutArgument { function: Function::OpenSession }
    )
}

/// The same for `DismInitialize`.
const fn is_initialize(call: &Call) -> bool {
    matches!(
        call,
        Call::Initialize(_) | Call::CallWithoutArgument { function: Function::Initialize }
    )
}

/// Returns whether the call only reads or frees a message. These calls need no initialization, so
/// their success says nothing about one (rules D4, E5).
const fn is_about_message(call: &Call) -> bool {
    matches!(
        call,
        Call::GetLastErrorMessage
            | Call::HandOut { .. }
            | Call::Delete { .. }
            | Call::CallWithoutArgument {
                function: Function::GetLastErrorMessage | Function::Delete
            }
    )
}

/// Groups the findings of the same mistake at the same location: a mistake in a loop is reported
/// once. Without a location, as in a C program, calls of the same function on the same session with
/// the same answer are in one group.
pub(super) fn groups<'a>(calls: &Calls<'_>, mistakes: &'a [Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut known = BTreeMap::new();
    for finding in mistakes {
        let Some(call) = calls.by_step(finding.at) else { continue };
        let Step { location, call: asked, .. } = calls.first(call);
        let likeness = match location {
            Some(_) => None,
            None => Some((asked.function(), asked.session(), calls.code(call))),
        };
        let key = (finding.mistake, *location, likeness);
        let group = *known.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(finding);
    }
    groups
}
