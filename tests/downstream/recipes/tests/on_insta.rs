//! The recipe for insta.

use dism_emu::{Emulator, Function, Hresult, Rule};
use recipes::enable_feature;

#[test]
fn what_is_called_if_the_feature_is_unknown() {
    let emulator = Emulator::new();
    let unknown = Rule::on(Function::EnableFeature).fail(Hresult::DISMAPI_E_UNKNOWN_FEATURE);
    let _unknown = emulator.script(unknown);
    enable_feature(&emulator.dism()).unwrap_err();

    let report = emulator.verify().unwrap();
    insta::assert_snapshot!(report.timeline(), @"
         t1
      1  initialize -> S_OK
      2  open online -> session 2
      3  DismEnableFeature on session 2 -> 0x800F080C DISMAPI_E_UNKNOWN_FEATURE, scripted
      4  close session 2 -> S_OK
      5  shutdown -> S_OK
    ");
}
