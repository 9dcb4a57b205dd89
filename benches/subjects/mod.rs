//! What both benchmarks measure, and what they compare it with.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each benchmark uses its part")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};
use std::{hint, thread};

use cpu_time::ProcessTime;
use dism_emu::machine::{Call, Config, Effect, Machine};
use dism_emu::{
    Dism, Emulator, Function, Hresult, Initialize, OpenSession, Operation, Session, ThreadNumber,
};
use mockall::automock;

/// How many sessions are open beside the one that is measured.
pub const MANY: u32 = 1_000_000;

/// The image that is opened and closed, if there is only one.
pub const IMAGE: &str = r"C:\mount\offline\install";

/// An image whose path does not fit into an entry of the emulator.
pub const LONG_IMAGE: &str = r"C:\Users\Public\Documents\images\mount\offline\install";

/// The unit of cost: what any call behind a mutex costs at least.
pub type Unit = parking_lot::Mutex<u64>;

pub fn unit(mutex: &Unit) {
    *mutex.lock() += 1;
}

/// The core alone: the state behind a mutex, without a journal, without rules, holds and
/// verification.
pub type Core = parking_lot::Mutex<Machine>;

/// Makes a core that is initialized and has a session.
pub fn core() -> (Core, Session) {
    let thread = ThreadNumber::current();
    let mut machine = Machine::new(Config::default());
    machine.apply(thread, &Call::Initialize(Initialize::new())).expect("a new process");
    let open = Call::OpenSession(OpenSession::new(IMAGE));
    match machine.apply(thread, &open) {
        Ok(Effect::Opened { session, .. }) => (Core::new(machine), session),
        other => panic!("it is initialized: {other:?}"),
    }
}

pub fn core_operation(core: &Core, session: Session) {
    let function = Function::GetFeatures;
    let begin = Call::begin(session, function);
    let end = Call::EndOperation { session, result: Hresult::S_OK };
    for call in [begin, end] {
        core.lock().apply(ThreadNumber::current(), &call).expect("it is open, and no thread waits");
    }
}

/// A lock that threads get in the order in which they arrive, as they do a session.
pub type Fair = parking_lot::FairMutex<u64>;

pub fn fair_unit(mutex: &Fair) {
    *mutex.lock() += 1;
}

/// A fake that can be written in ten minutes.
#[derive(Default)]
pub struct QuickFake {
    state: Mutex<QuickState>,
}

#[derive(Default)]
struct QuickState {
    initialized: bool,
    next: u32,
    sessions: HashMap<u32, String>,
    /// How many sessions each image has, under its folded path, if the fake knows that paths which
    /// differ in case are the same.
    images: Option<HashMap<String, u32>>,
}

/// The trait behind which a program under test would put DISM.
#[automock]
pub trait Api {
    fn initialize(&self) -> i32;
    fn open(&self, path: &str) -> Result<u32, i32>;
    fn close(&self, session: u32) -> i32;
    fn shutdown(&self) -> i32;
}

const FAILED: i32 = -1;

impl Api for QuickFake {
    fn initialize(&self) -> i32 {
        let mut state = self.state.lock().unwrap();
        if state.initialized {
            FAILED
        } else {
            state.initialized = true;
            0
        }
    }

    fn open(&self, path: &str) -> Result<u32, i32> {
        let mut state = self.state.lock().unwrap();
        if !state.initialized {
            return Err(FAILED);
        }
        state.next += 1;
        let session = state.next;
        let path = match &mut state.images {
            Some(images) => {
                let folded = path.to_lowercase();
                *images.entry(folded.clone()).or_default() += 1;
                folded
            }
            None => path.to_owned(),
        };
        state.sessions.insert(session, path);
        Ok(session)
    }

    fn close(&self, session: u32) -> i32 {
        let mut state = self.state.lock().unwrap();
        let Some(path) = state.sessions.remove(&session) else { return FAILED };
        if let Some(images) = &mut state.images {
            let references = images.get_mut(&path).expect("it has a session");
            *references -= 1;
            if *references == 0 {
                images.remove(&path);
            }
        }
        0
    }

