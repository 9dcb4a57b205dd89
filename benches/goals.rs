//! Measures each figure beside what it is compared with, and prints a table with their goals.
//!
//!     cargo bench --bench goals                   # optimized
//!     cargo bench --bench goals --profile dev     # as tests are usually built
//!     cargo bench --bench goals -- --svg src/docs/speed.svg # draws the picture of `docs::speed`
//!
//! Absolute times say little on a shared machine. Both sides of a comparison take turns, round by
//! round. The figure is the median of the rounds' ratios, or of their differences if the goal is a
//! difference. The goals are for optimized code.
//!
//! A pair of calls takes two locks, and so does its rival. If a lock is cheap, what is around it
//! weighs more: the goals were set on a machine where a lock takes 16 ns, and others take 6. The
//! column `at 16` is the ratio with 16 ns for each of these locks, and what the goal of a row on one
//! thread judges. A busy neighbor slows down a lock less than the rest of a call.
//!
//! Threads that contend all wait before the time starts. Otherwise the scheduler is measured: on a
//! few cores, a thread is often done before the next one starts.
//!
//! With `--features capi` the table also has what the C functions cost beyond the Rust calls.
//!
//! Two goals have commands of their own: schedules under loom, with `tests/loom/schedules.rs`, and
//! CPU seconds of a build, with `benches/build.py`.

mod picture;
mod subjects;

use std::cell::Cell;
use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

#[cfg(feature = "capi")]
use dism_emu::Function;
use subjects::*;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--svg") {
        let file = arguments.get(at + 1).expect("--svg and a file");
        return fs::write(file, picture::draw()).expect("the file can be written");
    }
    // Without `--bench`, as in `cargo test`, it only has to run.
    let full = arguments.iter().any(|argument| argument == "--bench");
    let (rounds, scale) = if full { (25, 1) } else { (1, 1000) };
    let table = Table { rounds, scale, lock: lock() };
    let profile = if cfg!(debug_assertions) { "without optimization" } else { "optimized" };
    let cores = available_parallelism().map_or(0, usize::from);
    println!("{profile}, {cores} cores, {:.1} ns a lock", table.lock);
    table.head();
    against_bare_locks(&table);
    against_the_core(&table);
    against_fakes(&table);
    many_open(&table);
    on_one_session(&table);
    beside_waiters(&table);
    journal_on(&table);
    races_of_shutdowns(&table);
    #[cfg(feature = "capi")]
    exported(&table);
}

fn against_bare_locks(table: &Table) {
    let mutex = Unit::new(0);
    let two_locks = || {
        unit(black_box(&mutex));
        unit(black_box(&mutex));
    };
    let (down, up) = (initialized(false), initialized(false));
    down.shutdown().expect("nothing is open");
    let session = open(&up, r"D:\other");
    table.row("initialize+shutdown : two bare locks", optimized(1.5), 10_000, two_locks, || {
        initialize_and_shutdown(black_box(&down));
    });
    table.row("begin+end : two bare locks", optimized(1.6), 10_000, two_locks, || {
        operation(black_box(&up), session);
    });
    table.row("open+close : two bare locks", optimized(2.4), 10_000, two_locks, || {
        open_and_close(black_box(&up), IMAGE);
    });
}

/// What rules, holds and verification cost a test that uses none of them.
fn against_the_core(table: &Table) {
    let (core, in_core) = core();
    let up = initialized(false);
    let session = open(&up, IMAGE);
    let alone = || core_operation(black_box(&core), in_core);
    table.row(
        "begin+end of an operation : the core alone",
        Goal::AtMost(1.1),
        10_000,
        alone,
        || {
            operation(black_box(&up), session);
        },
    );
}

