//! Twins: emulators that are wrong in one point each. If the models did not catch them, they would
//! prove nothing about the right one.

use std::sync::Arc;

use dism_emu::machine::{Call, Config, Effect, Machine, Outcome, State, Step};
use dism_emu::{Contract, Error, Function, Hresult, Memory, OpenSession, Session, ThreadNumber};
use loom::sync::{Condvar, Mutex, MutexGuard};

use crate::double::*;
use crate::named::*;
use crate::programs::{Act, Act::*, Program, Start};
use crate::support::{Answer, BUSY, Double, Guard, Lifecycle};
use crate::{explore, spawn};

/// What is wrong with a twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,

    /// Decides under one lock and acts under another.
    DecidesApart,
    /// Writes the journal after it has released the lock of the state.
    JournalsApart,
    /// Has one number for all threads.
    OneThread,

    /// Performs an operation before it is its turn.
    OperatesAtOnce,
    /// Closes without waiting for operations.
    ClosesAtOnce,
    /// Checks whether its turn has come only before it sleeps.
    TakesAnyTurn,
    /// Checks whether its turn has come under one lock and goes to sleep under another.
    SleepsThroughItsTurn,
    TurnWakesNoThread,
    TurnWakesOne,
    /// Wakes the others before it ends its operation.
    TurnWakesTooSoon,

    /// Checks whether a rule fires under one lock and counts that under another.
    CountsApart,

    /// A hold catches every thread that reaches it.
    CatchesAll,
    /// Does not wait until a thread reaches a hold.
    DoesNotWait,
    ArrivalWakesNoThread,
    /// Goes on when it is woken, even if its hold is still set.
    LeavesAnyHold,
    /// Checks whether its hold was released under one lock and goes to sleep under another.
    SleepsThroughItsRelease,
    ReleaseWakesNoThread,
    /// Wakes the held thread before it removes the hold.
    ReleaseWakesTooSoon,
    /// Removes all holds.
    ReleasesAll,
    DropDoesNotRelease,
}

/// A simple emulator: the public machine behind a lock.
#[derive(Clone)]
struct Twin(Arc<Shared>);

struct Shared {
    flaw: Flaw,
    core: Mutex<Core>,
    /// An operation has ended.
    turn: Condvar,
    /// A thread has reached a hold, or a hold was released.
    held: Condvar,
}

struct Core {
    machine: Machine,
    steps: Vec<Step>,
    /// The threads that wait, and the sessions that they wait for.
    waits: Vec<(ThreadNumber, Session)>,
    /// The function whose next call fails.
    rule: Option<Function>,
    fired: u64,
    holds: Vec<Hold>,
    last_hold: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Point {
    Before(Function),
    Closing,
}

struct Hold {
    id: usize,
    point: Point,
    has_thread: bool,
}

impl Twin {
    fn new(flaw: Flaw) -> Self {
        let core = Core {
            machine: Machine::new(Config::default()),
            steps: Vec::new(),
            waits: Vec::new(),
            rule: None,
            fired: 0,
            holds: Vec::new(),
            last_hold: 0,
        };
        let (turn, held) = (Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { flaw, core: Mutex::new(core), turn, held }))
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.0.flaw == flaw
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap()
    }

