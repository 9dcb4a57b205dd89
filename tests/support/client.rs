//! A client of an emulator that compares everything it observes with the two references.
//!
//! The references take each instant of a call (rule X1) when it has to happen: at once, or, if a
//! hold stops the call, before or after the stop, as the hold's point says.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dism_emu::machine::{Call, Config, Effect, Scripted};
use dism_emu::{
    Action, Dism, Emulator, Function, Hold, Hresult, Memory, OpenSession, Operation, Remark, Rule,
    RuleGuard, Session, ThreadNumber,
};

use super::reference::{Answer, Reference};
use super::rules::{Cancel, Decision, Query, RuleSpec, Rules};
use super::{
    Act, Ending, Fires, Held, Next, Pick, Point, RulePick, SessionFilter, Which, unverified,
};

/// What a call returns: a value in the upper half, and in the lower half its code, if it can return
/// one.
pub type Answered = Result<u64, Hresult>;

/// Puts a value and a code together, as an [`Answered`] has them.
pub fn pack(value: u32, code: impl Into<Hresult>) -> u64 {
    u64::from(value) << 32 | u64::from(code.into().number())
}

/// How the client reaches the emulator.
#[derive(Clone, Copy)]
pub struct Way {
    /// Makes a whole call, not an end or another part of one. An operation that is begun is ended.
    pub make: fn(&Dism, &Call) -> Answered,
    /// How the C functions differ from the methods; `None` for the methods.
    pub c: Option<Differences>,
}

/// How the C functions differ from the methods: they hand out memory themselves, an operation ends
/// before its function returns, and each returns a code.
#[derive(Clone, Copy)]
pub struct Differences {
    /// What the function returns for an empty image.
    pub unscripted: fn(Function) -> Hresult,
    /// Whether the operation hands out memory when it succeeds.
    pub hands_out: fn(Function) -> bool,
    /// Whether the function is an operation that is exported.
    pub is_exported: fn(Function) -> bool,
    /// Whether the function is always called for something with a name.
    pub is_named: fn(Function) -> bool,
    /// Is called after each call. It finds the numbers of the memory that the call has handed out,
    /// since a C function returns only an address.
    pub note: fn(&Emulator),
    /// Whether the address of this memory is known. It is not while the call that hands it out is
    /// held.
    pub knows: fn(Memory) -> bool,
}

/// Through the methods of [`Dism`].
pub const RUST: Way = Way { make, c: None };

/// How long to wait for an event that has to happen. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs acts on a fresh emulator. Fails at the first difference from the references.
pub fn run(config: Config, acts: &[Act]) -> Result<(), String> {
    run_on(&unverified().config(config.clone()).build(), config, RUST, acts)
}

/// Does the same on an emulator that was not called yet.
pub fn run_on(emulator: &Emulator, config: Config, way: Way, acts: &[Act]) -> Result<(), String> {
    let dism = emulator.dism();
    let mut client = Client::new(emulator, &dism, config, way);
    let compared = acts.iter().try_for_each(|act| client.act(act)).and_then(|()| client.leave());
    compared.map_err(|difference| format!("{difference}, after\n{}", emulator.journal()))
}

/// The main thread of a client, with what it has begun and scripted, and what it expects.
struct Client<'a> {
    emulator: &'a Emulator,
    dism: &'a Dism,
    way: Way,
    expected: Expected,
    /// The operations of this thread, with what a rule has decided of them.
    operations: Vec<(Operation<'a>, Option<Decision>)>,
    /// The rules that can be taken back, each with its number in the reference.
    guards: Vec<(RuleGuard, usize)>,
    thread: u64,
}

/// The references, and the journal that the emulator should have.
struct Expected {
    c: Option<Differences>,
    reference: Reference,
    rules: Rules,
    journal: Vec<(u64, Call, Answer)>,
}

/// A call after its first instant.
enum Started {
    Done(Answered),
    /// An operation that has begun, with what a rule has decided of it.
    Performing(Session, Option<Decision>),
    /// A last close that has begun, with the answer that is scripted for it.
    Closing(Session, Option<Scripted>),
}