    fn shutdown(&self) -> i32 {
        let mut state = self.state.lock().unwrap();
        if !state.initialized || !state.sessions.is_empty() {
            return FAILED;
        }
        state.initialized = false;
        0
    }
}

/// Makes a mockall mock that passes every call to a quick fake.
pub fn mock_over_fake() -> MockApi {
    let fake = Arc::new(QuickFake::default());
    let mut mock = MockApi::new();
    let to = fake.clone();
    mock.expect_initialize().returning(move || to.initialize());
    let to = fake.clone();
    mock.expect_open().returning(move |path| to.open(path));
    let to = fake.clone();
    mock.expect_close().returning(move |session| to.close(session));
    mock.expect_shutdown().returning(move || fake.shutdown());
    mock
}

/// Makes an emulator that is initialized, with the journal off or on.
pub fn emulator(journal: bool) -> Emulator {
    let builder = Emulator::builder().verify_on_drop(false);
    let emulator = if journal { builder } else { builder.journal_limit(0) }.build();
    emulator.dism().initialize().expect("a new process");
    emulator
}

/// Returns the API of such an emulator.
pub fn initialized(journal: bool) -> Dism {
    emulator(journal).dism()
}

pub fn initialize_and_shutdown(dism: &Dism) {
    dism.initialize().expect("it is down");
    dism.shutdown().expect("no session is open");
}

pub fn operation(dism: &Dism, session: Session) {
    begin(dism, session).end().expect("S_OK");
}

/// Begins an operation, which ends when it is dropped.
pub fn begin(dism: &Dism, session: Session) -> Operation<'_> {
    dism.operation(session, Function::GetFeatures).expect("it is open")
}

pub fn open_and_close(dism: &Dism, path: &str) {
    let session = dism.open_session(path).expect("it is initialized");
    dism.close_session(session).expect("it is open");
}

pub fn open_and_close_fake(dism: &impl Api, path: &str) {
    let session = dism.open(path).expect("it is initialized");
    assert_eq!(dism.close(session), 0);
}

/// Indexes below a power of ten in a scattered order. Each occurs once before any occurs again.
pub struct Scattered {
    many: u32,
    last: u32,
}

impl Scattered {
    pub fn new(many: u32) -> Self {
        Self { many, last: 0 }
    }

    pub fn next(&mut self) -> usize {
        // A step that has no factor in common with it visits all of them.
        self.last = (self.last + 618_033) % self.many;
        self.last as usize
    }
}

pub fn path(number: u32) -> String {
    format!(r"C:\mount\image-{number:08}")
}

/// An emulator, or a fake, with many sessions open.
pub struct Crowd<D, S> {
    pub dism: D,
    sessions: Vec<S>,
    paths: Vec<String>,
    opened: usize,
    scattered: Scattered,
}

impl<D, S: Copy> Crowd<D, S> {
    pub fn new(dism: D, many: u32, open: impl Fn(&D, &str) -> S) -> Self {
        let paths: Vec<_> = (0..many).map(path).collect();
        let sessions = paths.iter().map(|path| open(&dism, path)).collect();
        // Twice as many paths to open later, so that no path is open when its turn comes.
        let paths = (many..3 * many).map(path).collect();
        Self { dism, sessions, paths, opened: 0, scattered: Scattered::new(many) }
    }

    /// Closes a session that has been open for long, and opens another image.
    pub fn replace_one(&mut self, open: impl Fn(&D, &str) -> S, close: impl Fn(&D, S)) {
        let victim = self.scattered.next();
        close(&self.dism, self.sessions[victim]);
        let path = &self.paths[self.opened];
        self.opened = (self.opened + 1) % self.paths.len();
        self.sessions[victim] = open(&self.dism, path);
    }
}

pub fn open(dism: &Dism, path: &str) -> Session {
    dism.open_session(path).expect("it is initialized")
}

pub fn close(dism: &Dism, session: Session) {
    dism.close_session(session).expect("it is open");
}

pub fn open_fake(dism: &impl Api, path: &str) -> u32 {
    dism.open(path).expect("it is initialized")
}

pub fn close_fake(dism: &impl Api, session: u32) {
    assert_eq!(dism.close(session), 0);
}

pub fn fake() -> QuickFake {
    let fake = QuickFake::default();
    assert_eq!(fake.initialize(), 0);
    fake
}

