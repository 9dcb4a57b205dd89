//! Each mistake is planted in the tool, and the report has to name it and its location.

use std::fs;
use std::path::Path;
use std::thread;

use deploy::{Flaw, Plan, deploy};
use dism_emu::{Contract, Emulator, Function, Hold, Hresult, Mistake, Rule};

use crate::{Emulated, plan, process, quiet};

fn flawed(flaw: Flaw) -> Plan {
    Plan { flaw, ..plan() }
}

/// Checks that the report has this mistake and no other, and the line of the tool that calls this
/// method of the seam.
#[track_caller]
fn assert_found(emulator: &Emulator, mistake: Mistake, method: &str) {
    let report = emulator.verify().expect_err("a mistake");
    let [finding] = report.mistakes() else { panic!("not one mistake: {report}") };
    assert_eq!(finding.mistake, mistake);

    let step = &report.journal().steps()[finding.at];
    let location = step.location.expect("the emulator knows the location of each call");
    assert!(location.file().ends_with("deploy.rs"), "found at {location}");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(location.file());
    let source = fs::read_to_string(source).expect("a file of this package");
    let line = source.lines().nth(location.line() as usize - 1).expect("a line of it");
    assert!(line.contains(&format!(".{method}(")), "found at {location}: {line}");
}

/// Checks a flaw that shows under both contracts, without rules or holds.
#[track_caller]
fn assert_flaw_found(flaw: Flaw, mistake: Mistake, call: &str) {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let _ = deploy(&dism, &flawed(flaw), quiet);
        assert_found(&emulator, mistake, call);
    }
}

#[test]
fn mistake_1_shutdown_with_a_session_open_is_found() {
    assert_flaw_found(Flaw::ShutdownWithOpenSession, Mistake::ShutdownWithOpenSession, "shutdown");
}

#[test]
fn mistake_2_no_shutdown_is_found() {
    assert_flaw_found(Flaw::NeverShutDown, Mistake::NeverShutDown, "initialize");
}

/// I3 Recorded: one shutdown for two initializations is one too few, and the report shows both.
#[test]
fn mistake_2_is_found_beside_an_initialization_of_the_host() {
    let emulator = process(Contract::Recorded);
    let dism = Emulated(emulator.dism());
    dism.0.initialize().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| deploy(&dism, &flawed(Flaw::NeverShutDown), quiet).unwrap());
    });
    dism.0.shutdown().unwrap();
    assert_found(&emulator, Mistake::NeverShutDown, "initialize");
}

#[test]
fn mistake_3_a_second_close_is_found() {
    assert_flaw_found(Flaw::CloseTwice, Mistake::CloseTwice, "close_session");
}

/// Two runs of the tool overlap. The first hangs before it opens its image, so the user abandons it
/// and starts the second, which ends before the first goes on.
fn two_runs_overlap(contract: Contract) -> Emulator {
    let emulator = process(contract);
    let dism = Emulated(emulator.dism());
    let hang = emulator.hold(Hold::before(Function::OpenSession));
    thread::scope(|scope| {
        let first = scope.spawn(|| deploy(&dism, &plan(), quiet));
        hang.wait();
        let second = scope.spawn(|| deploy(&dism, &flawed(Flaw::OverlappingPairs), quiet));
        let _ = second.join().unwrap();
        hang.release();
        let _ = first.join().unwrap();
    });
    emulator
}

/// I3 Documented: the second run ends the first one's initialization.
#[test]
fn mistake_4_overlapping_pairs_are_found() {
    let emulator = two_runs_overlap(Contract::Documented);
    assert_found(&emulator, Mistake::OverlappingPairs, "shutdown");
}

/// I3 Recorded: initializations are counted, so the same two runs do no harm.
#[test]
fn mistake_4_is_none_where_initializations_are_counted() {
    let emulator = two_runs_overlap(Contract::Recorded);
    assert!(emulator.verify().is_ok());
}

#[test]
fn mistake_5_an_early_return_after_a_failing_open_is_found() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let missing = Rule::on(Function::OpenSession).fail(0x8007_0003);
        let _missing = emulator.script(missing);
        deploy(&dism, &flawed(Flaw::LeftAfterFailedOpen), quiet).unwrap_err();
        assert_found(&emulator, Mistake::LeftAfterFailedOpen, "open_session");
    }
}

/// The host of the tool has initialized DISM before, on another thread.
fn run_inside_a_host(contract: Contract, flaw: Flaw) -> Emulator {
    let emulator = process(contract);
    let dism = Emulated(emulator.dism());
    dism.0.initialize().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| deploy(&dism, &flawed(flaw), quiet).unwrap_err());
    });
    dism.0.shutdown().unwrap();
    emulator
}

/// I3 Recorded: the second initialize of a process returns 1, a success that counts.
#[test]
fn mistake_6_s_false_taken_for_a_failure_is_found() {
    let emulator = run_inside_a_host(Contract::Recorded, Flaw::SFalseTakenForFailure);
    // The host's shutdown was not the last one.
    assert!(emulator.state().is_initialized());
    assert_found(&emulator, Mistake::SFalseTakenForFailure, "initialize");
}

/// I3 Documented: the second initialize fails, and to give up is right.
#[test]
fn mistake_6_is_none_if_no_initialize_returns_1() {
    let emulator = run_inside_a_host(Contract::Documented, Flaw::SFalseTakenForFailure);
    assert!(emulator.verify().is_ok());
}

/// I2
#[test]
fn mistake_7_going_on_after_a_failed_initialize_is_found() {
    for contract in Contract::ALL {
        let emulator = Emulator::builder().contract(contract).elevated(false).build();
        let dism = Emulated(emulator.dism());
        deploy(&dism, &flawed(Flaw::FailedInitializeIgnored), quiet).unwrap_err();
        assert_found(&emulator, Mistake::FailedInitializeIgnored, "open_session");
    }
}

/// C6
#[test]
fn mistake_8_3010_taken_for_a_failure_is_found() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let reboot = Rule::on(Function::EnableFeature).nth(1);
        let _reboot = emulator.script(reboot.answer(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
        deploy(&dism, &flawed(Flaw::RebootTakenForFailure), quiet).unwrap_err();
        assert_found(&emulator, Mistake::RebootTakenForFailure, "close_session");
    }
}

/// P3. The plan has one package, since each would make the mistake once.
#[test]
fn mistake_9_an_operation_from_a_progress_callback_is_found() {
    for contract in Contract::ALL {
        let emulator = process(contract);
        let dism = Emulated(emulator.dism());
        let plan = Plan { packages: vec!["only.cab".into()], ..flawed(Flaw::CallInsideOperation) };
        deploy(&dism, &plan, quiet).unwrap();
        assert_found(&emulator, Mistake::CallInsideOperation, "enable_feature");
    }
}

#[test]
fn mistake_10_a_handle_used_after_its_close_is_found() {
    assert_flaw_found(Flaw::HandleNotOpen, Mistake::HandleNotOpen, "enable_feature");
}

/// D1: the report has the call that handed the memory out.
#[test]
fn mistake_11_memory_that_is_kept_is_found() {
    assert_flaw_found(Flaw::MemoryKept, Mistake::MemoryMishandled, "features");
}
