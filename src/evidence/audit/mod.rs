//! Finds the client's mistakes in a journal: one pass over its steps, and a look at what is left.
//!
//! Two things are kept apart throughout: what the emulator answered, which the journal has, and
//! who is to blame. Where a test scripted the failure of a shutdown, a close or a delete, the
//! client has done its part; what stays behind by it is no mistake.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{
    Call, Effect, Error, Function, Hresult, InvalidArgument, Memory, Session, ThreadId,
};
use crate::evidence::paired::Calls;
use crate::evidence::{Journal, Mistake, Step};

/// A mistake of the client, and where in the journal it stands.
///
/// ```
/// use dism_emu::{Emulator, Mistake};
///
/// let dism = Emulator::builder().verify_on_drop(false).build();
/// dism.initialize()?;
/// let session = dism.open_session("image")?;
/// dism.close_session(session)?;
/// dism.close_session(session).unwrap_err();
/// dism.shutdown()?;
///
/// let found = dism.journal().mistakes();
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].mistake, Mistake::CloseTwice);
/// // The first close is two steps: closing, and gone.
/// assert_eq!((found[0].call, found[0].at), (4, 4));
/// assert_eq!(found[0].collides_with, [2]);
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// Which mistake.
    pub mistake: Mistake,
    /// The call that is the mistake, by its number in reports and timelines: they count calls
    /// from 1, of which some are two steps.
    pub call: usize,
    /// The same call, by the index in [`Journal::steps`] of its first step.
    pub at: usize,
    /// What it collides with, as indices of the first steps of calls, in the journal's order: the
    /// opens that were never closed, the first of two closes, the initialize that was left behind.
    /// Empty where nothing is there to collide with, or where the journal's beginning is missing.
    pub collides_with: Vec<usize>,
}

impl Journal {
    /// The client's mistakes that these steps show, in their order.
    ///
    /// It takes the last step for the end: what is open then was never closed. A client that
    /// keeps the contract has none, and a failure that a test scripted is not the client's.
    ///
    /// Where the beginning is missing ([`dropped`](Self::dropped)), only what is certain without
    /// it is found.
    ///
    /// ```
    /// use dism_emu::{Emulator, Mistake};
    ///
    /// let dism = Emulator::builder().verify_on_drop(false).build();
    /// dism.initialize()?;
    /// dism.open_session("image")?;
    /// let _only_logged = dism.shutdown();
    ///
    /// let found = dism.journal().mistakes();
    /// assert_eq!(found[0].mistake, Mistake::ShutdownWithOpenSession);
    /// assert_eq!((found[0].at, &found[0].collides_with[..]), (2, &[1][..]));
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[must_use]
    pub fn mistakes(&self) -> Vec<Finding> {
        find(self, &Calls::of(self.steps()))
    }
}

pub(crate) fn find(journal: &Journal, calls: &Calls<'_>) -> Vec<Finding> {
    let mut audit = Audit::new(calls);
    for (at, step) in journal.steps().iter().enumerate() {
        audit.step(at, step);
    }
    audit.end();
    audit.findings.sort_by_key(|finding| (finding.at, finding.mistake));
    audit.findings
}

/// Something to be given back: an initialization, or a reference to a session.
#[derive(Clone, Copy, Debug)]
struct Owed {
    thread: ThreadId,
    at: usize,
    /// Whether a call that would have given it back failed because the test scripted it so.
    excused: bool,
    /// For an initialization: the last call that the thread made before it initialized again.
    until: Option<usize>,
}

/// What is owed: what one thread took it mostly gives back itself, the latest first.
#[derive(Debug, Default)]
struct Debts {
    owed: Vec<Owed>,
    /// How much each thread owes, so that who owes nothing is not looked for.
    threads: BTreeMap<ThreadId, usize>,
}

impl Debts {
    fn take(&mut self, thread: ThreadId, at: usize) {
        *self.threads.entry(thread).or_default() += 1;
        self.owed.push(Owed { thread, at, excused: false, until: None });
    }