    fn again<'a>(&'a self, core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        drop(core);
        self.lock()
    }

    fn thread(&self) -> ThreadNumber {
        if self.is(Flaw::OneThread) { ThreadNumber::new(1) } else { ThreadNumber::current() }
    }

    /// Takes the first step of a call.
    fn take(&self, function: Function, mut call: Call) -> Outcome {
        let mut core = self.stop(self.lock(), Point::Before(function));
        if core.rule == Some(function) {
            if self.is(Flaw::CountsApart) {
                core = self.again(core);
            }
            core.rule = None;
            core.fired += 1;
            call = Call::Scripted { call: Box::new(call), answer: BUSY.into() };
        }
        self.step(core, call).1
    }

    fn step<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        call: Call,
    ) -> (MutexGuard<'a, Core>, Outcome) {
        let thread = self.thread();
        let mut decided = None;
        if self.is(Flaw::DecidesApart) {
            decided = Some(core.machine.clone().apply(thread, &call));
            core = self.again(core);
        }
        let outcome = core.machine.apply(thread, &call);
        if self.is(Flaw::JournalsApart) {
            core = self.again(core);
        }
        core.steps.push(Step { thread, call, outcome, location: None });
        (core, decided.unwrap_or(outcome))
    }

    /// Waits for the thread's turn.
    fn wait(&self, session: Session) {
        let wait = (self.thread(), session);
        let mut core = self.lock();
        core.waits.push(wait);
        while !core.machine.is_ready(wait.0, session) {
            if self.is(Flaw::SleepsThroughItsTurn) {
                core = self.again(core);
            }
            core = self.0.turn.wait(core).unwrap();
            if self.is(Flaw::TakesAnyTurn) {
                break;
            }
        }
        core.waits.retain(|it| *it != wait);
    }

    /// Stops the thread if there is a hold at this point.
    fn stop<'a>(&'a self, mut core: MutexGuard<'a, Core>, point: Point) -> MutexGuard<'a, Core> {
        let catches_all = self.is(Flaw::CatchesAll);
        let mut holds = core.holds.iter_mut();
        let caught = holds.find(|it| it.point == point && (!it.has_thread || catches_all));
        let Some(Hold { id, has_thread, .. }) = caught else { return core };
        let id = *id;
        *has_thread = true;
        if !self.is(Flaw::ArrivalWakesNoThread) {
            self.0.held.notify_all();
        }
        while core.holds.iter().any(|it| it.id == id) {
            if self.is(Flaw::SleepsThroughItsRelease) {
                core = self.again(core);
            }
            core = self.0.held.wait(core).unwrap();
            if self.is(Flaw::LeavesAnyHold) {
                break;
            }
        }
        core
    }

    fn hold(&self, point: Point) -> TwinGuard {
        let mut core = self.lock();
        core.last_hold += 1;
        let id = core.last_hold;
        core.holds.push(Hold { id, point, has_thread: false });
        TwinGuard { twin: self.clone(), id }
    }
}

/// The test and the code under test use the same type.
impl Double for Twin {
    type Dism = Self;
    type Guard = TwinGuard;

    fn dism(&self) -> Self {
        self.clone()
    }

    fn fail_once(&self, function: Function) -> impl Fn() -> u64 {
        self.lock().rule = Some(function);
        || self.lock().fired
    }

    fn hold_before(&self, function: Function) -> TwinGuard {
        self.hold(Point::Before(function))
    }

    fn hold_closing(&self) -> TwinGuard {
        self.hold(Point::Closing)
    }

    fn state(&self) -> State {
        self.lock().machine.state()
    }

    fn config(&self) -> Config {
        self.lock().machine.config().clone()
    }

    fn steps(&self) -> Vec<Step> {
        self.lock().steps.clone()
    }
}

impl Lifecycle for Twin {
    fn initialize(&self) -> Answer {
        self.take(Function::Initialize, Call::Initialize(dism_emu::Initialize::new()))
            .map(|effect| effect.code())
    }

    fn open(&self, path: &str) -> Result<Session, Error> {
        let call = Call::OpenSession(OpenSession::new(path));
        match self.take(Function::OpenSession, call)? {
            Effect::Opened { session, .. } => Ok(session),
            effect => panic!("{effect:?}"),
        }
    }

    fn operate(&self, session: Session, meanwhile: impl FnOnce()) -> Answer {
        let function = Function::GetFeatures;
        self.take(function, Call::begin(session, function))?;
        if !self.is(Flaw::OperatesAtOnce) {
            self.wait(session);
        }
        meanwhile();
        let result = Hresult::S_OK;
        if self.is(Flaw::TurnWakesTooSoon) {
            self.0.turn.notify_all();
        }
        let (core, ended) = self.step(self.lock(), Call::EndOperation { session, result });
        let mut waits = core.waits.iter();
        if waits.any(|(thread, on)| *on == session && core.machine.is_ready(*thread, session)) {
            match self.0.flaw {
                Flaw::TurnWakesNoThread | Flaw::TurnWakesTooSoon => {}
                Flaw::TurnWakesOne => self.0.turn.notify_one(),
                _ => self.0.turn.notify_all(),
            }
        }
        ended.map(|effect| effect.code())
    }

