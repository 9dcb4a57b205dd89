//! The table of goals: every figure beside what it is compared with, in one run.
//!
//! Absolute times say little on a shared machine, so both sides of a comparison are measured in
//! turn, round by round, and the figure is the median of the rounds' ratios.

#[allow(dead_code, reason = "shared with the other benchmark")]
mod subjects;

use std::hint::black_box;
use std::time::Instant;

use subjects::*;

const ROUNDS: usize = 25;

fn main() {
    // `cargo test --benches` and the like only ask whether it runs.
    let full = std::env::args().any(|argument| argument == "--bench");
    let mut table =
        Table { rounds: if full { ROUNDS } else { 1 }, scale: if full { 1 } else { 1000 } };
    println!("{:<52} {:>9} {:>9} {:>7} {:>7}", "work", "ours/ns", "other/ns", "ratio", "goal");
    let dev = cfg!(debug_assertions);

    let bare = Unit::new(0);
    let two_units = || {
        unit(black_box(&bare));
        unit(black_box(&bare));
    };

    let mut table_of = |journal: bool| {
        let name = if journal { ", journal on" } else { "" };
        let dism = emulator(journal);
        dism.shutdown().unwrap();
        (name, dism)
    };
    let (_, lifecycle) = table_of(false);
    let lifecycle_journal = {
        let d = emulator(true);
        d.shutdown().unwrap();
        d
    };
    let up = emulator(false);
    let up_journal = emulator(true);
    let session = open(&up, r"D:\other");
    let session_journal = open(&up_journal, r"D:\other");
    let idle = emulator(false);
    let idle_journal = emulator(true);
    let quick = fake();
    let mock = mock_over_fake();
    assert_eq!(mock.initialize(), 0);

    if !dev {
        table.row(
            "initialize+shutdown : two units",
            100_000,
            At::Most(1.3),
            || initialize_and_shutdown(black_box(&lifecycle)),
            two_units,
        );
        table.row(
            "begin+end of an operation : two units",
            100_000,
            At::Most(1.3),
            || operation(black_box(&up), session),
            two_units,
        );
        table.row(
            "open+close of one image : two units",
            100_000,
            At::Most(4.0),
            || open_and_close(black_box(&idle)),
            two_units,
        );
    }
    table.row(
        "open+close of one image : quick fake",
        100_000,
        At::Most(1.0),
        || open_and_close(black_box(&idle)),
        || open_and_close_fake(black_box(&quick)),
    );
    table.row(
        "open+close of one image : mockall over it",
        100_000,
        At::Most(1.0),
        || open_and_close(black_box(&idle)),
        || open_and_close_fake(black_box(&mock)),
    );
    table.row(
        "initialize+shutdown, journal on : off",
        100_000,
        At::Most(2.0),
        || initialize_and_shutdown(black_box(&lifecycle_journal)),
        || initialize_and_shutdown(black_box(&lifecycle)),
    );
    table.row(
        "begin+end, journal on : off",
        100_000,
        At::Most(2.0),
        || operation(black_box(&up_journal), session_journal),
        || operation(black_box(&up), session),
    );
    table.row(
        "open+close, journal on : off",
        100_000,
        At::Most(2.0),
        || open_and_close(black_box(&idle_journal)),
        || open_and_close(black_box(&idle)),
    );

    let mut ours = Crowd::new(emulator(false), open);
    let mut theirs = Crowd::new(fake(), open_fake);
    table.row(
        "open+close, 1,000,000 open : quick fake",
        20_000,
        At::Most(1.0 / 3.0),
        || open_and_close(black_box(&ours.dism)),
        || open_and_close_fake(black_box(&theirs.dism)),
    );
    table.row(
        "close an old, open another, 1,000,000 open : quick fake",
        20_000,
        At::Most(1.0 / 3.0),
        || ours.replace_one(open, close),
        || theirs.replace_one(open_fake, close_fake),
    );
}

enum At {
    Most(f64),
    Least(f64),
}

struct Table {
    rounds: usize,
    scale: u64,
}

impl Table {
    fn row(
        &mut self,
        name: &str,
        iterations: u64,
        goal: At,
        mut ours: impl FnMut(),
        mut other: impl FnMut(),
    ) {
        let iterations = (iterations / self.scale).max(1);
        let mut time = |work: &mut dyn FnMut(u64)| {
            let start = Instant::now();
            work(iterations);
            start.elapsed().as_nanos() as f64 / iterations as f64
        };
        let mut ours = |n| {
            for _ in 0..n {
                ours()
            }
        };
        let mut other = |n| {
            for _ in 0..n {
                other()
            }
        };
        let mut rounds: Vec<(f64, f64)> =
            (0..self.rounds + 1).map(|_| (time(&mut ours), time(&mut other))).skip(1).collect();
        rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        let (a, b) = rounds[rounds.len() / 2];
        let ratio = a / b;
        let (goal, met) = match goal {
            At::Most(g) => (format!("<={g:.2}"), ratio <= g),
            At::Least(g) => (format!(">={g:.2}"), ratio >= g),
        };
        println!(
            "{name:<52} {a:>9.1} {b:>9.1} {ratio:>7.2} {goal:>7} {}",
            if met { "" } else { "missed" }
        );
    }
}
