//! A dead servicing host: rule P5.

use dism_emu::{Contract, DISM_ONLINE_IMAGE, Error, Function, Hresult, Rule};

use crate::methods::ready_for;
use crate::support::{OTHER, one_session, up};

#[test]
fn p5_a_dead_host_answers_as_recorded() {
    for contract in Contract::ALL {
        let emulator = up(contract);
        let dism = emulator.dism();
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
        let dead = emulator.script(Rule::dead_host(session));
        let answers = [Function::DisableFeature, Function::GetFeatureInfo, Function::GetFeatures]
            .map(|function| dism.perform(session, function).unwrap_err().code());
        let [disconnected, failed] = [0x8001_0108, 0x8007_06BE].map(Hresult::new);
        assert_eq!(answers, [disconnected, failed, failed]);
        assert_eq!(dead.fired(), 3);
        assert_eq!(dism.close_session(session), Ok(Hresult::S_OK));
        assert_eq!(dism.shutdown(), Ok(Hresult::S_OK));
        emulator.journal().replay().unwrap();
    }
}

#[test]
fn p5_a_dead_host_fails_every_operation() {
    for &function in Function::ALL.iter().filter(|it| it.is_operation()) {
        let (emulator, dism, session, _) = ready_for(function, Contract::Documented);
        let _dead = emulator.script(Rule::dead_host(session));
        let code = Hresult::RPC_E_DISCONNECTED;
        let failed = dism.perform(session, function);
        assert_eq!(failed, Err(Error::Failed { code }), "{function}");
    }
}

#[test]
fn p5_a_dead_host_affects_only_its_session() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let dead = emulator.script(Rule::dead_host(session));
    assert_eq!(dism.perform(other, Function::GetFeatures), Ok(Hresult::S_OK));
    assert_eq!(dead.fired(), 0);
}

#[test]
fn p5_a_host_is_alive_again_once_its_guard_is_dropped() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let dead = emulator.script(Rule::dead_host(session));
    dism.perform(session, Function::GetFeatures).unwrap_err();
    drop(dead);
    assert_eq!(dism.perform(session, Function::GetFeatures), Ok(Hresult::S_OK));
}