impl Expected {
    fn step(&mut self, thread: u64, call: Call) -> Answer {
        let answer = self.reference.apply(thread, &call);
        self.journal.push((thread, call, answer));
        answer
    }

    /// Takes the first instant of a call. Rules apply only if the contract allows the call.
    fn start(&mut self, thread: u64, call: &Call) -> Started {
        let mut decision = None;
        if self.reference.allows(thread, call) {
            let (function, session) = function_and_session(call);
            let image = match call {
                Call::OpenSession(open) => Some(open.path().to_string_lossy().into_owned()),
                Call::MountImage(mount) => Some(mount.path().to_string_lossy().into_owned()),
                Call::UnmountImage { path, .. }
                | Call::RemountImage { path }
                | Call::GetImageInfo { file: path } => Some(path.to_string_lossy().into_owned()),
                _ => session.and_then(|it| self.reference.image_of(it.raw())).map(str::to_owned),
            };
            let image = image.as_deref();
            decision = self.rules.fire(Query { function, session, image, call });
        }
        let answer = decision.map(|decision| decision.answer);
        let call = match answer {
            Some(answer) => Call::Scripted { call: Box::new(call.clone()), answer },
            None => call.clone(),
        };
        let effect = match self.step(thread, call.clone()) {
            Ok(effect) => effect,
            Err(code) => return Started::Done(Err(code)),
        };
        match (effect, call.asked()) {
            (Effect::Begun { .. }, Call::BeginOperation { session, .. }) => {
                return Started::Performing(*session, decision);
            }
            (Effect::Closing { .. }, Call::CloseSession { session }) => {
                return Started::Closing(*session, answer);
            }
            _ => {}
        }
        // I6: it has taken effect, and fails.
        if let Some(Scripted { code, takes_effect: true, .. }) = answer {
            return Started::Done(Err(code));
        }
        // P4: a scripted answer is returned unchanged, if the call can return a code.
        let number = |code: u32| answer.map_or(Hresult::new(code), |answer| answer.code);
        let own =
            |value: u32| pack(value, if self.c.is_some() { number(0) } else { Hresult::S_OK });
        Started::Done(Ok(match (effect, call.asked()) {
            (Effect::Initialized { count }, _) => pack(0, number(u32::from(count > 1))), // I3
            // It returns a list. `leave` compares what is mounted.
            (Effect::Called, Call::GetMountedImageInfo) => {
                own(self.reference.mounted().len() as u32)
            }
            (
                Effect::Released { .. }
                | Effect::Called
                | Effect::Mounted
                | Effect::Unmounted
                | Effect::Remounted
                | Effect::ShutDown { .. }
                | Effect::Deleted,
                _,
            ) => pack(0, number(0)),
            (Effect::Opened { session, .. }, _) => own(session.raw()),
            (Effect::LastError(code), _) => own(code.number()),
            // E4: the methods return no code beside it.
            (Effect::NoLastError { code }, _) if self.c.is_some() => pack(0, number(code.number())),
            (Effect::NoLastError { .. }, _) => own(0),
            (Effect::HandedOut { memory }, _) => own(memory.raw()),
            (effect, call) => panic!("{call} does not return {effect}"),
        }))
    }

    /// Takes the second instant, if there is one. An operation ends with `result` unless another
    /// result is scripted for it.
    fn finish(&mut self, thread: u64, call: &Call, started: Started, result: Hresult) -> Answered {
        match started {
            Started::Done(answered) => answered,
            Started::Performing(session, decision) => {
                let result = decision.map_or(result, |decision| decision.answer.code);
                // A C function hands out memory before its operation ends, while no thread can shut
                // the API down.
                let handing_out = match (self.c, call) {
                    (Some(c), Call::BeginOperation { function, .. })
                        if result.is_success() && (c.hands_out)(*function) =>
                    {
                        Some(*function)
                    }
                    _ => None,
                };
                if let Some(function) = handing_out {
                    self.step(thread, Call::HandOut { function })?;
                }
                let ended = self.step(thread, Call::EndOperation { session, result });
                ended.map(|_| pack(0, result))
            }
            Started::Closing(session, answer) => {
                let effect = self.step(thread, Call::FinishClose { session })?;
                let reboot = effect == Effect::Closed { reboot: true };
                let code = if reboot { 3010 } else { 0 }; // C6
                match answer {
                    Some(Scripted { code, takes_effect: true, .. }) => Err(code), // I6
                    answer => Ok(pack(0, answer.map_or(Hresult::new(code), |answer| answer.code))),
                }
            }
        }
    }

