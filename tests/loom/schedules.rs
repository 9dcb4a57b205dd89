//! What a call costs a model that makes it: as many schedules as one lock of a bare mutex.

use std::sync::Arc;

use dism_emu::Contract;
use loom::sync::Mutex;
use loom::thread;

use crate::programs::{Act, Act::*, Program, Start};
use crate::{explore, explore_program};

/// Explores threads that lock one mutex so many times each.
fn explore_locks(threads: &'static [usize]) -> usize {
    explore(move || {
        let mutex = Arc::new(Mutex::new(0));
        let work = |locks: usize| {
            let mutex = mutex.clone();
            move || (0..locks).for_each(|_| *mutex.lock().unwrap() += 1)
        };
        let others: Vec<_> = threads[1..].iter().map(|it| thread::spawn(work(*it))).collect();
        work(threads[0])();
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), threads.iter().sum::<usize>());
    })
}

/// Compares a program with threads that take as many locks.
fn compare(start: Start, threads: &[&[Act]], locks: &'static [usize]) {
    let threads = threads.iter().map(|acts| acts.to_vec()).collect();
    let program = Program { contract: Contract::Documented, start, threads };
    let name = program.to_string();
    let (ours, bare) = (explore_program(program), explore_locks(locks));
    println!("{name}: {ours} schedules, {bare} of bare locks");
    assert_eq!(ours, bare, "{name}");
}

/// An operation locks twice: when it begins, and when it ends.
#[test]
fn calls_that_do_not_wait_make_as_many_schedules_as_locks() {
    compare(Start::Down, &[&[Initialize], &[Initialize]], &[1, 1]);
    compare(Start::Up, &[&[Open, Close, Shutdown], &[Initialize, Open, Close]], &[3, 3]);
    compare(Start::Up, &[&[Shutdown], &[Shutdown], &[Shutdown], &[Shutdown]], &[1, 1, 1, 1]);
    compare(Start::OneSession, &[&[Operate], &[Shutdown]], &[2, 1]);
    compare(Start::TwoReferences, &[&[Close], &[Operate, Shutdown], &[Open]], &[1, 3, 1]);
    compare(Start::TwoReferences, &[&[Open, Open], &[Close, Open], &[Shutdown, Open]], &[2, 2, 2]);
}
