//! Measures every figure that has a goal beside what it is compared with, and prints a table.
//!
//!     cargo bench --bench goals                   # optimized
//!     cargo bench --bench goals --profile dev     # as tests are usually built
//!
//! Absolute times say little on a shared machine. Both sides of a comparison take turns, round by
//! round. The figure is the median of the rounds' ratios, or of their differences if the goal is a
//! difference.
//!
//! With `--features capi` the table also has what the C functions cost beyond the Rust calls.

mod subjects;

use std::fs;
use std::hint::black_box;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use dism_emu::machine::Call;
use dism_emu::{Function, Session};
use subjects::*;

fn main() {
    // Without `--bench`, as in `cargo test`, it only has to run.
    let full = std::env::args().any(|argument| argument == "--bench");
    let table = Table { rounds: if full { 25 } else { 1 }, scale: if full { 1 } else { 1000 } };
    let profile = if cfg!(debug_assertions) { "without optimization" } else { "optimized" };
    println!("{profile}, {} cores", available_parallelism().map_or(0, usize::from));
    table.head();
    against_two_units(&table);
    against_the_core(&table);
    against_fakes(&table);
    journal_on(&table);
    beside_waiters(&table);
    many_open(&table);
    contended(&table);
    races_of_shutdowns(&table);
    #[cfg(feature = "capi")]
    exported(&table);
}