    fn whole(&mut self, thread: u64, call: &Call) -> Answered {
        let started = self.start(thread, call);
        let answered = self.finish(thread, call, started, self.unscripted(call));
        self.hand_out(thread, call, answered)
    }

    /// Returns the result of an operation that no rule answers.
    fn unscripted(&self, call: &Call) -> Hresult {
        match (self.c, call) {
            (Some(c), Call::BeginOperation { function, .. }) => (c.unscripted)(*function),
            _ => Hresult::S_OK,
        }
    }

    /// Takes the last part of a C function that hands out memory and has no session.
    fn hand_out(&mut self, thread: u64, call: &Call, answered: Answered) -> Answered {
        let (Some(_), Ok(returned)) = (self.c, answered) else { return answered };
        let function = match call {
            // An empty message or list is NULL.
            Call::GetLastErrorMessage if returned >> 32 != 0 => Function::GetLastErrorMessage,
            Call::GetMountedImageInfo if returned >> 32 != 0 => Function::GetMountedImageInfo,
            _ => return answered,
        };
        self.step(thread, Call::HandOut { function })?;
        answered
    }

    /// Returns whether the thread would have to wait for another, if no rule applies.
    fn would_wait(&self, thread: u64, call: &Call) -> bool {
        if !matches!(call, Call::BeginOperation { .. } | Call::CloseSession { .. }) {
            return false;
        }
        let outcome = self.reference.clone().apply(thread, call);
        matches!(outcome, Ok(Effect::Begun { ready: false } | Effect::Closing { ready: false }))
    }
}

/// Returns what an operation does, as the methods take it.
fn action(call: &Call) -> Action<'_> {
    let Call::BeginOperation { function, name, flags, .. } = call else {
        panic!("{call} is not an operation");
    };
    match name {
        Some(name) => function.named(name),
        None => function.with_flags(*flags),
    }
}

/// Returns the function and the session that rules and holds match.
fn function_and_session(call: &Call) -> (Function, Option<Session>) {
    match call {
        Call::Initialize(_) => (Function::Initialize, None),
        Call::OpenSession(_) => (Function::OpenSession, None),
        Call::BeginOperation { session, function, .. } => (*function, Some(*session)),
        Call::CloseSession { session } => (Function::CloseSession, Some(*session)),
        Call::Shutdown => (Function::Shutdown, None),
        Call::GetLastErrorMessage => (Function::GetLastErrorMessage, None),
        Call::MountImage(_) => (Function::MountImage, None),
        Call::UnmountImage { .. } => (Function::UnmountImage, None),
        Call::RemountImage { .. } => (Function::RemountImage, None),
        Call::GetMountedImageInfo => (Function::GetMountedImageInfo, None),
        Call::GetImageInfo { .. } => (Function::GetImageInfo, None),
        Call::CleanupMountpoints => (Function::CleanupMountpoints, None),
        Call::CallWithoutArgument { function } => (*function, None),
        Call::Delete { .. } => (Function::Delete, None),
        other => panic!("{other} is not a call of its own"),
    }
}

