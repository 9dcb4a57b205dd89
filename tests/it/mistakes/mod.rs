//! The client's mistakes: programs that make each mistake of the contract's list, under each
//! contract in which they make it, and similar programs that make none.

mod field;
mod memory;
mod periods;
mod sessions;

use dism_emu::Contract;

use crate::hand::Hand;

/// Asserts that the client makes these mistakes under both contracts.
#[track_caller]
pub fn makes(mistakes: &[(u32, usize, &[usize])], client: impl Fn(&mut Hand)) {
    for contract in Contract::ALL {
        makes_under(contract, mistakes, &client);
    }
}

/// Asserts that the client makes these mistakes under one contract.
#[track_caller]
pub fn makes_under(
    contract: Contract,
    mistakes: &[(u32, usize, &[usize])],
    client: impl Fn(&mut Hand),
) {
    let mut hand = Hand::new(contract);
    client(&mut hand);
    let found = hand.found();
    let found: Vec<_> = found.iter().map(|(it, at, with)| (*it, *at, &with[..])).collect();
    assert_eq!(found, mistakes, "{contract:?}\n{}", hand.journal());
}