fn against_two_units(table: &Table) {
    let mutex = Unit::new(0);
    let two_units = || {
        unit(black_box(&mutex));
        unit(black_box(&mutex));
    };
    // These goals are for optimized code.
    let goal = |most| if cfg!(debug_assertions) { Goal::None } else { Goal::AtMost(most) };
    let (down, up) = (initialized(false), initialized(false));
    down.shutdown().expect("nothing is open");
    let session = open(&up, r"D:\other");
    table.row("initialize+shutdown : two units", goal(1.3), 100_000, two_units, || {
        initialize_and_shutdown(black_box(&down));
    });
    table.row("begin+end of an operation : two units", goal(1.3), 100_000, two_units, || {
        operation(black_box(&up), session);
    });
    table.row("open+close of one image : two units", goal(4.0), 100_000, two_units, || {
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
        100_000,
        alone,
        || {
            operation(black_box(&up), session);
        },
    );
}

fn against_fakes(table: &Table) {
    let (up, quick, mock) = (initialized(false), fake(), mock_over_fake());
    assert_eq!(mock.initialize(), 0);
    for (name, path) in [("one image", IMAGE), ("a long path", LONG_IMAGE)] {
        let row = |rival: &str, dism: &dyn Fn()| {
            let name = format!("open+close of {name} : {rival}");
            table.row(&name, Goal::AtMost(1.0), 100_000, dism, || {
                open_and_close(black_box(&up), path);
            });
        };
        row("quick fake", &|| open_and_close_fake(black_box(&quick), path));
        row("mockall over it", &|| open_and_close_fake(black_box(&mock), path));
    }
}

fn journal_on(table: &Table) {
    let pair = || (initialized(true), initialized(false));
    let (on, off) = pair();
    let (session, same) = (open(&on, r"D:\other"), open(&off, r"D:\other"));
    let name = "begin+end, journal on : off";
    table.row(
        name,
        Goal::AtMost(2.0),
        100_000,
        || operation(&off, session),
        || operation(&on, same),
    );
    let name = "open+close, journal on : off";
    let without = || open_and_close(&off, IMAGE);
    table.row(name, Goal::AtMost(2.0), 100_000, without, || open_and_close(&on, IMAGE));
    let (on, off) = pair();
    on.shutdown().expect("nothing is open");
    off.shutdown().expect("nothing is open");
    let name = "initialize+shutdown, journal on : off";
    let without = || initialize_and_shutdown(&off);
    table.row(name, Goal::AtMost(2.0), 100_000, without, || initialize_and_shutdown(&on));
}

/// P2: threads that wait on one session do not slow down another.
fn beside_waiters(table: &Table) {
    let (emulator, idle) = (emulator(true), initialized(true));
    let busy = emulator.dism();
    let (used, other) = (open(&busy, IMAGE), open(&busy, r"D:\other"));
    let alone = open(&idle, r"D:\other");
    thread::scope(|scope| {
        let first = busy.operation(used, Function::AddPackage).expect("it is open");
        for _ in 0..64 {
            scope.spawn(|| operation(&busy, used));
        }
        let begins = |call: &Call| matches!(call, Call::BeginOperation { .. });
        while emulator.journal().steps().iter().filter(|step| begins(&step.call)).count() < 65 {
            thread::yield_now();
        }
        let name = "begin+end, 64 wait on another session : none";
        table.row(
            name,
            Goal::AtMost(2.0),
            20_000,
            || operation(&idle, alone),
            || {
                operation(&busy, other);
            },
        );
        first.end().expect("S_OK");
    });
}

fn many_open(table: &Table) {
    let most = if cfg!(debug_assertions) { 1.0 } else { 1.0 / 3.0 };
    let mut ours = Crowd::new(initialized(false), open);
    let mut theirs = Crowd::new(fake(), open_fake);
    let name = "open+close, 1,000,000 open : quick fake";
    let fake = || open_and_close_fake(&theirs.dism, IMAGE);
    table.row(name, Goal::AtMost(most), 20_000, fake, || open_and_close(&ours.dism, IMAGE));
    let name = "close an old one, open another : quick fake";
    let fake = || theirs.replace_one(open_fake, close_fake);
    table.row(name, Goal::AtMost(most), 20_000, fake, || ours.replace_one(open, close));
}

fn contended(table: &Table) {
    for threads in [2, 4, 8] {
        let dism = initialized(false);
        let sessions: Vec<Session> =
            (0..threads).map(|thread| open(&dism, &path(thread as u32))).collect();
        let mutex = Unit::new(0);
        let rounds = table.scaled(400_000) / threads as u64;
        table.contended_row(
            &format!("begin+end, {threads} threads : bare mutex"),
            if cfg!(debug_assertions) { Goal::None } else { Goal::AtMost(1.0) },
            rounds * threads as u64,
            || {
                together(threads, rounds, |_| {
                    unit(&mutex);
                    unit(&mutex);
                })
            },
            || together(threads, rounds, |thread| operation(&dism, sessions[thread])),
        );
    }
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
        100_000,
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
        100_000,
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
            100_000,
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

struct Table {
    rounds: usize,
    scale: u64,
}

impl Table {
    fn head(&self) {
        println!(
            "{:<44} {:>9} {:>9} {:>6}  goal",
            "work : what it is compared with", "ns", "ns", "ratio"
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
        let rounds =
            self.take_turns(|| time(iterations, &mut rival), || time(iterations, &mut ours));
        self.print(name, goal, iterations, rounds, "");
    }

    /// Does the same for several threads. The goal counts only if they ran on more than one core.
    fn contended_row(
        &self,
        name: &str,
        goal: Goal,
        iterations: u64,
        rival: impl FnMut() -> Duration,
        ours: impl FnMut() -> Duration,
    ) {
        let (start, cpu) = (Instant::now(), cpu_time());
        let rounds = self.take_turns(rival, ours);
        let cores = match (cpu, cpu_time()) {
            (Some(before), Some(after)) => {
                (after - before).as_secs_f64() / start.elapsed().as_secs_f64()
            }
            _ => f64::NAN,
        };
        let (goal, note) = match cores {
            1.8.. => (goal, format!(", {cores:.1} cores busy")),
            _ => (Goal::None, format!("not counted: {cores:.1} cores busy")),
        };
        self.print(name, goal, iterations, rounds, &note);
    }

    fn take_turns(
        &self,
        mut rival: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) -> Vec<(Duration, Duration)> {
        // The first round only warms up.
        (0..=self.rounds).map(|_| (ours(), rival())).skip(1).collect()
    }

    fn print(
        &self,
        name: &str,
        goal: Goal,
        iterations: u64,
        mut rounds: Vec<(Duration, Duration)>,
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
        let goal = match goal {
            Goal::None => String::new(),
            Goal::AtMost(most) => {
                let verdict = if ratio(&median) <= most { "met" } else { "missed" };
                format!("{most:.2} {verdict}")
            }
            Goal::More { most, calls } => {
                let more = more(&median) / calls;
                let verdict = if more <= most { "met" } else { "missed" };
                format!("{more:.1} ns more a call, {most:.0} {verdict}")
            }
        };
        let (ours, rival, ratio) = (each(median.0), each(median.1), ratio(&median));
        println!("{name:<44} {ours:>9.1} {rival:>9.1} {ratio:>6.2}  {goal}{note}");
    }
}

fn time(iterations: u64, work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        work();
    }
    start.elapsed()
}

/// Returns the time of all cores that the process has used so far, if the system has it.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The fields after the name, which is in brackets and may have any characters. Times are in
    // ticks of 10 ms.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