/// Makes a whole call through the methods. An operation that is begun is ended.
fn make(dism: &Dism, call: &Call) -> Answered {
    let code = |code| pack(0, code);
    let value = |value| pack(value, Hresult::S_OK);
    let answered = match call {
        Call::Initialize(initialize) => dism.initialize_with(initialize.clone()).map(code),
        Call::OpenSession(open) => {
            dism.open_session_with(open.clone()).map(Session::raw).map(value)
        }
        Call::BeginOperation { session, .. } => dism.perform(*session, action(call)).map(code),
        Call::CloseSession { session } => dism.close_session(*session).map(code),
        Call::Shutdown => dism.shutdown().map(code),
        Call::GetLastErrorMessage => {
            dism.last_error().map(|code| value(code.map_or(0, Hresult::number)))
        }
        Call::MountImage(mount) => dism.mount_image(mount.clone()).map(code),
        Call::UnmountImage { path, flags } => dism.unmount_image(path, *flags).map(code),
        Call::RemountImage { path } => dism.remount_image(path).map(code),
        Call::GetMountedImageInfo => {
            dism.mounted_images().map(|mounted| value(mounted.len() as u32))
        }
        Call::GetImageInfo { file } => dism.image_info(file).map(code),
        Call::CleanupMountpoints => dism.cleanup_mountpoints().map(code),
        Call::HandOut { function } => dism.hand_out(*function).map(Memory::raw).map(value),
        Call::Delete { memory } => dism.delete(*memory).map(code),
        other => panic!("{other} is not a call of its own"),
    };
    answered.map_err(|error| error.code())
}

fn agree<T: PartialEq + std::fmt::Debug>(
    what: impl std::fmt::Display,
    emulator: T,
    expected: T,
) -> Result<(), String> {
    if emulator == expected {
        return Ok(());
    }
    Err(format!("{what}: the emulator has {emulator:#X?}, the references {expected:#X?}"))
}

impl<'a> Client<'a> {
    fn new(emulator: &'a Emulator, dism: &'a Dism, config: Config, way: Way) -> Self {
        let reference = Reference::new(config);
        let (rules, journal) = (Rules::default(), Vec::new());
        let expected = Expected { c: way.c, reference, rules, journal };
        let thread = ThreadNumber::current().number();
        Self { emulator, dism, way, expected, operations: Vec::new(), guards: Vec::new(), thread }
    }

    /// Returns the call in the form that this way can make; `None` if it cannot make it.
    fn possible(&self, call: Call) -> Option<Call> {
        let Some(c) = self.way.c else {
            // The methods have no pointer to leave out.
            return Some(call).filter(|it| !matches!(it, Call::CallWithoutArgument { .. }));
        };
        Some(match call {
            // Each is a part of a C function.
            Call::EndOperation { .. } | Call::FinishClose { .. } | Call::HandOut { .. } => {
                return None;
            }
            Call::BeginOperation { session, function, ref name, flags } => {
                let exported = (c.is_exported)(function);
                let function = if exported { function } else { Function::GetFeatures };
                let action = match name {
                    Some(name) if (c.is_named)(function) => function.named(name),
                    None if (c.is_named)(function) => function.named("name"),
                    _ if function == Function::CommitImage => function.with_flags(flags),
                    _ => function.into(),
                };
                Call::begin(session, action)
            }
            // An address does not say which memory was there before, so all memory that is not
            // handed out has one number.
            Call::Delete { memory }
                if memory != Memory::NULL
                    && !(self.expected.reference.is_handed_out(memory) && (c.knows)(memory)) =>
            {
                Call::Delete { memory: Memory::from_raw(u32::MAX) }
            }
            // A 0 ends a text of C.
            Call::OpenSession(open) if open.path().to_string_lossy().contains('\0') => {
                let path = open.path().to_string_lossy().replace('\0', "0");
                Call::OpenSession(OpenSession::new(path))
            }
            call => call,
        })
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        let next = self.expected.reference.next();
        match act {
            Act::Call(pick) => {
                if let Some(call) = self.possible(pick.call(next)) {
                    self.call(&call)?;
                }
            }
            Act::End { session, ending } => self.end(session.session(next), *ending)?,
            Act::Perform { session, function, about } => {
                let begin = Pick::Begin { session: *session, function: *function, about: *about };
                if let Some(call) = self.possible(begin.call(next)) {
                    self.perform(&call)?;
                }
            }
            Act::Script(pick) => {
                let rule = pick.rule(next);
                let spec = spec(pick, next, rule.to_string());
                self.guards.push((self.emulator.script(rule), self.expected.rules.put([spec])));
            }
            Act::DeadHost { session } => {
                let session = session.session(next);
                let put = self.expected.rules.put(dead_host(session));
                self.guards.push((self.emulator.script(Rule::dead_host(session)), put));
            }
            Act::TakeBack { at } if !self.guards.is_empty() => {
                let (guard, id) = self.guards.remove(at % self.guards.len());
                drop(guard);
                self.expected.rules.take_back(id);
            }
            Act::Keep { at } if !self.guards.is_empty() => {
                self.guards.remove(at % self.guards.len()).0.keep();
            }
            Act::TakeBack { .. } | Act::Keep { .. } => {}
            Act::Held(held) => self.hold(held)?,
        }
        self.agree_on_state()
    }

