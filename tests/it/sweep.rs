//! Fault sweeps: one client in eight variants, of which seven have a bug on an error path.

use std::cell::Cell;

use dism_emu::{
    Builder, Contract, Dism, Emulator, Error, FaultSweep, Function, Hresult, Memory, Mistake, Rule,
    Session,
};

use crate::support::{failing, line_of_panic};

/// What a variant does wrong, on an error path that no usual test reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// Returns if the open fails, and does not shut down.
    LeavesAfterFailedOpen,
    /// Closes the session only if the operation succeeds.
    LeaksSession,
    /// Shuts down only if the operation succeeds.
    LeaksInitialization,
    /// Closes the session a second time if the operation fails.
    ClosesTwice,
    /// Does not delete what was handed out if the next operation fails.
    LeaksMemory,
    /// Goes on if initialize fails.
    IgnoresInitialize,
    /// Panics if the operation fails.
    Unwraps,
}

const BUGS: [Bug; 8] = [
    Bug::None,
    Bug::LeavesAfterFailedOpen,
    Bug::LeaksSession,
    Bug::LeaksInitialization,
    Bug::ClosesTwice,
    Bug::LeaksMemory,
    Bug::IgnoresInitialize,
    Bug::Unwraps,
];

/// Lists the features, enables one and reports what went wrong.
fn client(dism: &Dism, bug: Bug) -> Result<(), Error> {
    match dism.initialize() {
        Err(error) if bug != Bug::IgnoresInitialize => return Err(error),
        _ => {}
    }
    let session = match dism.open_session(r"C:\mount") {
        Ok(session) => session,
        Err(error) => {
            if bug != Bug::LeavesAfterFailedOpen {
                let _ = dism.shutdown();
            }
            return Err(error);
        }
    };
    let worked = work(dism, session, bug);
    if worked.is_err() && bug == Bug::ClosesTwice {
        let _ = dism.close_session(session);
    }
    let closed = match worked {
        Err(_) if bug == Bug::LeaksSession => Ok(Hresult::S_OK),
        _ => dism.close_session(session),
    };
    if worked.is_ok() || bug != Bug::LeaksInitialization {
        dism.shutdown()?;
    }
    worked.and(closed).map(drop)
}

fn work(dism: &Dism, session: Session, bug: Bug) -> Result<Hresult, Error> {
    let features = list(dism, session)?;
    let enabled = dism.perform(session, Function::EnableFeature.named("TelnetClient"));
    if bug == Bug::Unwraps {
        enabled.expect("the feature exists");
    }
    if enabled.is_ok() || bug != Bug::LeaksMemory {
        let _ = dism.delete(features);
    }
    enabled
}

fn list(dism: &Dism, session: Session) -> Result<Memory, Error> {
    dism.perform(session, Function::GetFeatures)?;
    dism.hand_out(Function::GetFeatures)
}

#[test]
fn a_sweep_names_exactly_the_variants_with_a_bug() {
    for bug in BUGS {
        let swept = FaultSweep::new().run(|dism| client(dism, bug));
        assert_eq!(swept.is_ok(), bug == Bug::None, "{bug:?}: {swept:?}");
    }
}

/// The bugs are on error paths: without a fault, each variant does well.
#[test]
fn without_a_fault_no_variant_makes_a_mistake() {
    for bug in BUGS {
        let emulator = Emulator::new();
        client(&emulator.dism(), bug).unwrap();
    }
}

#[test]
fn the_report_names_the_call_the_mistake_and_the_line_that_repeats_the_run() {
    let report = FaultSweep::new().run(|dism| client(dism, Bug::LeaksSession)).unwrap_err();
    let text = report.to_string();
    let call =
        r#"when call 4, DismEnableFeature "TelnetClient" on session 2 at tests/it/sweep.rs:"#;
    assert!(text.contains(call), "{text}");
    let result = "fails with 0x80070005:\n    shutdown with a session open; session 2 left open\n";
    assert!(text.contains(result), "{text}");
    assert!(text.contains("the same in 1 more run\n"), "{text}");
    assert!(text.contains("repeat it with `.only(1, [(4, 0x80070005)])`"), "{text}");
    assert!(report.failed().all(|run| run.has(Mistake::ShutdownWithOpenSession)));

    let alone = FaultSweep::new().only(1, [(4, 0x8007_0005)]);
    let alone = alone.run(|dism| client(dism, Bug::LeaksSession)).unwrap_err();
    assert_eq!((alone.runs(), alone.failed().count()), (1, 1));
}