/// Makes a fake that also knows which paths are the same, and how many sessions each image has.
pub fn fake_with_images() -> QuickFake {
    let fake = fake();
    fake.state.lock().unwrap().images = Some(HashMap::new());
    fake
}

/// How long something took, and the time of all cores that the program used meanwhile.
#[derive(Clone, Copy, Default)]
pub struct Run {
    pub time: Duration,
    pub cpu: Duration,
}

impl std::ops::AddAssign for Run {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.cpu += other.cpu;
    }
}

/// Lets `threads` threads wait for what `hold` returns, and run `work` once each when that is
/// dropped, `rounds` times. Measures from each drop to the end of the last thread's work.
///
/// No thread comes back before all are done: whether it would wait again or find nobody there
/// depends on the scheduler.
pub fn queued<G>(
    threads: usize,
    rounds: usize,
    hold: impl Fn() -> G,
    work: impl Fn() + Sync,
) -> Run {
    let (barrier, arrived) = (Barrier::new(threads + 1), AtomicUsize::new(0));
    let last = Mutex::new(None);
    let mut total = Run::default();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..rounds {
                    barrier.wait();
                    arrived.fetch_add(1, Ordering::Relaxed);
                    work();
                    let end = (Instant::now(), ProcessTime::now());
                    let mut last = last.lock().unwrap();
                    if last.is_none_or(|(at, _)| at < end.0) {
                        *last = Some(end);
                    }
                    drop(last);
                    barrier.wait();
                }
            });
        }
        for round in 1..=rounds {
            let first = hold();
            barrier.wait();
            wait_for(round * threads, &arrived);
            let (start, cpu) = (Instant::now(), ProcessTime::now());
            drop(first);
            barrier.wait();
            let (end, cpu_end) = last.lock().unwrap().take().expect("a thread has ended");
            total += Run { time: end - start, cpu: cpu_end.duration_since(cpu) };
        }
    });
    total
}

/// Waits until so many threads have arrived at a lock, and sleep.
pub fn wait_for(threads: usize, arrived: &AtomicUsize) {
    while arrived.load(Ordering::Relaxed) < threads {
        thread::yield_now();
    }
    // From its arrival to its sleep a thread needs microseconds, once it has a core.
    thread::sleep(Duration::from_millis(3));
}

/// Runs `work(thread)` `rounds` times on each of `threads` threads. Returns the time from their
/// common start to the end of the last one.
pub fn together(threads: usize, rounds: u64, work: impl Fn(usize) + Sync) -> Duration {
    let barrier = Barrier::new(threads + 1);
    let (barrier, work) = (&barrier, &work);
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..rounds {
                    work(thread);
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

/// A barrier at which threads spin and do not sleep, so that they leave it together.
struct Line {
    threads: usize,
    arrived: AtomicUsize,
}

impl Line {
    /// Waits for all threads, for the `nth` time (from 1). Returns whether this thread arrived
    /// last.
    fn wait(&self, nth: usize) -> bool {
        let all = nth * self.threads;
        let is_last = self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == all;
        let mut spins = 0;
        while self.arrived.load(Ordering::Acquire) < all {
            // With more threads than cores, some have to yield.
            spins += 1;
            if spins % 100 == 0 { thread::yield_now() } else { hint::spin_loop() }
        }
        is_last
    }
}

/// Lets `threads` threads race `rounds` times, with `reset` before each race. Measures
/// all races, including the resets and the two starting lines of each race.
pub fn races(
    threads: usize,
    rounds: u64,
    reset: impl Fn() + Sync,
    race: impl Fn() -> bool + Sync,
) -> Run {
    let line = Line { threads, arrived: AtomicUsize::new(0) };
    let (line, reset, race) = (&line, &reset, &race);
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    let wins: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    let mut wins = 0;
                    for round in 0..rounds as usize {
                        if line.wait(2 * round + 1) {
                            reset();
                        }
                        line.wait(2 * round + 2);
                        wins += u64::from(race());
                    }
                    wins
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let run = Run { time: start.elapsed(), cpu: cpu.elapsed() };
    assert_eq!(wins, rounds, "every race has one winner");
    run
}