    fn agree_on_state(&self) -> Result<(), String> {
        agree("the state", self.emulator.state(), self.expected.reference.state())?;
        self.guards.iter().try_for_each(|(guard, id)| {
            agree("how often a rule fired", guard.fired(), self.expected.rules.fired(*id))
        })
    }

    fn call(&mut self, call: &Call) -> Result<(), String> {
        match call {
            Call::EndOperation { session, result } => self.end(*session, Ending::With(*result)),
            // Not a function of the API. The emulator allows no call of it out of turn.
            Call::FinishClose { .. } => Ok(()),
            Call::BeginOperation { session, .. }
                if self.way.c.is_none() && !self.would_wait(call) =>
            {
                let begun = self.dism.operation(*session, action(call));
                match (begun, self.expected.start(self.thread, call)) {
                    (Ok(operation), Started::Performing(_, decision)) => {
                        self.operations.push((operation, decision));
                        Ok(())
                    }
                    (begun, Started::Done(expected)) => {
                        agree(call, begun.map(drop).map_err(|it| it.code()), expected.map(drop))
                    }
                    (begun, _) => {
                        Err(format!("{call}: the references begin, the emulator {begun:?}"))
                    }
                }
            }
            _ => self.perform(call),
        }
    }

    /// Makes a call and waits for its return, unless it would wait for the thread that is held.
    fn perform(&mut self, call: &Call) -> Result<(), String> {
        if self.would_wait(call) {
            return Ok(());
        }
        let answered = (self.way.make)(self.dism, call);
        self.note();
        agree(call, answered, self.expected.whole(self.thread, call))
    }

    fn would_wait(&self, call: &Call) -> bool {
        self.expected.would_wait(self.thread, call)
    }