/// Each call, with each code, in each process, and in each process one run without a fault and one
/// that does not reach its fault.
#[test]
fn every_call_fails_with_every_code_in_every_process() {
    let sweep = FaultSweep::new().codes([0x8007_0005, 0x800F_0902, 0x8007_000E]);
    let report = sweep.run(|dism| client(dism, Bug::None)).unwrap();
    let calls = ["initialize", "open", "list", "enable", "delete", "close", "shutdown"];
    assert_eq!(report.runs(), 2 * (1 + calls.len() * 3 + 1));
    let one = FaultSweep::new().builders([Emulator::builder()]);
    assert_eq!(one.run(|dism| client(dism, Bug::None)).unwrap().runs(), 1 + calls.len() + 1);
}

#[test]
fn a_call_that_the_contract_refuses_does_not_count() {
    let documented = FaultSweep::new().builders([Emulator::builder()]);
    let report = documented.run(|dism| {
        if dism.initialize().is_ok() {
            let _ = dism.close_session(Session::DEFAULT);
            let _ = dism.shutdown();
        }
    });
    // Closing 0 is a mistake, so every run in which the client gets so far fails.
    assert_eq!(report.unwrap_err().runs(), 1 + 2 + 1);
}

#[test]
fn a_client_that_does_not_end_is_cut_off() {
    let retries = |dism: &Dism| {
        while dism.initialize().is_err() {}
        while dism.shutdown().is_err() {}
    };
    FaultSweep::new().run(retries).unwrap();
    let down = Rule::on(Function::Shutdown).fail(Hresult::E_ACCESSDENIED);
    let report = FaultSweep::new().rule(down).max_steps(50).run(retries).unwrap_err();
    let text = report.to_string();
    assert!(
        text.contains("without a fault under the contract Documented:\n    did not end"),
        "{text}"
    );
    assert!(report.failed().all(|run| run.journal().steps().len() == 50));
}

/// It has cleaned up before, so there is no other mistake.
#[test]
fn a_client_that_panics_is_reported() {
    let panics = |dism: &Dism| {
        let Err(error) = dism.initialize() else {
            let _ = dism.shutdown();
            return;
        };
        panic!("no API: {error}");
    };
    let report = FaultSweep::new().run(panics).unwrap_err();
    assert_eq!(report.failed().count(), Contract::ALL.len());
    assert!(report.to_string().contains("panicked: no API"), "{report}");
    assert!(
        report.to_string().contains("\nThe first of these runs, which panicked:\n"),
        "{report}"
    );
}

#[test]
fn a_rule_of_the_test_stays_in_force_and_its_calls_are_not_made_to_fail() {
    let answered = Cell::new(0);
    let rule = Rule::on(Function::EnableFeature).answer(3010);
    let report = FaultSweep::new().rule(rule).run(|dism| {
        let Ok(_) = dism.initialize() else { return };
        if let Ok(session) = dism.open_session("image") {
            let enabled = dism.perform(session, Function::EnableFeature);
            assert_eq!(enabled, Ok(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED));
            answered.set(answered.get() + 1);
            let _ = dism.close_session(session);
        }
        let _ = dism.shutdown();
    });
    // Initialize, open, close and shutdown can fail.
    assert_eq!(report.unwrap().runs(), 2 * (1 + 4 + 1));
    // In the run without a fault, in two of these, and in the run that ends the sweep.
    assert_eq!(answered.get(), 2 * (1 + 2 + 1));
}

#[test]
fn pairs_of_failures_find_what_one_failure_does_not_show() {
    // If the operation fails, the client tries another, and gives up only if that fails, too.
    let client = |dism: &Dism| {
        let Ok(_) = dism.initialize() else { return };
        let Ok(session) = dism.open_session("image") else {
            let _ = dism.shutdown();
            return;
        };
        if dism.perform(session, Function::AddPackage).is_err()
            && dism.perform(session, Function::AddCapability).is_err()
        {
            return;
        }
        let _ = dism.close_session(session);
        let _ = dism.shutdown();
    };
    FaultSweep::new().run(client).unwrap();
    let report = FaultSweep::new().pairs().run(client).unwrap_err();
    let text = report.to_string();
    assert!(text.contains("`.only(1, [(3, 0x80070005), (4, 0x80070005)])`"), "{text}");
}

