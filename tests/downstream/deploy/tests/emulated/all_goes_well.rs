use std::ops::ControlFlow;

use deploy::{Deployed, Plan, deploy};
use dism_emu::machine::{Call, State};
use dism_emu::{Contract, Function, Hresult, Rule};

use crate::{Emulated, plan, process, quiet};

#[test]
fn a_deployment_succeeds_and_leaves_nothing_behind() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let deployed = deploy(&dism, &plan(), quiet).unwrap();
        assert_eq!(deployed.features, ["NetFx3", "TelnetClient"]);
        assert!(!deployed.reboot_required);
        assert_eq!(emulator.state(), State::Down);
    }
}

#[test]
fn packages_come_before_features() {
    let emulator = process(Contract::Documented);
    let dism = Emulated(emulator.dism());
    deploy(&dism, &plan(), quiet).unwrap();
    let journal = emulator.journal();
    let begun: Vec<_> = journal
        .steps()
        .iter()
        .filter_map(|step| match step.call.asked() {
            Call::BeginOperation { function, .. } => Some(*function),
            _ => None,
        })
        .collect();
    use Function::{AddPackage, EnableFeature, GetFeatures};
    assert_eq!(begun, [AddPackage, AddPackage, EnableFeature, EnableFeature, GetFeatures]);
}

#[test]
fn progress_reaches_the_user() {
    let emulator = process(Contract::Documented);
    let dism = Emulated(emulator.dism());
    let mut seen = Vec::new();
    let plan = Plan { packages: vec!["only.cab".into()], ..plan() };
    deploy(&dism, &plan, |current, total| {
        seen.push((current, total));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, [(0, 100), (25, 100), (50, 100), (75, 100), (100, 100)]);
}

/// By rule C6 the close says so, too. No page has that rule, so here the close says nothing.
#[test]
fn a_package_that_needs_a_reboot_is_a_success_that_says_so() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let _silent = emulator.script(Rule::on(Function::CloseSession).answer(Hresult::S_OK));
        let reboot = Rule::on(Function::AddPackage).nth(1);
        let _reboot = emulator.script(reboot.answer(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
        let deployed = deploy(&dism, &plan(), quiet);
        assert!(matches!(deployed, Ok(Deployed { reboot_required: true, .. })));
    }
}

/// C6, although no operation asked for a reboot.
#[test]
fn a_close_that_needs_a_reboot_is_a_success_that_says_so() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let reboot = Rule::on(Function::CloseSession);
        let _reboot = emulator.script(reboot.answer(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
        let deployed = deploy(&dism, &plan(), quiet);
        assert!(matches!(deployed, Ok(Deployed { reboot_required: true, .. })));
    }
}

/// I3 Recorded: the tool runs inside a program that uses DISM itself.
#[test]
fn an_initialization_that_was_there_before_is_there_afterwards() {
    let emulator = process(Contract::Recorded);
    let dism = Emulated(emulator.dism());
    dism.0.initialize().unwrap();
    deploy(&dism, &plan(), quiet).unwrap();
    assert_eq!(emulator.state(), State::Up { count: 1, open_sessions: 0 });
    dism.0.shutdown().unwrap();
}

/// I3 Documented: the tool is refused, and does not shut down what it did not initialize.
#[test]
fn a_refused_tool_leaves_the_other_initialization_alone() {
    let emulator = process(Contract::Documented);
    let dism = Emulated(emulator.dism());
    dism.0.initialize().unwrap();
    let failed = deploy(&dism, &plan(), quiet).unwrap_err();
    assert_eq!(failed.to_string(), "initializing DISM failed with 0x800704DF");
    assert!(emulator.state().is_initialized());
    dism.0.shutdown().unwrap();
}