    fn close(&self, session: Session) -> Answer {
        let closed = self.take(Function::CloseSession, Call::CloseSession { session })?;
        if let Effect::Closing { ready } = closed {
            drop(self.stop(self.lock(), Point::Closing));
            if self.is(Flaw::ClosesAtOnce) && !ready {
                return Ok(closed.code());
            }
            self.wait(session);
            let gone = self.step(self.lock(), Call::FinishClose { session }).1?;
            return Ok(gone.code());
        }
        Ok(closed.code())
    }

    fn shutdown(&self) -> Answer {
        self.take(Function::Shutdown, Call::Shutdown).map(|effect| effect.code())
    }

    fn last_error(&self) -> Result<Option<Hresult>, Error> {
        match self.take(Function::GetLastErrorMessage, Call::GetLastErrorMessage)? {
            Effect::LastError(error) => Ok(Some(error)),
            Effect::NoLastError { .. } => Ok(None),
            effect => panic!("{effect:?}"),
        }
    }

    fn hand_out(&self) -> Result<Memory, Error> {
        match self.step(self.lock(), Call::HandOut { function: Function::GetImageInfo }).1? {
            Effect::HandedOut { memory } => Ok(memory),
            effect => panic!("{effect:?}"),
        }
    }

    fn delete(&self, memory: Memory) -> Answer {
        self.take(Function::Delete, Call::Delete { memory }).map(|effect| effect.code())
    }
}

struct TwinGuard {
    twin: Twin,
    id: usize,
}

impl TwinGuard {
    fn end(&self) {
        let Self { twin, id } = self;
        if twin.is(Flaw::ReleaseWakesTooSoon) {
            twin.0.held.notify_all();
        }
        twin.lock().holds.retain(|it| it.id != *id && !twin.is(Flaw::ReleasesAll));
        match twin.0.flaw {
            Flaw::ReleaseWakesNoThread | Flaw::ReleaseWakesTooSoon => {}
            _ => twin.0.held.notify_all(),
        }
    }
}

impl Guard for TwinGuard {
    fn wait(&self) {
        let mut core = self.twin.lock();
        while core.holds.iter().any(|it| it.id == self.id && !it.has_thread)
            && !self.twin.is(Flaw::DoesNotWait)
        {
            core = self.twin.0.held.wait(core).unwrap();
        }
    }

    fn release(self) {
        self.end();
    }
}

impl Drop for TwinGuard {
    fn drop(&mut self) {
        // After loom has stopped a model, its lock cannot be used.
        if !self.twin.is(Flaw::DropDoesNotRelease) && !std::thread::panicking() {
            self.end();
        }
    }
}

fn program(twin: &Twin, start: Start, threads: &[&[Act]]) {
    let threads = threads.iter().map(|acts| acts.to_vec()).collect();
    Program { contract: Contract::Documented, start, threads }.run_on(twin, spawn);
}

fn two_shutdowns_as_a_program(twin: Twin) {
    program(&twin, Start::Up, &[&[Shutdown], &[Shutdown]]);
}

fn an_open_and_a_shutdown_as_a_program(twin: Twin) {
    program(&twin, Start::Up, &[&[Open], &[Shutdown]]);
}

fn two_operations_and_a_close(twin: Twin) {
    program(&twin, Start::OneSession, &[&[Operate], &[Operate], &[Close]]);
}

