use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use deploy::{Failed, Step, deploy};
use dism_emu::{Contract, Function, Hresult, Rule, Session, State};

use crate::{CONTRACTS, plan, process, quiet};

const E_ACCESSDENIED: i32 = 0x8007_0005_u32 as i32;

/// What the tool calls, and what it calls that step.
const STEPS: [(Function, Step); 8] = [
    (Function::Initialize, Step::Initialize),
    (Function::OpenSession, Step::OpenSession),
    (Function::AddPackage, Step::AddPackage),
    (Function::EnableFeature, Step::EnableFeature),
    (Function::GetFeatures, Step::ListFeatures),
    (Function::Delete, Step::ListFeatures),
    (Function::CloseSession, Step::CloseSession),
    (Function::Shutdown, Step::Shutdown),
];

#[test]
fn whichever_call_fails_the_tool_names_it() {
    for contract in CONTRACTS {
        for (function, step) in STEPS {
            let dism = process(contract);
            let _denied = dism.0.script(Rule::on(function).nth(1).answer(E_ACCESSDENIED));
            let failed = deploy(&dism, &plan(), quiet).unwrap_err();
            assert_eq!(failed, Failed { step, code: E_ACCESSDENIED });
        }
    }
}

/// A close or a shutdown that fails leaves something behind, whatever the tool does; every other
/// failure must not.
#[test]
fn whichever_call_fails_nothing_is_left_behind() {
    for contract in CONTRACTS {
        for (function, _) in &STEPS[..6] {
            let dism = process(contract);
            let _denied = dism.0.script(Rule::on(*function).nth(1).answer(E_ACCESSDENIED));
            deploy(&dism, &plan(), quiet).unwrap_err();
            assert_eq!(dism.0.state(), State::Down, "after a failing {function}");
        }
    }
}

#[test]
fn a_failed_tool_can_simply_be_run_again() {
    for contract in CONTRACTS {
        let dism = process(contract);
        let _once = dism.0.script(Rule::on(Function::EnableFeature).nth(1).answer(E_ACCESSDENIED));
        deploy(&dism, &plan(), quiet).unwrap_err();
        deploy(&dism, &plan(), quiet).unwrap();
    }
}

/// I2
#[test]
fn without_elevation_the_tool_stops_at_once() {
    let dism = dism_emu::Emulator::builder().elevated(false).build();
    let failed = deploy(&crate::Emulated(dism.clone()), &plan(), quiet).unwrap_err();
    assert_eq!(failed.to_string(), "initializing DISM failed with 0x800702E4");
    assert_eq!(dism.journal().steps().len(), 1);
}

#[test]
fn a_busy_image_is_tried_again() {
    for contract in CONTRACTS {
        let dism = process(contract);
        let busy = Rule::on(Function::AddPackage).times(2).answer(Hresult::DISMAPI_E_BUSY);
        let busy = dism.0.script(busy);
        deploy(&dism, &plan(), quiet).unwrap();
        assert_eq!(busy.fired(), 2);
    }
}

#[test]
fn an_image_that_stays_busy_is_given_up() {
    let dism = process(Contract::Documented);
    let busy = dism.0.script(Rule::on(Function::AddPackage).answer(Hresult::DISMAPI_E_BUSY));
    let failed = deploy(&dism, &plan(), quiet).unwrap_err();
    assert_eq!(failed.to_string(), "adding a package failed with 0x800F0902");
    // Once, and three times more.
    assert_eq!(busy.fired(), 4);
}

/// P5: the servicing host crashes while the first package is being added.
#[test]
fn a_dead_host_stops_the_tool_but_not_its_cleaning_up() {
    for contract in CONTRACTS {
        let dism = process(contract);
        // O2: the first handle that is given out is 2.
        let session = Session::from_raw(2);
        let mut dead = None;
        let failed = deploy(&dism, &plan(), |_, _| {
            dead.get_or_insert_with(|| dism.0.kill_host(session));
            ControlFlow::Continue(())
        })
        .unwrap_err();
        let code = Hresult::RPC_E_DISCONNECTED.into();
        assert_eq!(failed, Failed { step: Step::AddPackage, code });
        assert_eq!(dism.0.state(), State::Down);
    }
}

#[test]
fn the_user_can_cancel() {
    for contract in CONTRACTS {
        let dism = process(contract);
        let failed = deploy(&dism, &plan(), |current, _| match current {
            50.. => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap_err();
        assert!(failed.is_cancelled());
        assert_eq!(dism.0.state(), State::Down);
    }
}

/// X2: the panic unwinds through an operation, a session and the API.
#[test]
fn a_panic_in_the_callback_leaves_nothing_behind() {
    for contract in CONTRACTS {
        let dism = process(contract);
        let run = || deploy(&dism, &plan(), |_, _| panic!("the window is gone"));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        assert_eq!(dism.0.state(), State::Down);
    }
}
