use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use deploy::{Failed, Step, deploy};
use dism_emu::machine::State;
use dism_emu::{Contract, Emulator, Function, Hresult, Rule, Session};

use crate::{Emulated, plan, process, quiet};

const E_ACCESSDENIED: Hresult = Hresult::new(0x8007_0005);

/// The functions that the tool calls, and its names for these steps.
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
    for contract in Contract::ALL {
        for (function, step) in STEPS {
            let emulator = process(contract);
            let dism = Emulated(emulator.dism());
            let _denied = emulator.script(Rule::on(function).nth(1).fail(E_ACCESSDENIED));
            let failed = deploy(&dism, &plan(), quiet).unwrap_err();
            assert_eq!(failed, Failed { step, code: E_ACCESSDENIED.into() });
        }
    }
}

/// A close or a shutdown that fails leaves something behind, whatever the tool does; every other
/// failure must not.
#[test]
fn whichever_call_fails_nothing_is_left_behind() {
    for contract in Contract::ALL {
        for (function, _) in &STEPS[..6] {
            let emulator = process(contract);
            let dism = Emulated(emulator.dism());
            let _denied = emulator.script(Rule::on(*function).nth(1).fail(E_ACCESSDENIED));
            deploy(&dism, &plan(), quiet).unwrap_err();
            assert_eq!(emulator.state(), State::Down, "after a failing {function}");
        }
    }
}

#[test]
fn a_failed_tool_can_simply_be_run_again() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let _once = emulator.script(Rule::on(Function::EnableFeature).nth(1).fail(E_ACCESSDENIED));
        deploy(&dism, &plan(), quiet).unwrap_err();
        deploy(&dism, &plan(), quiet).unwrap();
    }
}

/// I2
#[test]
fn without_elevation_the_tool_stops_at_once() {
    let emulator = Emulator::builder().elevated(false).build();
    let dism = Emulated(emulator.dism());
    let failed = deploy(&dism, &plan(), quiet).unwrap_err();
    assert_eq!(failed.to_string(), "initializing DISM failed with 0x800702E4");
    assert_eq!(emulator.journal().steps().len(), 1);
}

#[test]
fn a_busy_image_is_tried_again() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let busy = Rule::on(Function::AddPackage).times(2).fail(Hresult::DISMAPI_E_BUSY);
        let busy = emulator.script(busy);
        deploy(&dism, &plan(), quiet).unwrap();
        assert_eq!(busy.fired(), 2);
    }
}

#[test]
fn an_image_that_stays_busy_is_given_up() {
    let emulator = process(Contract::Documented);
    let dism = Emulated(emulator.dism());
    let busy = emulator.script(Rule::on(Function::AddPackage).fail(Hresult::DISMAPI_E_BUSY));
    let failed = deploy(&dism, &plan(), quiet).unwrap_err();
    assert_eq!(failed.to_string(), "adding a package failed with 0x800F0902");
    // The first try and three retries.
    assert_eq!(busy.fired(), 4);
}

/// P5: the servicing host crashes while the first package is being added.
#[test]
fn a_dead_host_stops_the_tool_but_not_its_cleaning_up() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        // O2: the first handle that is given out is 2.
        let session = Session::from_raw(2);
        let mut dead = None;
        let failed = deploy(&dism, &plan(), |_, _| {
            dead.get_or_insert_with(|| emulator.script(Rule::dead_host(session)));
            ControlFlow::Continue(())
        })
        .unwrap_err();
        let code = Hresult::RPC_E_DISCONNECTED.into();
        assert_eq!(failed, Failed { step: Step::AddPackage, code });
        assert_eq!(emulator.state(), State::Down);
    }
}

#[test]
fn the_user_can_cancel() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let failed = deploy(&dism, &plan(), |current, _| match current {
            50.. => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap_err();
        assert!(failed.is_cancelled());
        assert_eq!(emulator.state(), State::Down);
    }
}

/// X2: the panic unwinds through an operation, a session and the API.
#[test]
fn a_panic_in_the_callback_leaves_nothing_behind() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let run = || deploy(&dism, &plan(), |_, _| panic!("the window is gone"));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        assert_eq!(emulator.state(), State::Down);
    }
}
