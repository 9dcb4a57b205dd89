//! Measures the lifecycle with criterion, and a bare lock and the fakes beside it.
//!
//!     cargo bench --bench lifecycle
//!
//! `goals` compares the emulator with other code, in one run. This compares one version of the
//! emulator with another on the same machine: criterion keeps the times of the last run, and says
//! which differ by more than noise. To compare with a certain version, use `--save-baseline` there
//! and `--baseline` here.

#![allow(missing_docs, reason = "criterion's macros write a public function")]

mod subjects;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use subjects::*;

fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one thread");
    let mutex = Unit::new(0);
    group.bench_function("unit", |bencher| bencher.iter(|| unit(black_box(&mutex))));
    for (name, journal) in [("journal off", false), ("journal on", true)] {
        let (down, up) = (initialized(journal), initialized(journal));
        down.shutdown().expect("nothing is open");
        let session = open(&up, r"D:\other");
        group.bench_function(format!("initialize+shutdown, {name}"), |bencher| {
            bencher.iter(|| initialize_and_shutdown(black_box(&down)));
        });
        group.bench_function(format!("begin+end, {name}"), |bencher| {
            bencher.iter(|| operation(black_box(&up), session));
        });
        group.bench_function(format!("open+close, {name}"), |bencher| {
            bencher.iter(|| open_and_close(black_box(&up), IMAGE));
        });
    }
    let (quick, mock) = (fake(), mock_over_fake());
    assert_eq!(mock.initialize(), 0);
    group.bench_function("open+close, quick fake", |bencher| {
        bencher.iter(|| open_and_close_fake(black_box(&quick), IMAGE));
    });
    group.bench_function("open+close, mockall over it", |bencher| {
        bencher.iter(|| open_and_close_fake(black_box(&mock), IMAGE));
    });
    group.finish();
}

fn a_million_open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a million open");
    let mut ours = Crowd::new(initialized(false), MANY, open);
    group.bench_function("open+close", |bencher| {
        bencher.iter(|| open_and_close(&ours.dism, IMAGE));
    });
    group.bench_function("close an old one, open another", |bencher| {
        bencher.iter(|| ours.replace_one(open, close));
    });
    group.finish();
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads");
    for threads in [2, 4, 8] {
        let dism = initialized(false);
        let sessions: Vec<_> = (0..threads).map(|it| open(&dism, &path(it as u32))).collect();
        group.bench_function(format!("begin+end, {threads} threads"), |bencher| {
            bencher.iter_custom(|rounds| {
                together(threads, rounds, |thread| operation(&dism, sessions[thread]))
            });
        });
    }
    for threads in [2, 16] {
        let dism = initialized(false);
        dism.shutdown().expect("nothing is open");
        group.bench_function(format!("race of {threads} shutdowns"), |bencher| {
            let reset = || assert!(dism.initialize().is_ok());
            bencher.iter_custom(|rounds| {
                races(threads, rounds, reset, || dism.shutdown().is_ok()).time
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, a_million_open, threads);
criterion_main!(benches);