    /// Ends the operation of this thread on the session, if there is one.
    fn end(&mut self, session: Session, ending: Ending) -> Result<(), String> {
        let is_on = |(operation, _): &(Operation<'_>, _)| operation.session() == session;
        let Some(at) = self.operations.iter().position(is_on) else { return Ok(()) };
        let (operation, mut decision) = self.operations.remove(at);
        let (ended, result) = match ending {
            Ending::With(result) => (Some(operation.end_with(result)), result),
            Ending::End => (Some(operation.end()), Hresult::S_OK),
            Ending::Run(cancel) => {
                let unscripted = || Decision::new(Hresult::S_OK.into(), Cancel::UNSCRIPTED);
                let expected = decision.take().unwrap_or_else(unscripted).run(cancel);
                let mut reports = 0;
                let ended = operation.run(|_| {
                    reports += 1;
                    if reports == cancel {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                agree(format_args!("how often it reports on {session}"), reports, expected.0)?;
                (Some(ended), expected.1)
            }
            Ending::Drop => {
                drop(operation);
                (None, Hresult::S_OK)
            }
        };
        let started = Started::Performing(session, decision);
        // It is a call of a method, which hands out no memory by itself.
        let end = Call::EndOperation { session, result };
        let expected = self.expected.finish(self.thread, &end, started, result);
        let Some(ended) = ended else { return Ok(()) };
        let ended = ended.map(|code| pack(0, code)).map_err(|error| error.code());
        agree(format_args!("the end on {session}"), ended, expected)
    }

    /// Makes one call on a thread of its own, which the hold stops if the call reaches its point.
    fn hold(&mut self, held: &Held) -> Result<(), String> {
        let next = self.expected.reference.next();
        let Some(call) = self.possible(held.call.call(next)) else { return Ok(()) };
        if matches!(
            call,
            Call::EndOperation { .. } | Call::FinishClose { .. } | Call::HandOut { .. }
        ) {
            return Ok(()); // parts of calls, which no hold stops
        }
        let (function, session) = function_and_session(&call);
        let filter = match held.filter {
            SessionFilter::Any => None,
            SessionFilter::Same => session,
            SessionFilter::Other(handle) => Some(handle.session(next)),
        };
        let catches = filter.is_none() || filter == session;
        let (point, hold) = match held.point {
            Point::Between if function == Function::CloseSession => {
                (Point::Between, Hold::closing())
            }
            Point::Between if function.is_operation() => {
                (Point::Between, Hold::performing(function))
            }
            Point::Returning => (Point::Returning, Hold::returning(function)),
            _ => (Point::Before, Hold::before(function)),
        };
        let hold = filter.into_iter().fold(hold, Hold::session).deadline(PATIENCE).optional();

        let stops_before = catches && point == Point::Before;
        let stops_between = catches && point == Point::Between;
        // A call that waits for an operation of this thread would not reach the point of the hold.
        // A close that is stopped in between has not begun to wait.
        if !(stops_before || stops_between && function == Function::CloseSession) {
            self.give_way(&call)?;
        }

        let hold = self.emulator.hold(hold);
        let other = Other::start(self.dism, self.way.make, &call);
        let thread = other.thread();

        let unscripted = self.expected.unscripted(&call);
        // X1: what is before the point happens now, and everything else after the release.
        let started = (!stops_before).then(|| {
            let started = self.expected.start(thread, &call);
            if stops_between {
                return started;
            }
            Started::Done(self.expected.finish(thread, &call, started, unscripted))
        });
        let is_refused = stops_between && matches!(started, Some(Started::Done(_)));
        if catches && !is_refused {
            hold.wait();
            self.agree_on_state()?;
            let meanwhile = held.meanwhile.iter().filter(|act| !matches!(act, Act::Held(_)));
            meanwhile.into_iter().try_for_each(|act| self.act(act))?;
            if stops_before {
                self.give_way(&call)?;
            }
            hold.release();
        }
        // Otherwise the hold stays in force to the end, and its drop would panic if it had caught
        // the thread.
        let started = started.unwrap_or_else(|| self.expected.start(thread, &call));
        if let Started::Closing(session, _) = started {
            self.end(session, Ending::Drop)?; // C4: the close waits for nothing else
        }
        let expected = self.expected.finish(thread, &call, started, unscripted);
        let expected = self.expected.hand_out(thread, &call, expected);
        let (answered, last_error) = other.join()?;
        self.note();
        agree(format_args!("{call} of another thread"), answered, expected)?;
        let expected = self.expected.whole(thread, &Call::GetLastErrorMessage);
        agree(format_args!("the last error after {call} -> {answered:X?}"), last_error, expected)
    }

    fn note(&self) {
        if let Some(c) = self.way.c {
            (c.note)(self.emulator);
        }
    }

    /// Ends the operation of this thread that a call of another thread would wait for.
    fn give_way(&mut self, call: &Call) -> Result<(), String> {
        // 0 is no thread's number.
        match function_and_session(call) {
            (_, Some(session)) if self.expected.would_wait(0, call) => {
                self.end(session, Ending::Drop)
            }
            _ => Ok(()),
        }
    }

    /// Ends what is left, and compares the emulator's journal and report with the references.
    fn leave(mut self) -> Result<(), String> {
        while let Some((operation, _)) = self.operations.first() {
            self.end(operation.session(), Ending::Drop)?;
        }
        self.agree_on_state()?;
        let journal = self.emulator.journal();
        let machine = journal.replay().map_err(|error| error.to_string())?;
        agree("the state that the journal leads to", machine.state(), self.emulator.state())?;
        agree("what is mounted", machine.mounted().to_vec(), self.expected.reference.mounted())?;
        let steps = (journal.steps().iter())
            .map(|it| (it.thread.number(), it.call.clone(), it.outcome.map_err(|it| it.code())));
        for (at, (step, expected)) in steps.zip(&self.expected.journal).enumerate() {
            agree(format_args!("step {at} of the journal"), &step, expected)?;
        }
        let length = self.expected.journal.len();
        agree("the journal's length", journal.steps().len(), length)?;

        let (Ok(report) | Err(report)) = self.emulator.verify();
        let mut expected = self.expected.rules.unmet();
        let mut more = 0;
        for remark in report.remarks() {
            match remark {
                Remark::UnusedRule { rule, .. } | Remark::RuleCount { rule, .. } => {
                    let Some(at) = expected.iter().position(|it| it == rule) else {
                        return Err(format!("an unexpected remark: {remark}"));
                    };
                    expected.swap_remove(at);
                }
                Remark::More { remarks } => more = *remarks,
                Remark::HandlesLeft { handles: 1, .. } => {} // this client's
                // The generated calls read messages and pass paths at random.
                Remark::MessageOfAnotherCall { .. }
                | Remark::MessageOnAnotherThread { .. }
                | Remark::LooksOnline { .. } => {}
                other => return Err(format!("an unexpected remark: {other}")),
            }
        }
        agree("how many rules are not reported one by one", more, expected.len() as u64)
    }
}

/// A thread that makes one call and asks for its last error.
struct Other {
    thread: u64,
    answered: mpsc::Receiver<(Answered, Answered)>,
    running: thread::JoinHandle<()>,
}

impl Other {
    fn start(dism: &Dism, make: fn(&Dism, &Call) -> Answered, call: &Call) -> Self {
        let (send_thread, thread) = mpsc::channel();
        let (send_answers, answered) = mpsc::channel();
        let (dism, call) = (dism.clone(), call.clone());
        let running = thread::spawn(move || {
            // If the test has already failed, there is no receiver any more.
            let _ = send_thread.send(ThreadNumber::current().number());
            let answer = make(&dism, &call);
            // E1, E2: the last error is the thread's own.
            let _ = send_answers.send((answer, make(&dism, &Call::GetLastErrorMessage)));
        });
        Self { thread: thread.recv().expect("it has a number"), answered, running }
    }

    fn thread(&self) -> u64 {
        self.thread
    }

    /// Returns what the call returned, and the last error.
    fn join(self) -> Result<(Answered, Answered), String> {
        // Twice the deadline of the hold.
        let answered = self.answered.recv_timeout(2 * PATIENCE);
        let answered = answered.map_err(|_| "a call never returned".to_owned())?;
        // A fuzzer takes a thread that has not quite ended for a leak.
        self.running.join().map_err(|_| "a call panicked".to_owned())?;
        Ok(answered)
    }
}

fn spec(pick: &RulePick, next: Next, shown: String) -> RuleSpec {
    RuleSpec {
        function: pick.function(),
        session: pick.session.map(|handle| handle.session(next)),
        image: pick.image().map(str::to_owned),
        name: pick.name().map(str::to_owned),
        discards: pick.discards,
        which: pick.which,
        answer: pick.answer(),
        cancel: pick.cancel,
        fires: pick.fires,
        shown,
    }
}

/// The two rules that make up a [`Rule::dead_host`]: the first operation is disconnected, and all
/// others find no host.
fn dead_host(session: Session) -> [RuleSpec; 2] {
    let shown = Rule::dead_host(session).to_string();
    let spec = |times, code: u32| RuleSpec {
        function: None,
        session: Some(session),
        image: None,
        name: None,
        discards: None,
        which: Which::After { skip: 0, times },
        answer: Hresult::new(code).into(),
        cancel: Cancel::UNSCRIPTED,
        fires: Fires::AtLeastOnce,
        shown: shown.clone(),
    };
    [spec(Some(1), 0x8001_0108), spec(None, 0x8007_06BE)]
}
