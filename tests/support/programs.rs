//! Small programs on several threads, run on an emulator inside a model checker, and what must
//! hold of every schedule of theirs.

use std::fmt;
use std::sync::{Arc, Mutex};

use dism_emu::machine::{Call, Effect, State, Step};
use dism_emu::{Contract, Error, Hresult, InvalidArgument, Session, ThreadNumber};

use crate::support::{Answer, Double, IMAGE, Lifecycle, replays, shown, unverified};

/// What a thread of a program does next. A session is the one that the thread itself opened last,
/// or else the first that anybody opened.
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

/// How things stand before the threads start.
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

/// When calls started and returned, in the order in which it really happened. A lock that the
/// model checker does not see: it adds no schedule and takes none away.
type Clock = Arc<Mutex<Vec<(ThreadNumber, Instant)>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instant {
    Started(usize),
    Returned(usize),
}

/// What one thread saw.
pub struct Seen {
    thread: ThreadNumber,
    answers: Vec<Answer>,
}

impl Program {
    /// Runs the program once, each thread but the first through `spawn`, which gives what joins
    /// it; then checks what must hold of every schedule.
    pub fn run<J: FnOnce() -> Seen>(
        &self,
        spawn: impl FnMut(Box<dyn FnOnce() -> Seen + Send>) -> J,
    ) {
        let emulator = unverified().contract(self.contract).build();
        self.run_on(&emulator, spawn);
    }

    /// The same on a process of its contract.
    pub fn run_on<J: FnOnce() -> Seen>(
        &self,
        emulator: &impl Double,
        mut spawn: impl FnMut(Box<dyn FnOnce() -> Seen + Send>) -> J,
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
            Box::new(move || perform(&dism, &clock, &acts)) as Box<dyn FnOnce() -> Seen + Send>
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
        seen: &[Seen],
        clock: &[(ThreadNumber, Instant)],
    ) {
        let shown = || format!("{self}\n{}", shown(emulator));

        replays(emulator);

        // No thread ended what was not its turn yet: the machine would have refused.
        let out_of_turn = steps.iter().any(|step| {
            let refused = step.outcome.err();
            matches!(refused, Some(Error::InvalidArgument(InvalidArgument::NothingToEnd { .. })))
        });
        assert!(!out_of_turn, "out of turn in {}", shown());

        // Every thread got what the journal says of it, call by call. Where in the journal each
        // call took effect: its first and its last step.
        let mut effects = Vec::new();
        for Seen { thread, answers } in seen {
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
            let told: Vec<_> = calls.iter().map(|(_, _, answer)| *answer).collect();
            assert_eq!(*answers, told, "{thread} of {}", shown());
            effects.extend(calls.iter().enumerate().map(|(n, call)| (*thread, n, call.0, call.1)));
        }

        // X1: whoever returned before another started also took effect before it.
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

        // Both contracts: initializations and shutdowns balance, and each period ends with one
        // last shutdown while nothing is open.
        let succeeded = |is_it: fn(&Effect) -> bool| {
            steps.iter().filter(|step| step.outcome.is_ok_and(|effect| is_it(&effect))).count()
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

fn perform(dism: &impl Lifecycle, clock: &Clock, acts: &[Act]) -> Seen {
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
    Seen { thread, answers }
}
