//! The recipe for proptest.

use dism_emu::{Contract, Emulator, Function, Rule};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use recipes::enable_feature;

const CALLED: [Function; 5] = [
    Function::Initialize,
    Function::OpenSession,
    Function::EnableFeature,
    Function::CloseSession,
    Function::Shutdown,
];

proptest! {
    #[test]
    fn cleans_up_whatever_fails(
        contract in select(&Contract::ALL[..]),
        faults in vec((select(&CALLED[..]), 0x8000_0000_u32..), 0..3),
    ) {
        let emulator = Emulator::builder().contract(contract).build();
        for (function, code) in &faults {
            emulator.script(Rule::on(*function).fail(*code).optional()).keep();
        }
        let enabled = enable_feature(&emulator.dism());
        prop_assert_eq!(enabled.is_err(), !faults.is_empty());
    }
}