    /// Which one the thread gives back: the latest of its own, else the oldest; what is excused
    /// goes last, since it is not known whether a client tries that one again.
    ///
    /// None, where others are owed from before the journal's beginning and may be meant.
    fn due(&self, thread: ThreadId, unknown: bool) -> Option<usize> {
        let own = |owed: &Owed| owed.thread == thread;
        if self.threads.contains_key(&thread) {
            let latest = self.owed.iter().rposition(|owed| own(owed) && !owed.excused);
            return latest.or_else(|| self.owed.iter().rposition(own));
        }
        if unknown || self.owed.is_empty() {
            return None;
        }
        Some(self.owed.iter().position(|owed| !owed.excused).unwrap_or(0))
    }

    fn give_back(&mut self, thread: ThreadId, unknown: bool) {
        if let Some(due) = self.due(thread, unknown) {
            let Owed { thread, .. } = self.owed.remove(due);
            if let Some(owes) = self.threads.get_mut(&thread) {
                *owes -= 1;
                if *owes == 0 {
                    self.threads.remove(&thread);
                }
            }
        }
    }

    fn excuse(&mut self, thread: ThreadId, unknown: bool) {
        if let Some(due) = self.due(thread, unknown) {
            self.owed[due].excused = true;
        }
    }

    fn steps(&self) -> impl Iterator<Item = usize> {
        self.owed.iter().map(|owed| owed.at)
    }
}

/// What is known of a number that was given out.
#[derive(Debug)]
enum Handle {
    Open {
        opens: Debts,
        /// References whose opens are missing in the journal.
        unknown: u32,
    },
    /// By the call that begins with this step.
    Closing(usize),
    Closed {
        by: usize,
        code: Hresult,
    },
}

/// A shutdown that failed because of a session, in the period that stands.
#[derive(Debug)]
struct Refused {
    at: usize,
    collides_with: Vec<usize>,
}

/// Initializations that were refused because one stands. Whoever was refused may give up, or share
/// what stands and leave its end to others; that the pairs overlap shows only where somebody misses
/// the API.
#[derive(Debug)]
struct Overlap {
    owner: ThreadId,
    /// The initialize that stands, or stood.
    with: usize,
    refused: Vec<(ThreadId, usize)>,
    /// Who ended the period, and by which shutdown.
    ended: Option<(ThreadId, usize)>,
}

impl Overlap {
    fn refused_by(&self, thread: ThreadId) -> Option<usize> {
        self.refused.iter().rev().find(|(whose, _)| *whose == thread).map(|(_, at)| *at)
    }
}

#[derive(Debug)]
enum Lent {
    Out {
        at: usize,
        excused: bool,
        shutdown: Option<usize>,
    },
    Deleted {
        at: usize,
    },
    /// Named already.
    Named,
}

struct Audit<'a> {
    calls: &'a Calls<'a>,
    findings: Vec<Finding>,

    /// Successful initializations of this period that nothing matched yet.
    initializations: Debts,
    /// How many there are, those before the journal's beginning included.
    count: u32,
    /// The initialize with which this period began.
    beginning: Option<usize>,
    /// The last shutdown of this period that a session made fail.
    refused: Option<Refused>,

    /// By number: numbers start afresh in each period, and the latest life of one is here.
    handles: BTreeMap<Session, Handle>,
    open: BTreeSet<Session>,
    performing: BTreeMap<(ThreadId, Session), usize>,

    memory: BTreeMap<Memory, Lent>,
    last_shutdown: Option<usize>,

    /// Per thread its last call, the one that counts for what it left behind.
    last_call: BTreeMap<ThreadId, usize>,
    /// Those that have closed a session since.
    has_closed_since: BTreeSet<ThreadId>,
    last_failed_open: BTreeMap<ThreadId, usize>,
    /// Of this period, or of the one before if none has begun since.
    overlap: Option<Overlap>,
    /// Initializations that failed, and whether it was named already that the thread went on.
    failed: BTreeMap<ThreadId, (usize, bool)>,
}

