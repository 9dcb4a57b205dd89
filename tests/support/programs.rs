//! Small programs on several threads that run on an emulator inside a model checker, and what must
//! hold in every schedule.

use std::fmt;
use std::sync::{Arc, Mutex};

use dism_emu::machine::{Call, Effect, State, Step};
use dism_emu::{Contract, Error, Hresult, InvalidArgument, Session, ThreadNumber};

use crate::support::{Answer, Double, IMAGE, Lifecycle, replays, shown, unverified};

/// What a thread of a program does next. Its session is the one that the thread opened last, or
/// else the first one that any thread opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Initialize,
    Open,
    /// Begins an operation and ends it.
    Operate,
    Close,
    Shutdown,
}

pub const ACTS: [Act; 5] = [Act::Initialize, Act::Open, Act::Operate, Act::Close, Act::Shutdown];

/// The state before the threads start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Down,
    Up,
    OneSession,
    /// One session with two references.
    TwoReferences,
}

pub const STARTS: [Start; 4] = [Start::Down, Start::Up, Start::OneSession, Start::TwoReferences];

#[derive(Clone, Debug)]
pub struct Program {
    pub contract: Contract,
    pub start: Start,
    pub threads: Vec<Vec<Act>>,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.contract, self.start)?;
        self.threads.iter().try_for_each(|acts| write!(f, " | {acts:?}"))
    }
}

/// The starts and returns of calls, in the order in which they really happened. The model checker
/// does not see this lock, so it neither adds a schedule nor removes one.
type Clock = Arc<Mutex<Vec<(ThreadNumber, Instant)>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instant {
    Started(usize),
    Returned(usize),
}

/// What one thread observed.
pub struct Observed {
    thread: ThreadNumber,
    answers: Vec<Answer>,
}

impl Program {
    /// Runs the program once, and checks what must hold in every schedule. The first thread is this
    /// one; `spawn` starts each of the others and returns a closure that joins it.
    pub fn run<J: FnOnce() -> Observed>(
        &self,
        spawn: impl FnMut(Box<dyn FnOnce() -> Observed + Send>) -> J,
    ) {
        let emulator = unverified().contract(self.contract).build();
        self.run_on(&emulator, spawn);
    }

    /// Does the same on a process under the program's contract.
    pub fn run_on<J: FnOnce() -> Observed>(
        &self,
        emulator: &impl Double,
        mut spawn: impl FnMut(Box<dyn FnOnce() -> Observed + Send>) -> J,
    ) {
        let dism = emulator.dism();
        let opens = match self.start {
            Start::Down | Start::Up => 0,
            Start::OneSession => 1,
            Start::TwoReferences => 2,
        };
        if self.start != Start::Down {
            dism.initialize().expect("it is down");
        }
        for _ in 0..opens {
            dism.open(IMAGE).expect("it is up");
        }
        let before = emulator.steps().len();

        let clock = Clock::default();
        let mut threads = self.threads.iter().map(|acts| {
            let (dism, clock, acts) = (dism.clone(), clock.clone(), acts.clone());
            Box::new(move || perform(&dism, &clock, &acts)) as Box<dyn FnOnce() -> Observed + Send>
        });
        let first = threads.next().expect("a program has a thread");
        let others: Vec<J> = threads.map(&mut spawn).collect();
        let mut seen = vec![first()];
        seen.extend(others.into_iter().map(|join| join()));

        let clock = clock.lock().expect("no thread panicked");
        self.check(emulator, &emulator.steps(), before, &seen, &clock);
    }

    fn check(
        &self,
        emulator: &impl Double,
        steps: &[Step],
        before: usize,
        seen: &[Observed],
        clock: &[(ThreadNumber, Instant)],
    ) {
        let shown = || format!("{self}\n{}", shown(emulator));

        replays(emulator);

        // No thread ended an operation or a close before its turn: the machine would have refused.
        let out_of_turn = steps.iter().any(|step| {
            let refused = step.outcome.err();
            matches!(refused, Some(Error::InvalidArgument(InvalidArgument::NothingToEnd { .. })))
        });
        assert!(!out_of_turn, "out of turn in {}", shown());

        // Every thread got the answers that the journal has for its calls. `effects` has the first
        // and the last step of each call.
        let mut effects = Vec::new();
        for Observed { thread, answers } in seen {
            let mine = steps.iter().enumerate().skip(before).filter(|(_, it)| it.thread == *thread);
            let mut calls: Vec<(usize, usize, Answer)> = Vec::new();
            for (at, step) in mine {
                let answer = step.outcome.map(|effect| effect.code());
                let continues =
                    matches!(step.call, Call::EndOperation { .. } | Call::FinishClose { .. });
                match calls.last_mut().filter(|_| continues) {
                    Some(call) => *call = (call.0, at, answer),
                    None => calls.push((at, at, answer)),
                }
            }
            let recorded: Vec<_> = calls.iter().map(|(_, _, answer)| *answer).collect();
            assert_eq!(*answers, recorded, "{thread} of {}", shown());
            effects.extend(calls.iter().enumerate().map(|(n, call)| (*thread, n, call.0, call.1)));
        }

        // X1: a call that returned before another one started also took effect before it.
        let when = |thread, instant| {
            clock.iter().position(|it| *it == (thread, instant)).expect("the clock saw every call")
        };
        for (thread, call, _, last) in &effects {
            for (other, later, first, _) in &effects {
                let returned = when(*thread, Instant::Returned(*call));
                if returned < when(*other, Instant::Started(*later)) {
                    assert!(last < first, "X1: {last} after {first} in {}", shown());
                }
            }
        }

        // Under both contracts initializes and shutdowns balance, and each period ends with one
        // last shutdown while no session is open.
        let succeeded = |matches: fn(&Effect) -> bool| {
            steps.iter().filter(|step| step.outcome.is_ok_and(|effect| matches(&effect))).count()
        };
        let initializes = succeeded(|effect| matches!(effect, Effect::Initialized { .. }));
        let shutdowns = succeeded(|effect| matches!(effect, Effect::ShutDown { .. }));
        let count = match emulator.state() {
            State::Down => 0,
            State::Up { count, .. } => count as usize,
        };
        assert_eq!(initializes.checked_sub(shutdowns), Some(count), "{}", shown());
        let mut open = 0_usize;
        for step in steps {
            match step.outcome {
                Ok(Effect::Opened { references: 1, .. }) => open += 1,
                Ok(Effect::Closed { .. }) => open -= 1,
                Ok(Effect::ShutDown { count: 0 }) => assert_eq!(open, 0, "{}", shown()),
                _ => {}
            }
        }
        assert_eq!(emulator.state().open_sessions(), open, "{}", shown());
    }
}

fn perform(dism: &impl Lifecycle, clock: &Clock, acts: &[Act]) -> Observed {
    let thread = ThreadNumber::current();
    let tick = |instant| clock.lock().expect("no thread panicked").push((thread, instant));
    let mut session = Session::from_raw(2);
    let mut answers = Vec::new();
    for (at, act) in acts.iter().enumerate() {
        tick(Instant::Started(at));
        answers.push(match act {
            Act::Initialize => dism.initialize(),
            Act::Open => dism.open(IMAGE).map(|opened| {
                session = opened;
                Hresult::S_OK
            }),
            Act::Operate => dism.operate(session, || {}),
            Act::Close => dism.close(session),
            Act::Shutdown => dism.shutdown(),
        });
        tick(Instant::Returned(at));
    }
    Observed { thread, answers }
}