#[test]
fn more_runs_than_allowed_are_an_error() {
    let sweep = FaultSweep::new().max_runs(5);
    let report = sweep.run(|dism| client(dism, Bug::None)).unwrap_err();
    assert_eq!(report.runs(), 5);
    assert!(report.to_string().contains("more runs than allowed"), "{report}");
}

/// The close is in the line above, and what it leaves behind is not the client's fault.
#[test]
fn a_session_whose_close_was_made_to_fail_is_not_listed_as_left_open() {
    let leaves_if_the_close_fails = |dism: &Dism| {
        dism.initialize()?;
        let opened = dism.open_session("image");
        opened.and_then(|session| dism.close_session(session)).map(drop)?;
        dism.shutdown()
    };
    let report = FaultSweep::new().run(leaves_if_the_close_fails).unwrap_err().to_string();
    assert!(report.contains(" close session 2 "), "{report}");
    assert!(!report.contains("session 2 left open"), "{report}");
}

#[test]
fn every_run_counts_and_as_many_as_allowed_are_enough() {
    let runs = Cell::new(0);
    let counted = |dism: &Dism| {
        runs.set(runs.get() + 1);
        client(dism, Bug::None)
    };
    let sweep = FaultSweep::new().codes([0x8007_0005, 0x800F_0902, 0x8007_000E]).pairs();
    let report = sweep.run(counted).unwrap();
    assert_eq!(report.runs(), runs.get());
    assert_eq!(sweep.clone().max_runs(runs.get()).run(counted).unwrap().runs(), report.runs());
    sweep.max_runs(report.runs() - 1).run(counted).unwrap_err();
}

/// A client does not behave the same in every run, if it has several threads or keeps something.
#[test]
fn a_run_that_does_not_reach_its_fault_is_verified_too() {
    for (panics, name) in [(true, "panicked: lost"), (false, "never shut down")] {
        // Without a fault, initialize and shutdown failing, and none that fails.
        let runs = Cell::new(0);
        let client = |dism: &Dism| {
            runs.set(runs.get() + 1);
            let is_last = runs.get() == 4;
            if dism.initialize().is_ok() && (panics || !is_last) {
                let _ = dism.shutdown();
                assert!(!is_last, "lost");
            }
        };
        let sweep = FaultSweep::new().builders([Emulator::builder()]);
        let text = sweep.run(client).unwrap_err().to_string();
        assert_eq!(runs.get(), 4);
        let result = format!("without a fault under the contract Documented:\n    {name}");
        assert!(text.contains(&result), "{text}");
        assert!(text.contains("repeat it with `.only::<u32>(1, [])`"), "{text}");
    }
}

/// The second initialize is a call of its own only under one contract, and another call there.
#[test]
fn failures_of_different_calls_are_different_though_they_have_the_same_number() {
    let client = |dism: &Dism| {
        if dism.initialize().is_err() || matches!(dism.initialize(), Err(Error::Failed { .. })) {
            return;
        }
        if dism.image_info("a.wim").is_err() {
            return;
        }
        while dism.shutdown().is_ok() {}
    };
    let allowed = |contract| {
        let others = Mistake::ALL.iter().filter(|it| **it != Mistake::NeverShutDown);
        others.copied().fold(Emulator::builder().contract(contract), Builder::allow)
    };
    let text = FaultSweep::new().builders(Contract::ALL.map(allowed)).run(client).unwrap_err();
    let text = text.to_string();
    assert!(text.contains("when call 2, initialize at "), "{text}");
    assert!(text.contains("repeat it with `.only(2, [(2, 0x80070005)])`"), "{text}");
}

#[test]
#[should_panic(expected = "never shut down")]
fn assert_panics_with_the_report() {
    FaultSweep::new().assert(|dism| client(dism, Bug::LeaksInitialization));
}

