//! The recipe for rstest.

use dism_emu::{Contract, Emulator, Function, Hresult, Rule};
use recipes::enable_feature;
use rstest::rstest;

#[rstest]
fn cleans_up_whatever_fails(
    #[values(Contract::Documented, Contract::Recorded)] contract: Contract,
    #[values(Function::Initialize, Function::OpenSession, Function::EnableFeature)]
    function: Function,
) {
    let emulator = Emulator::builder().contract(contract).build();
    let busy = emulator.script(Rule::on(function).fail(Hresult::DISMAPI_E_BUSY));
    let failed = enable_feature(&emulator.dism()).unwrap_err();
    assert_eq!(failed.code(), Hresult::DISMAPI_E_BUSY);
    assert_eq!(busy.fired(), 1);
}