fn against_fakes(table: &Table) {
    let up = initialized(false);
    let (images, quick, mock) = (fake_with_images(), fake(), mock_over_fake());
    assert_eq!(mock.initialize(), 0);
    let row = |name: &str, path, most, rival: &dyn Fn()| {
        table.row(name, optimized(most), 10_000, rival, || open_and_close(black_box(&up), path));
    };
    row("open+close : fake with images", IMAGE, 1.0, &|| {
        open_and_close_fake(black_box(&images), IMAGE);
    });
    row("open+close of a long path : the same", LONG_IMAGE, 1.0, &|| {
        open_and_close_fake(black_box(&images), LONG_IMAGE);
    });
    row("open+close : quick fake", IMAGE, 1.3, &|| open_and_close_fake(black_box(&quick), IMAGE));
    row("open+close : mockall over it", IMAGE, 1.0, &|| {
        open_and_close_fake(black_box(&mock), IMAGE);
    });
}

fn many_open(table: &Table) {
    let many = table.scaled(MANY.into()) as u32;
    let mut ours = Crowd::new(initialized(false), many, open);
    let mut theirs = Crowd::new(fake(), many, open_fake);
    let name = "open+close, 1,000,000 open : quick fake";
    let fake = || open_and_close_fake(&theirs.dism, IMAGE);
    table.row(name, optimized(0.25), 2_000, fake, || open_and_close(&ours.dism, IMAGE));
    let name = "close an old one, open another : quick fake";
    let fake = || theirs.replace_one(open_fake, close_fake);
    table.row(name, optimized(1.4), 2_000, fake, || ours.replace_one(open, close));
}

/// P1: operations on a session take turns, in the order in which they arrive.
fn on_one_session(table: &Table) {
    let (dism, fair) = (initialized(false), Fair::new(0));
    let session = open(&dism, IMAGE);
    for threads in [4, 8, 64] {
        let rounds = if table.scale > 1 { 1 } else { 10 };
        table.contended_row(
            &format!("{threads} threads on one session : FairMutex"),
            optimized(1.3),
            (rounds * threads) as u64,
            || queued(threads, rounds, || fair.lock(), || fair_unit(&fair)),
            || queued(threads, rounds, || begin(&dism, session), || operation(&dism, session)),
        );
    }
}

/// P2: threads that wait on one session do not slow down another.
fn beside_waiters(table: &Table) {
    let (busy, idle) = (initialized(false), initialized(false));
    let (crowded, used) = (open(&busy, IMAGE), open(&busy, r"D:\other"));
    let alone = open(&idle, r"D:\other");
    let arrived = AtomicUsize::new(0);
    thread::scope(|scope| {
        let first = begin(&busy, crowded);
        for _ in 0..64 {
            scope.spawn(|| {
                arrived.fetch_add(1, Ordering::Relaxed);
                operation(&busy, crowded);
            });
        }
        wait_for(64, &arrived);
        let rounds = if table.scale > 1 { 1 } else { 10 };
        table.contended_row(
            "3 on one session, 64 wait on another : none",
            optimized(1.2),
            (rounds * 3) as u64,
            || queued(3, rounds, || begin(&idle, alone), || operation(&idle, alone)),
            || queued(3, rounds, || begin(&busy, used), || operation(&busy, used)),
        );
        drop(first);
    });
}

fn journal_on(table: &Table) {
    let pair = || (initialized(true), initialized(false));
    let (on, off) = pair();
    let (session, same) = (open(&on, r"D:\other"), open(&off, r"D:\other"));
    let name = "begin+end, journal on : off";
    table.row(
        name,
        Goal::AtMost(2.0),
        10_000,
        || operation(&off, session),
        || operation(&on, same),
    );
    let name = "open+close, journal on : off";
    let without = || open_and_close(&off, IMAGE);
    table.row(name, Goal::AtMost(2.0), 10_000, without, || open_and_close(&on, IMAGE));
    let (on, off) = pair();
    on.shutdown().expect("nothing is open");
    off.shutdown().expect("nothing is open");
    let name = "initialize+shutdown, journal on : off";
    let without = || initialize_and_shutdown(&off);
    table.row(name, Goal::AtMost(2.0), 10_000, without, || initialize_and_shutdown(&on));
}

