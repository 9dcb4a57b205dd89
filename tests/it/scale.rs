//! What is asked of a long journal takes time in proportion to its length: twice the steps take at
//! most 2.6 times as long, whatever the client did.
//!
//! That is a property of the algorithms. A machine that does something else meanwhile can only make
//! it look worse, so a measurement that fails is repeated.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dism_emu::machine::Call;
use dism_emu::{Contract, Hresult, Journal, Session, Timeline};

use crate::hand::Hand;

const MOST: f64 = 2.6;
const ATTEMPTS: usize = 20;

/// The shortest of some runs: whatever else the machine does only adds to it.
fn time(work: impl Fn()) -> Duration {
    let run = || {
        let begun = Instant::now();
        work();
        begun.elapsed()
    };
    (0..3).map(|_| run()).min().unwrap()
}

/// Measures the work on a client of a size, and on one of twice the size.
#[track_caller]
fn doubles<T>(size: usize, client: impl Fn(usize) -> T, work: impl Fn(&T)) {
    let (one, two) = (client(size), client(2 * size));
    let mut ratios = Vec::new();
    for _ in 0..ATTEMPTS {
        let ratio = time(|| work(&two)).as_secs_f64() / time(|| work(&one)).as_secs_f64();
        if ratio <= MOST {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{} steps take so many times as long as {size}: {ratios:.1?}", 2 * size);
}

/// Looks for mistakes, and writes what was found.
fn audit(journal: &Journal) {
    let found = journal.mistakes();
    let mut text = String::new();
    write!(text, "{}", Timeline::new(journal, &found)).unwrap();
    black_box(text);
}

/// A journal of a client, with no step missing.
fn journal(contract: Contract, client: impl Fn(&mut Hand)) -> Journal {
    let mut hand = Hand::new(contract);
    client(&mut hand);
    hand.journal()
}

#[test]
fn threads_that_each_leave_an_initialization_and_a_session() {
    let client = |size: usize| {
        journal(Contract::Recorded, |it| {
            for thread in 1..=size as u64 {
                it.initialize(thread).unwrap();
                it.open_path(thread, &thread.to_string());
            }
        })
    };
    doubles(4_000, client, audit);
    // Each of the findings lists a few of the others, and counts the rest.
    let found = client(100).mistakes();
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|it| (it.collides_with.len(), it.more) == (8, 191)));
}

#[test]
fn a_shutdown_that_is_tried_again_after_each_close() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            it.initialize(1).unwrap();
            let open: Vec<Session> =
                (0..size).map(|path| it.open_path(1, &path.to_string())).collect();
            for session in open {
                it.shutdown(1).unwrap_err();
                it.close(1, session).unwrap();
            }
            it.shutdown(1).unwrap();
        })
    };
    doubles(4_000, client, audit);
}

#[test]
fn a_shutdown_that_is_tried_again_and_again_beside_many_sessions() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            it.initialize(1).unwrap();
            for path in 0..size {
                it.open_path(1, &path.to_string());
            }
            for _ in 0..size {
                it.shutdown(1).unwrap_err();
            }
        })
    };
    doubles(2_000, client, audit);
}

#[test]
fn periods_that_hand_out_memory_and_delete_it() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            for _ in 0..size {
                it.initialize(1).unwrap();
                let memory = it.hand_out(1);
                it.delete(1, memory).unwrap();
                it.shutdown(1).unwrap();
            }
        })
    };
    doubles(4_000, client, audit);
}

#[test]
fn initializations_that_another_thread_shuts_down() {
    let client = |size: usize| {
        journal(Contract::Recorded, |it| {
            (0..size).for_each(|_| assert!(it.initialize(1).is_ok()));
            (0..size).for_each(|_| assert!(it.shutdown(2).is_ok()));
        })
    };
    doubles(8_000, client, audit);
}

#[test]
fn threads_that_are_refused_again_and_again() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            it.initialize(1).unwrap();
            for _ in 0..2 {
                (2..size as u64).for_each(|thread| assert!(it.initialize(thread).is_err()));
            }
            it.shutdown(1).unwrap();
            (2..size as u64).for_each(|thread| assert!(it.shutdown(thread).is_err()));
        })
    };
    doubles(4_000, client, audit);
}

#[test]
fn references_to_one_session() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            it.initialize(1).unwrap();
            let session = it.open(1);
            (1..size).for_each(|at| assert_eq!(it.open(1 + at as u64 % 7), session));
            (0..size).for_each(|at| assert!(it.close(1 + at as u64 % 5, session).is_ok()));
            it.shutdown(1).unwrap();
        })
    };
    doubles(8_000, client, audit);
}

#[test]
fn a_mistake_in_a_loop() {
    let client = |size: usize| {
        journal(Contract::Documented, |it| {
            it.initialize(1).unwrap();
            (0..size).for_each(|_| assert!(it.close(1, Session::from_raw(7)).is_err()));
            it.shutdown(1).unwrap();
        })
    };
    doubles(8_000, client, audit);
}

/// P2: every arrival asks whether its thread waits already, and every end looks for the next one.
#[test]
fn threads_that_wait_for_one_session() {
    let client = |size: usize| {
        let mut steps = Hand::new(Contract::Documented);
        steps.initialize(1).unwrap();
        let session = steps.open(1);
        (1..=size as u64).for_each(|thread| assert!(steps.begin(thread, session).is_ok()));
        for thread in 1..=size as u64 {
            steps.end(thread, session, Hresult::S_OK).unwrap();
        }
        steps
    };
    let replay = |steps: &Hand| drop(black_box(steps.journal().replay()));
    doubles(8_000, client, replay);
}

/// N2: a mount asks for sessions on its path, and a commit for what is mounted there.
#[test]
fn mounts_beside_many_sessions() {
    let client = |size: usize| {
        let mut steps = Hand::new(Contract::Documented);
        steps.initialize(1).unwrap();
        for path in 0..size {
            steps.open_path(1, &path.to_string());
            let mount = dism_emu::MountImage::new(format!("mount {path}"), format!("{path}.wim"));
            steps.take(1, Call::MountImage(mount)).unwrap();
        }
        steps
    };
    let replay = |steps: &Hand| drop(black_box(steps.journal().replay()));
    doubles(1_000, client, replay);
}