impl<'a> Audit<'a> {
    fn new(calls: &'a Calls<'a>) -> Self {
        Self {
            calls,
            findings: Vec::new(),
            initializations: Debts::default(),
            count: 0,
            beginning: None,
            refused: None,
            handles: BTreeMap::new(),
            open: BTreeSet::new(),
            performing: BTreeMap::new(),
            memory: BTreeMap::new(),
            last_shutdown: None,
            last_call: BTreeMap::new(),
            has_closed_since: BTreeSet::new(),
            last_failed_open: BTreeMap::new(),
            overlap: None,
            failed: BTreeMap::new(),
        }
    }

    fn found(&mut self, mistake: Mistake, at: usize, with: impl IntoIterator<Item = usize>) {
        let at = self.calls.first_of(at);
        let mut collides_with: Vec<_> =
            with.into_iter().map(|step| self.calls.first_of(step)).collect();
        collides_with.sort_unstable();
        collides_with.dedup();
        let call = self.calls.number(at).unwrap_or_default();
        self.findings.push(Finding { mistake, call, at, collides_with });
    }

    fn step(&mut self, at: usize, step: &Step) {
        let thread = step.thread;
        let asked = step.call.asked();
        let before = self.last_call.get(&thread).copied();
        if self.is_deliberate(at, step) {
            self.last_call.insert(thread, at);
            self.has_closed_since.remove(&thread);
        } else if matches!(asked, Call::CloseSession { .. }) {
            self.has_closed_since.insert(thread);
        }
        if step.outcome.is_ok() && !matches!(asked, Call::GetLastErrorMessage) {
            // Somebody's initialization carries it.
            self.failed.remove(&thread);
        }
        match (asked, &step.outcome) {
            (Call::Initialize, Ok(Effect::Initialized { count })) => {
                self.count = *count;
                if *count == 1 {
                    self.beginning = Some(at);
                }
                for owed in self.initializations.owed.iter_mut().filter(|it| it.thread == thread) {
                    owed.until = owed.until.or(before);
                }
                self.initializations.take(thread, at);
                self.overlap = None;
            }
            (Call::Initialize, Err(Error::AlreadyInitialized { .. })) => self.refuse(thread, at),
            (Call::Initialize, Err(_)) => {
                if let Some(overlap) = &mut self.overlap {
                    overlap.refused.retain(|(whose, _)| *whose != thread);
                }
                self.failed.insert(thread, (at, false));
            }
            (Call::Shutdown, outcome) => self.shut_down(thread, at, outcome.as_ref()),
            (Call::OpenSession(_), Ok(Effect::Opened { session, references })) => {
                self.opened(thread, at, *session, *references);
            }
            (Call::OpenSession(_), Err(error)) => {
                self.last_failed_open.insert(thread, at);
                if *error == Error::NotInitialized {
                    self.is_down(thread, at);
                }
            }
            (Call::CloseSession { session }, Ok(Effect::Closing { .. })) => {
                self.closes(at, *session);
            }
            (Call::CloseSession { session }, Ok(_)) => self.released(thread, *session),
            (Call::CloseSession { session }, Err(error)) => {
                self.close_failed(thread, at, *session, error);
            }
            (Call::FinishClose { session }, Ok(_)) => self.closed(at, *session),
            (Call::BeginOperation { session, .. }, Ok(_)) => {
                self.performing.insert((thread, *session), at);
            }
            (Call::BeginOperation { session, .. }, Err(error)) => {
                self.begin_failed(thread, at, *session, error);
            }
            (Call::EndOperation { session, .. }, Ok(_) | Err(Error::OperationFailed { .. })) => {
                self.performing.remove(&(thread, *session));
            }
            (Call::CallWithoutArgument { function: Function::OpenSession }, Err(error)) => {
                self.last_failed_open.insert(thread, at);
                if *error == Error::NotInitialized {
                    self.is_down(thread, at);
                }
            }
            (
                Call::CallWithoutSession { .. }
                | Call::CallWithoutArgument { .. }
                | Call::MountImage(_)
                | Call::UnmountImage { .. }
                | Call::RemountImage { .. },
                Err(Error::NotInitialized),
            ) => {
                self.is_down(thread, at);
            }
            (Call::HandOut { .. }, Ok(Effect::HandedOut { memory })) => {
                self.memory.insert(*memory, Lent::Out { at, excused: false, shutdown: None });
            }
            (Call::Delete { memory }, outcome) => self.delete(at, *memory, outcome.as_ref()),
            (_, Err(Error::PossibleDeadlock { session })) => self.deadlock(thread, at, *session),
            _ => {}
        }
    }