fn races_of_shutdowns(table: &Table) {
    for threads in [2, 4, 8, 16] {
        let dism = initialized(false);
        dism.shutdown().expect("nothing is open");
        let mutex = Unit::new(0);
        let rounds = table.scaled(3000);
        table.contended_row(
            &format!("race of {threads} shutdowns : bare mutex"),
            Goal::AtMost(1.5),
            rounds,
            || {
                let race = || std::mem::take(&mut *mutex.lock()) > 0;
                races(threads, rounds, || *mutex.lock() = 1, race)
            },
            || {
                let reset = || assert!(dism.initialize().is_ok());
                races(threads, rounds, reset, || dism.shutdown().is_ok())
            },
        );
    }
}

/// Each C function beside the Rust calls that it makes, in one process: both write its journal.
#[cfg(feature = "capi")]
#[expect(unsafe_code, reason = "a program that calls C functions")]
fn exported(table: &Table) {
    use std::ptr::null;

    use dism_emu::Emulator;
    use dism_emu::capi::Process;
    use dism_emu::capi::ffi::*;

    let process = Process::start(Emulator::builder().verify_on_drop(false));
    let dism = &process.emulator().dism();
    let goal = |calls| match () {
        () if cfg!(debug_assertions) => Goal::None,
        () => Goal::More { most: 25.0, calls },
    };
    table.row(
        "DismInitialize+DismShutdown : in Rust",
        goal(2.0),
        10_000,
        || initialize_and_shutdown(black_box(dism)),
        || {
            // SAFETY: NULL is allowed for both paths.
            assert_eq!(unsafe { DismInitialize(DismLogErrors, null(), null()) }, 0);
            // SAFETY: it takes no pointer.
            assert_eq!(unsafe { DismShutdown() }, 0);
        },
    );
    dism.initialize().expect("it is down");
    let session = open(dism, r"D:\other");
    let function = Function::SetReservedStorageState;
    table.row(
        "DismSetReservedStorageState : in Rust",
        goal(1.0),
        10_000,
        || {
            black_box(dism).perform(session, function).expect("it is open");
        },
        || {
            // SAFETY: it takes no pointer.
            let code = unsafe {
                DismSetReservedStorageState(session.raw(), DISM_RESERVED_STORAGE_ENABLED)
            };
            assert_eq!(code, 0);
        },
    );
    for (name, path) in [("one image", IMAGE), ("a long path", LONG_IMAGE)] {
        let wide: Vec<u16> = path.encode_utf16().chain([0]).collect();
        table.row(
            &format!("DismOpenSession+DismCloseSession, {name} : in Rust"),
            goal(2.0),
            10_000,
            || open_and_close(black_box(dism), path),
            || {
                let mut session = 0;
                // SAFETY: the path ends in a 0, and the out-parameter is a local variable.
                let code = unsafe {
                    DismOpenSession(black_box(wide.as_ptr()), null(), null(), &mut session)
                };
                assert_eq!(code, 0);
                // SAFETY: it takes no pointer.
                assert_eq!(unsafe { DismCloseSession(session) }, 0);
            },
        );
    }
}

/// The nanoseconds of a lock for which the goals are.
const LOCK: f64 = 16.0;

/// Returns the nanoseconds of a lock here.
fn lock() -> f64 {
    let mutex = Unit::new(0);
    let locks = |count| time(count, &mut || unit(black_box(&mutex))).as_secs_f64() * 1e9;
    (0..25).map(|_| locks(10_000) / 10_000.0).fold(f64::MAX, f64::min)
}

#[derive(Clone, Copy)]
enum Goal {
    AtMost(f64),
    /// At most so many nanoseconds more than the rival, for each of so many calls.
    #[cfg_attr(not(feature = "capi"), allow(dead_code, reason = "a goal of the C functions"))]
    More {
        most: f64,
        calls: f64,
    },
    None,
}

/// A goal for optimized code.
fn optimized(most: f64) -> Goal {
    if cfg!(debug_assertions) { Goal::None } else { Goal::AtMost(most) }
}

struct Table {
    rounds: usize,
    scale: u64,
    /// The nanoseconds of a lock.
    lock: f64,
}

