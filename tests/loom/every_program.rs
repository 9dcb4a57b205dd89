//! Every small program, in every schedule.

use crate::explore_program;
use crate::programs::{ACTS, Act, Program, STARTS};
use dism_emu::Contract;

/// Every pair of threads with one or two calls each, from every start, under both contracts. Two
/// pairs that differ only in the order of their threads count as one.
#[test]
fn every_pair_of_threads_with_up_to_two_calls() {
    let one = ACTS.iter().map(|act| vec![*act]);
    let two = ACTS.iter().flat_map(|first| ACTS.iter().map(|second| vec![*first, *second]));
    let threads: Vec<Vec<Act>> = one.chain(two).collect();
    let pairs = threads.iter().enumerate().flat_map(|(at, first)| {
        threads[at..].iter().map(|second| vec![first.clone(), second.clone()])
    });
    assert_eq!(explore_all(pairs), 2 * 4 * (30 * 31 / 2));
}

/// Every three threads with one call each, in the same way.
#[test]
fn every_three_threads_with_one_call() {
    let threes = ACTS.iter().enumerate().flat_map(|(first, a)| {
        ACTS[first..].iter().enumerate().flat_map(move |(second, b)| {
            ACTS[first + second..].iter().map(move |c| vec![vec![*a], vec![*b], vec![*c]])
        })
    });
    assert_eq!(explore_all(threes), 2 * 4 * (5 * 6 * 7 / 6));
}

/// Explores the programs from every start under both contracts, and returns how many there are.
fn explore_all(programs: impl Iterator<Item = Vec<Vec<Act>>>) -> usize {
    let (mut count, mut schedules, mut most) = (0, 0, (0, String::new()));
    for threads in programs {
        for contract in Contract::ALL {
            for start in STARTS {
                let program = Program { contract, start, threads: threads.clone() };
                let name = program.to_string();
                let explored = explore_program(program);
                count += 1;
                schedules += explored;
                most = most.max((explored, name));
            }
        }
    }
    println!("{count} programs, {schedules} schedules; most: {} in {}", most.0, most.1);
    count
}
