//! The client's mistakes: for each of the contract's list the programs that make it, under each
//! contract in which they do; and their neighbours that make none.

mod memory;
mod periods;
mod sessions;

use dism_emu::Contract;

use crate::hand::Hand;

/// The client makes these mistakes under both contracts.
#[track_caller]
pub fn makes(mistakes: &[(u32, usize, &[usize])], client: impl Fn(&mut Hand)) {
    for contract in Contract::ALL {
        makes_under(contract, mistakes, &client);
    }
}

/// The client makes these mistakes under one contract.
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