    /// Whether initializations stand that the journal does not have.
    fn owes_unknown(&self) -> bool {
        usize::try_from(self.count).is_ok_and(|count| count > self.initializations.owed.len())
    }

    fn refuse(&mut self, thread: ThreadId, at: usize) {
        self.failed.remove(&thread);
        // Under Documented one initialization stands, unless the journal does not have it.
        let Some(&Owed { thread: owner, at: with, .. }) = self.initializations.owed.last() else {
            return;
        };
        let overlap =
            self.overlap.get_or_insert(Overlap { owner, with, refused: Vec::new(), ended: None });
        overlap.refused.push((thread, at));
    }

    /// Whether the call tells what its thread had in mind. A close tidies up, also in a destructor,
    /// unless it answers that a reboot is needed; and an initialize that is refused tries again.
    fn is_deliberate(&self, at: usize, step: &Step) -> bool {
        match (step.call.asked(), &step.outcome) {
            (Call::GetLastErrorMessage | Call::HandOut { .. } | Call::Delete { .. }, _)
            | (Call::Initialize, Err(Error::AlreadyInitialized { .. })) => false,
            (Call::CloseSession { .. } | Call::FinishClose { .. }, _) => {
                let code = self.calls.by_step(at).and_then(|call| self.calls.code(call));
                code == Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED)
            }
            _ => true,
        }
    }

    fn shut_down(&mut self, thread: ThreadId, at: usize, outcome: Result<&Effect, &Error>) {
        match outcome {
            Ok(Effect::ShutDown { count: 0 }) => {
                self.initializations = Debts::default();
                self.count = 0;
                self.beginning = None;
                self.refused = None;
                self.open.clear();
                if let Some(overlap) = &mut self.overlap {
                    overlap.ended = Some((thread, at));
                }
                self.last_shutdown = Some(at);
                for lent in self.memory.values_mut() {
                    if let Lent::Out { shutdown: shutdown @ None, .. } = lent {
                        *shutdown = Some(at);
                    }
                }
            }
            Ok(Effect::ShutDown { count }) => {
                // What the journal shows now tells how many stood before its beginning, too.
                self.count = count.saturating_add(1);
                self.initializations.give_back(thread, self.owes_unknown());
                self.count = *count;
            }
            Err(Error::OpenSessionHandles) => {
                match self.left_open() {
                    Some(collides_with) => self.refused = Some(Refused { at, collides_with }),
                    // Every session is one that the test did not let the client close.
                    None => {
                        self.refused = None;
                        self.initializations.excuse(thread, self.owes_unknown());
                    }
                }
            }
            Err(Error::Scripted { .. }) => {
                // The contract let it through: no session was in its way any more.
                if self.count <= 1 {
                    self.refused = None;
                }
                self.initializations.excuse(thread, self.owes_unknown());
            }
            Err(Error::NotInitialized) => {
                // A shutdown may lose a race (rule S5). It was one too many only for a pair whose
                // initialize was refused.
                let is_surplus = self.overlap.as_ref().is_some_and(|overlap| {
                    let refused = |whose| overlap.refused_by(whose).is_some();
                    let ender = overlap.ended.map(|(ender, _)| ender);
                    match overlap.owner == thread {
                        true => ender.is_some_and(|ender| ender != thread && refused(ender)),
                        false => refused(thread),
                    }
                });
                if is_surplus {
                    self.name_overlap(thread, at);
                }
            }
            _ => {}
        }
    }

    /// The opens of the sessions that are open, and the closes of those that are closing; `None`
    /// where the test alone keeps them open.
    fn left_open(&self) -> Option<Vec<usize>> {
        let mut left = Vec::new();
        let mut excused = !self.open.is_empty();
        for session in &self.open {
            match self.handles.get(session) {
                Some(Handle::Open { opens, unknown }) => {
                    left.extend(opens.steps());
                    excused &= *unknown == 0 && opens.owed.iter().all(|open| open.excused);
                }
                Some(Handle::Closing(by)) => {
                    left.push(*by);
                    excused = false;
                }
                _ => {}
            }
        }
        (!excused).then_some(left)
    }

    fn opened(&mut self, thread: ThreadId, at: usize, session: Session, references: u32) {
        self.open.insert(session);
        let unknown = references.saturating_sub(1);
        let handle = self.handles.entry(session);
        let handle = handle
            .and_modify(|handle| {
                if references == 1 || !matches!(handle, Handle::Open { .. }) {
                    *handle = Handle::Open { opens: Debts::default(), unknown };
                }
            })
            .or_insert_with(|| Handle::Open { opens: Debts::default(), unknown });
        if let Handle::Open { opens, .. } = handle {
            opens.take(thread, at);
        }
    }

    fn released(&mut self, thread: ThreadId, session: Session) {
        if let Some(Handle::Open { opens, unknown }) = self.handles.get_mut(&session) {
            let known = opens.owed.len();
            opens.give_back(thread, *unknown > 0);
            if opens.owed.len() == known {
                *unknown = unknown.saturating_sub(1);
            }
        }
    }

    fn closes(&mut self, at: usize, session: Session) {
        self.open.insert(session);
        self.handles.insert(session, Handle::Closing(at));
    }

    fn closed(&mut self, at: usize, session: Session) {
        let code = self.calls.by_step(at).and_then(|call| self.calls.code(call));
        let code = code.unwrap_or(Hresult::S_OK);
        self.open.remove(&session);
        self.handles.insert(session, Handle::Closed { by: self.calls.first_of(at), code });
    }

    fn close_failed(&mut self, thread: ThreadId, at: usize, session: Session, error: &Error) {
        match error {
            Error::PossibleDeadlock { .. } => self.deadlock(thread, at, session),
            Error::Scripted { .. } => {
                if let Some(Handle::Open { opens, unknown }) = self.handles.get_mut(&session) {
                    opens.excuse(thread, *unknown > 0);
                }
            }
            Error::NotInitialized if self.goes_on_after_failure(thread, at) => {}
            Error::NotInitialized | Error::InvalidSession { .. } => {
                let first = match self.handles.get(&session) {
                    Some(&Handle::Closed { by, code }) => Some((by, code)),
                    Some(&Handle::Closing(by)) => Some((by, Hresult::S_OK)),
                    _ => None,
                };
                if let Some((by, code)) = first {
                    let mistake = match code {
                        Hresult::ERROR_SUCCESS_REBOOT_REQUIRED => Mistake::RebootTakenForFailure,
                        _ => Mistake::CloseTwice,
                    };
                    self.found(mistake, at, [by]);
                } else if *error != Error::NotInitialized || !self.goes_on_overlapping(thread, at) {
                    self.not_open(thread, at, session);
                }
            }
            _ => {}
        }
    }

    fn begin_failed(&mut self, thread: ThreadId, at: usize, session: Session, error: &Error) {
        match error {
            Error::PossibleDeadlock { .. } => self.deadlock(thread, at, session),
            Error::NotInitialized if self.is_down(thread, at) => {}
            Error::NotInitialized | Error::InvalidSession { .. } | Error::SessionClosing { .. } => {
                self.not_open(thread, at, session);
            }
            _ => {}
        }
    }

    fn deadlock(&mut self, thread: ThreadId, at: usize, session: Session) {
        let begun = self.performing.get(&(thread, session)).copied();
        self.found(Mistake::CallInsideOperation, at, begun);
    }

    fn not_open(&mut self, thread: ThreadId, at: usize, session: Session) {
        let with = match self.handles.get(&session) {
            Some(Handle::Closing(by) | Handle::Closed { by, .. }) => Some(*by),
            // What a failing open leaves in a variable that was set to 0 before.
            _ if session == Session::DEFAULT => self.last_failed_open.get(&thread).copied(),
            _ => None,
        };
        self.found(Mistake::HandleNotOpen, at, with);
    }

    /// A call failed because the API is not initialized: whether this is explained by what the
    /// thread's own initialize answered.
    fn is_down(&mut self, thread: ThreadId, at: usize) -> bool {
        self.goes_on_after_failure(thread, at) || self.goes_on_overlapping(thread, at)
    }

    fn goes_on_after_failure(&mut self, thread: ThreadId, at: usize) -> bool {
        let Some((failed, is_named)) = self.failed.get_mut(&thread) else { return false };
        let failed = *failed;
        if !std::mem::replace(is_named, true) {
            self.found(Mistake::FailedInitializeIgnored, at, [failed]);
        }
        true
    }

    /// A call failed because somebody else's shutdown, of a pair of its own, has ended the period.
    fn goes_on_overlapping(&mut self, thread: ThreadId, at: usize) -> bool {
        let misses_it = self.overlap.as_ref().is_some_and(|overlap| {
            let is_ender = overlap.ended.is_some_and(|(ender, _)| ender == thread);
            let is_refused = overlap.refused_by(thread).is_some();
            // Who ended the period of its own accord knows that it is over.
            overlap.ended.is_some()
                && match overlap.owner == thread {
                    true => is_refused || !is_ender,
                    false => is_refused && !is_ender,
                }
        });
        misses_it && self.name_overlap(thread, at)
    }

    /// Once for each period: what follows is of the same cause.
    fn name_overlap(&mut self, thread: ThreadId, at: usize) -> bool {
        let Some(overlap) = self.overlap.take() else { return false };
        let Some((ender, end)) = overlap.ended else { return false };
        let refused = [thread, ender].into_iter().find_map(|whose| overlap.refused_by(whose));
        let Some(refused) = refused.or(overlap.refused.first().map(|(_, at)| *at)) else {
            return false;
        };
        // To blame is the shutdown that was another pair's, or else the call that relied on one.
        let (mistake, by) = match ender != thread && overlap.refused_by(ender).is_some() {
            true => (end, at),
            false => (at, end),
        };
        self.found(Mistake::OverlappingPairs, mistake, [overlap.with, refused, by]);
        true
    }

    fn delete(&mut self, at: usize, memory: Memory, outcome: Result<&Effect, &Error>) {
        if memory == Memory::NULL {
            return; // rule D2
        }
        match (outcome, self.memory.get_mut(&memory)) {
            (Ok(_), Some(Lent::Out { at: from, shutdown: Some(shutdown), excused: false })) => {
                let (from, shutdown) = (*from, *shutdown);
                self.memory.insert(memory, Lent::Named);
                self.found(Mistake::MemoryMishandled, from, [shutdown]);
            }
            (Ok(_), Some(Lent::Named)) => {}
            (Ok(_), _) => {
                self.memory.insert(memory, Lent::Deleted { at });
            }
            (Err(Error::Scripted { .. }), Some(Lent::Out { excused, .. })) => *excused = true,
            // The test kept it from being deleted in time.
            (Err(Error::NotInitialized), Some(Lent::Out { excused: true, .. } | Lent::Named)) => {}
            (Err(Error::NotInitialized), lent) => {
                let with = match lent {
                    Some(Lent::Out { at, .. } | Lent::Deleted { at }) => Some(*at),
                    _ => None,
                };
                self.memory.insert(memory, Lent::Named);
                let with: Vec<_> = with.into_iter().chain(self.last_shutdown).collect();
                self.found(Mistake::MemoryMishandled, at, with);
            }
            (Err(Error::InvalidArgument(InvalidArgument::NotHandedOut { .. })), lent) => match lent
            {
                Some(Lent::Named) => {}
                Some(Lent::Deleted { at: first } | Lent::Out { at: first, .. }) => {
                    let first = *first;
                    self.memory.insert(memory, Lent::Named);
                    self.found(Mistake::MemoryMishandled, at, [first]);
                }
                None => self.found(Mistake::MemoryMishandled, at, None),
            },
            _ => {}
        }
    }

    fn end(&mut self) {
        self.end_initializations();
        let lent: Vec<_> = self
            .memory
            .values()
            .filter_map(|lent| match lent {
                Lent::Out { at, excused: false, shutdown } => Some((*at, *shutdown)),
                _ => None,
            })
            .collect();
        for (at, shutdown) in lent {
            self.found(Mistake::MemoryMishandled, at, shutdown);
        }
    }

    fn end_initializations(&mut self) {
        let was_refused = self.refused.is_some();
        if let Some(Refused { at, collides_with }) = self.refused.take() {
            self.found(Mistake::ShutdownWithOpenSession, at, collides_with);
        }
        // Only what no excuse covers.
        let owed: Vec<Owed> =
            self.initializations.owed.iter().filter(|owed| !owed.excused).copied().collect();
        let mut threads: Vec<_> = owed.iter().map(|owed| owed.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        let opens: Vec<usize> = self.left_open().unwrap_or_default();
        for thread in threads {
            let own = || owed.iter().filter(|owed| owed.thread == thread).map(|owed| owed.at);
            let last = self.last_call.get(&thread).copied();
            let mut last = own_until(&owed, thread).chain(last);
            if let Some((mistake, at)) = last.find_map(|last| self.mistake_of(last)) {
                match mistake {
                    // Where the thread has no other one, the one on which it was counted.
                    Mistake::SFalseTakenForFailure => {
                        let before = own().chain(self.beginning).find(|before| *before != at);
                        self.found(mistake, at, before);
                    }
                    _ => self.found(mistake, at, own()),
                }
                continue;
            }
            if was_refused {
                continue;
            }
            let Some(at) = own().next() else { continue };
            let others = owed.iter().map(|owed| owed.at).filter(|other| *other != at);
            self.found(Mistake::NeverShutDown, at, opens.iter().copied().chain(others));
        }
    }

    /// The mistake that a thread made with its last call, after which it left.
    fn mistake_of(&self, last: usize) -> Option<(Mistake, usize)> {
        let call = self.calls.by_step(last)?;
        let first = self.calls.first(call);
        let mistake = match (first.call.asked(), &first.outcome, self.calls.code(call)) {
            (
                Call::OpenSession(_)
                | Call::CallWithoutArgument { function: Function::OpenSession },
                Err(_),
                _,
            ) => Mistake::LeftAfterFailedOpen,
            // Who closes a session after it has gone on.
            (Call::Initialize, Ok(_), Some(Hresult::S_FALSE))
                if !self.has_closed_since.contains(&first.thread) =>
            {
                Mistake::SFalseTakenForFailure
            }
            (
                Call::CloseSession { .. } | Call::FinishClose { .. },
                Ok(_),
                Some(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED),
            ) => Mistake::RebootTakenForFailure,
            _ => return None,
        };
        Some((mistake, call.first))
    }
}

/// What a thread did last for each of its initializations before it made another one.
fn own_until(owed: &[Owed], thread: ThreadId) -> impl Iterator<Item = usize> {
    owed.iter().filter(move |owed| owed.thread == thread).filter_map(|owed| owed.until)
}