/// So what the models catch in a twin is its flaw. `two_holds` is not among them: it has millions
/// of schedules.
#[test]
fn a_twin_without_a_flaw_is_right() {
    let models: [fn(Twin); 17] = [
        two_initializes,
        open_against_shutdown,
        two_shutdowns,
        two_hand_outs,
        two_deletes,
        two_shutdowns_as_a_program,
        an_open_and_a_shutdown_as_a_program,
        last_errors,
        two_operations,
        turns_on_two_sessions,
        close_against_an_operation,
        two_operations_and_a_close,
        a_hold_in_a_close_against_an_operation,
        a_rule_for_one_of_two_shutdowns,
        a_hold_on_two_threads,
        a_hold_before_a_shutdown,
        a_hold_dropped_before_a_close,
    ];
    for model in models {
        assert!(explore(move || model(Twin::new(Flaw::None))) > 1);
    }
}

/// A test for each twin: its flaw, the model that catches it, and part of the panic message.
macro_rules! twins {
    ($($test:ident: $flaw:ident, $model:ident, $message:literal;)+) => {
        $(
            #[test]
            #[should_panic(expected = $message)]
            fn $test() {
                explore(|| $model(Twin::new(Flaw::$flaw)));
            }
        )+
    };
}

twins! {
    i5_an_initialize_that_decides_before_it_acts: DecidesApart, two_initializes, "firsts";
    s2_a_shutdown_that_looks_before_it_acts: DecidesApart, open_against_shutdown, "(S_OK)), Ok(";
    s5_a_shutdown_that_decides_before_it_acts: DecidesApart, two_shutdowns, "winners";
    d1_a_hand_out_that_decides_before_it_acts: DecidesApart, two_hand_outs, "left != right";
    d3_a_delete_that_looks_before_it_acts: DecidesApart, two_deletes, "winners";
    x1_a_shutdown_journaled_outside_the_lock: JournalsApart, two_shutdowns_as_a_program, "replay";
    x1_an_open_journaled_outside_the_lock:
        JournalsApart, an_open_and_a_shutdown_as_a_program, "replay";
    e1_one_thread_number_for_all: OneThread, last_errors, "left == right";

    p2_two_operations_at_once: OperatesAtOnce, two_operations, "two operations at once";
    c4_a_close_that_does_not_wait: ClosesAtOnce, close_against_an_operation, "closed while in use";
    c4_a_close_that_was_held_does_not_wait:
        ClosesAtOnce, a_hold_in_a_close_against_an_operation, "closed, and not gone";
    c4_a_close_that_overtakes_an_operation: TakesAnyTurn, two_operations_and_a_close, "out of turn";
    p2_a_wait_that_does_not_check_again: TakesAnyTurn, turns_on_two_sessions, "NothingToEnd";
    p2_a_lost_wake_up: SleepsThroughItsTurn, two_operations, "deadlock";
    p2_a_turn_that_wakes_no_thread: TurnWakesNoThread, close_against_an_operation, "deadlock";
    p2_a_turn_that_wakes_one: TurnWakesOne, turns_on_two_sessions, "deadlock";
    p2_a_turn_that_wakes_too_soon: TurnWakesTooSoon, two_operations, "deadlock";

    a_rule_that_looks_before_it_counts: CountsApart, a_rule_for_one_of_two_shutdowns, "fired for";

    a_hold_that_catches_all: CatchesAll, a_hold_on_two_threads, "deadlock";
    a_wait_that_does_not_wait: DoesNotWait, a_hold_before_a_shutdown, "deadlock";
    an_arrival_that_wakes_no_thread: ArrivalWakesNoThread, a_hold_before_a_shutdown, "deadlock";
    a_held_thread_that_does_not_check_again:
        LeavesAnyHold, two_holds, "released by the hold of another";
    a_hold_that_looks_before_it_sleeps:
        SleepsThroughItsRelease, a_hold_dropped_before_a_close, "deadlock";
    a_release_that_wakes_no_thread: ReleaseWakesNoThread, a_hold_before_a_shutdown, "deadlock";
    a_release_that_wakes_too_soon: ReleaseWakesTooSoon, a_hold_dropped_before_a_close, "deadlock";
    a_release_of_all_holds: ReleasesAll, two_holds, "released by the hold of another";
    a_drop_that_does_not_release: DropDoesNotRelease, a_hold_dropped_before_a_close, "deadlock";
}