impl Table {
    fn head(&self) {
        println!(
            "{:<44} {:>9} {:>9} {:>6} {:>6}  goal",
            "work : what it is compared with", "ns", "ns", "ratio", "at 16"
        );
    }

    fn scaled(&self, iterations: u64) -> u64 {
        (iterations / self.scale).max(16)
    }

    /// Prints what one iteration of `rival` and of `ours` takes on one thread.
    fn row(
        &self,
        name: &str,
        goal: Goal,
        iterations: u64,
        mut rival: impl FnMut(),
        mut ours: impl FnMut(),
    ) {
        let iterations = self.scaled(iterations);
        // Many short rounds, so that most are not interrupted, and both sides of one have equal luck.
        let (rival, ours) = (|| time(iterations, &mut rival), || time(iterations, &mut ours));
        let rounds = take_turns(10 * self.rounds, rival, ours);
        // Without optimization a lock is slow because of its own code, for which there is no goal.
        let locks = if cfg!(debug_assertions) { 0.0 } else { 2.0 * (LOCK - self.lock) };
        self.print(name, goal, iterations, rounds, Some(locks), "");
    }

    /// Does the same for several threads, and prints on how many cores they ran.
    fn contended_row(
        &self,
        name: &str,
        goal: Goal,
        iterations: u64,
        mut rival: impl FnMut() -> Run,
        mut ours: impl FnMut() -> Run,
    ) {
        let total = Cell::new(Run::default());
        let add = |run: Run| {
            let mut sum = total.get();
            sum += run;
            total.set(sum);
            run.time
        };
        let rounds = take_turns(self.rounds, || add(rival()), || add(ours()));
        let cores = total.get().cpu.as_secs_f64() / total.get().time.as_secs_f64();
        self.print(name, goal, iterations, rounds, None, &format!(", {cores:.1} cores busy"));
    }

    /// Prints a row. The goal judges the ratio with `locks` nanoseconds more on each side.
    fn print(
        &self,
        name: &str,
        goal: Goal,
        iterations: u64,
        mut rounds: Vec<(Duration, Duration)>,
        locks: Option<f64>,
        note: &str,
    ) {
        let each = |time: Duration| time.as_nanos() as f64 / iterations as f64;
        let ratio = |(ours, rival): &(Duration, Duration)| ours.as_secs_f64() / rival.as_secs_f64();
        let more = |&(ours, rival): &(Duration, Duration)| each(ours) - each(rival);
        rounds.sort_by(|a, b| match goal {
            Goal::More { .. } => more(a).total_cmp(&more(b)),
            Goal::AtMost(_) | Goal::None => ratio(a).total_cmp(&ratio(b)),
        });
        let median = rounds[rounds.len() / 2];
        let (ours, rival, ratio) = (each(median.0), each(median.1), ratio(&median));
        let at_16 = match goal {
            Goal::More { .. } => None,
            _ => locks.map(|locks| (ours + locks) / (rival + locks)),
        };
        let goal = match goal {
            Goal::None => String::new(),
            Goal::AtMost(most) => {
                let verdict = if at_16.unwrap_or(ratio) <= most { "met" } else { "missed" };
                format!("{most:.2} {verdict}")
            }
            Goal::More { most, calls } => {
                let more = more(&median) / calls;
                let verdict = if more <= most { "met" } else { "missed" };
                format!("{more:.1} ns more a call, {most:.0} {verdict}")
            }
        };
        let at_16 = at_16.map_or(String::new(), |it| format!("{it:.2}"));
        println!("{name:<44} {ours:>9.1} {rival:>9.1} {ratio:>6.2} {at_16:>6}  {goal}{note}");
    }
}

/// Returns what each side takes, round by round.
fn take_turns(
    rounds: usize,
    mut rival: impl FnMut() -> Duration,
    mut ours: impl FnMut() -> Duration,
) -> Vec<(Duration, Duration)> {
    // The first round only warms up.
    (0..=rounds).map(|_| (ours(), rival())).skip(1).collect()
}

fn time(iterations: u64, work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        work();
    }
    start.elapsed()
}