/// Each at the line of the test that asks for it.
#[test]
fn what_would_test_nothing_is_refused() {
    let (new, c) = (FaultSweep::new, 0x8007_0005);
    let refused: [(&str, u32, &dyn Fn()); 8] = [
        ("no process", line!(), &|| drop(new().builders([]))),
        ("no code", line!(), &|| drop(new().codes([0; 0]))),
        ("0x00000005 is a success", line!(), &|| drop(new().codes([5]))),
        ("0x00000000 (S_OK) is a success", line!(), &|| drop(new().only(1, [(1, 0)]))),
        ("no call 0", line!(), &|| drop(new().only(1, [(0, c)]))),
        ("call 1 fails twice", line!(), &|| drop(new().only(1, [(1, c), (2, c), (1, c)]))),
        ("no process 0", line!(), &|| new().only(0, [(1, c)]).assert(|_| ())),
        ("no process 3", line!(), &|| drop(new().only(3, [(1, c)]).run(|_| ()))),
    ];
    for (why, line, refused) in refused {
        assert_eq!(line_of_panic(refused), line, "{why}");
        let message = failing(refused);
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn faults_of_one_run_are_in_any_order() {
    let client = |dism: &Dism| while dism.initialize().is_err() {};
    let faults = [3, 1, 2].map(|call| (call, 0x8007_0005));
    let report = FaultSweep::new().only(1, faults).run(client).unwrap_err();
    let steps = report.failed().flat_map(|run| run.journal().steps());
    assert_eq!(steps.filter(|step| step.outcome.is_err()).count(), 3);
}

/// Otherwise a line that was copied from a report would pass for ever, once the client has changed.
#[test]
fn a_fault_of_one_run_has_to_be_reached() {
    let sweep = FaultSweep::new().only(1, [(1, 0x8007_0005), (99, 0x8007_0005)]);
    let text = sweep.run(|dism| client(dism, Bug::None)).unwrap_err().to_string();
    assert!(text.contains("\n    call 99 is not reached\n"), "{text}");
}

#[test]
fn an_unused_rule_is_reported_at_its_line() {
    let rule = Rule::on(Function::AddPackage).fail(0x8007_0005);
    let (sweep, line) = (FaultSweep::new().rule(rule), line!());
    let text = sweep.run(|dism| client(dism, Bug::None)).unwrap_err().to_string();
    assert!(text.contains(&format!(", at tests/it/sweep.rs:{line}:")), "{text}");
}

/// Such as one of the C functions, if the sweep is not for them.
#[test]
fn a_client_that_makes_no_call_is_an_error() {
    let report = FaultSweep::new().run(|_| ()).unwrap_err();
    assert!(report.to_string().contains("\nno run makes a call"), "{report}");
}

/// The bar of the design: a client with 20 calls, three codes, both contracts. Wine is slower.
#[cfg(not(windows))]
#[test]
fn a_sweep_of_20_calls_takes_less_than_50_milliseconds() {
    let client = |dism: &Dism| {
        let Ok(_) = dism.initialize() else { return };
        if let Ok(session) = dism.open_session("image") {
            for _ in 0..16 {
                let _ = dism.perform(session, Function::GetFeatures);
            }
            let _ = dism.close_session(session);
        }
        let _ = dism.shutdown();
    };
    let sweep = FaultSweep::new().codes([0x8007_0005, 0x800F_0902, 0x8007_000E]);
    // Other tests run at the same time, so the best of a few counts.
    let fastest = (0..20).map(|_| {
        let start = std::time::Instant::now();
        assert_eq!(sweep.run(client).unwrap().runs(), 2 * (1 + 20 * 3 + 1));
        start.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest.as_millis() < 50, "{fastest:?}");
}

#[test]
fn a_sweep_runs_under_each_contract() {
    // A client that takes S_FALSE for a failure is safe under one of them only.
    let client = |dism: &Dism| {
        if dism.initialize().is_err() {
            return;
        }
        if dism.initialize() == Ok(Hresult::S_FALSE) {
            return;
        }
        let _ = dism.shutdown();
    };
    let report = FaultSweep::new().run(client).unwrap_err();
    let contracts: Vec<_> = report.failed().map(|run| run.journal().config().contract).collect();
    assert!(contracts.contains(&Contract::Recorded), "{report}");
    assert!(!contracts.contains(&Contract::Documented), "{report}");
}
