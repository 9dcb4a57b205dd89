//! What dropping the emulator shows if the test panics for a reason of its own. Only another
//! process can look at that, so each test here runs itself once more.

use std::env;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::process::Command;
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::thread;

#[cfg(feature = "color")]
use dism_emu::FaultSweep;
use dism_emu::{Builder, Emulator};

#[cfg(feature = "color")]
use crate::support::initialized;

/// Set in the process that panics.
const INNER: &str = "INNER_TEST_PANICS";

fn is_inner() -> bool {
    env::var_os(INNER).is_some()
}

/// The same test of this program, in a process in which it panics.
fn this_test() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let thread = thread::current();
    command.args(["--exact", thread.name().unwrap()]).env(INNER, "1");
    for color in ["NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(color);
    }
    command
}

/// Returns what the test harness shows of the test.
fn shown(mut test: Command) -> String {
    let output = test.output().unwrap();
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn initializes_and_panics(builder: Builder) {
    let emulator = builder.build();
    emulator.dism().initialize().unwrap();
    panic!("the test's own");
}

const CALLS: &str = "\
dism-emu: the calls before the panic

     t1
  1  initialize -> S_OK
";

#[test]
fn a_test_that_panics_shows_the_calls_after_its_panic() {
    if is_inner() {
        initializes_and_panics(Emulator::builder());
    }
    let shown = shown(this_test());
    let (_, after) = shown.split_once("the test's own").expect("the panic");
    assert!(after.contains(CALLS), "{shown}");
}

#[test]
fn a_test_that_panics_shows_the_calls_even_if_nothing_is_verified() {
    if is_inner() {
        initializes_and_panics(Emulator::builder().verify_on_drop(false));
    }
    assert!(shown(this_test()).contains(CALLS));
}

#[test]
fn a_test_that_opted_out_shows_no_calls() {
    if is_inner() {
        initializes_and_panics(Emulator::builder().timeline_on_panic(false));
    }
    let shown = shown(this_test());
    assert!(shown.contains("the test's own") && !shown.contains("dism-emu"), "{shown}");
}

#[test]
fn a_test_that_panics_before_any_call_shows_none() {
    if is_inner() {
        let _emulator = Emulator::new();
        panic!("the test's own");
    }
    let shown = shown(this_test());
    assert!(shown.contains("the test's own") && !shown.contains("dism-emu"), "{shown}");
}

/// Nothing can be written to `/dev/full`. A panic of the drop would abort the process.
#[cfg(target_os = "linux")]
#[test]
fn a_test_that_panics_without_a_standard_error_only_fails() {
    if is_inner() {
        initializes_and_panics(Emulator::builder());
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut test = this_test();
    test.arg("--nocapture").stderr(Stdio::from(full));
    assert!(shown(test).contains("test result: FAILED. 0 passed; 1 failed"));
}

/// `CLICOLOR_FORCE` has the colours of a terminal without one.
#[cfg(feature = "color")]
#[test]
fn a_report_has_colours_only_in_a_terminal() {
    if is_inner() {
        drop(initialized(Emulator::builder()));
    }
    let shown_with = |variables: &[&str]| {
        let mut test = this_test();
        test.envs(variables.iter().map(|name| (name, "1")));
        shown(test)
    };
    let line = "mistake 2, never shut down: call 1 by t1 at ";
    let begins = ["dism-emu: never shut down, ", &format!("\n{line}")];
    for plain in [&[][..], &["NO_COLOR", "CLICOLOR_FORCE"]] {
        let shown = shown_with(plain);
        assert!(begins.iter().all(|it| shown.contains(it)), "{shown}");
    }
    let shown = shown_with(&["CLICOLOR_FORCE"]);
    assert!(shown.contains("\ndism-emu: never shut down, "), "{shown}");
    assert!(shown.contains(&format!("\n\x1b[1m\x1b[31m{line}")), "{shown}");
}

#[cfg(feature = "color")]
#[test]
fn the_report_of_a_sweep_has_colours_too() {
    if is_inner() {
        FaultSweep::new().assert(|dism| dism.initialize());
    }
    let mut test = this_test();
    test.env("CLICOLOR_FORCE", "1");
    let shown = shown(test);
    assert!(shown.contains("\ndism-emu: 4 of 6 runs of the fault sweep fail\n"), "{shown}");
    assert!(shown.contains("\n\x1b[1m\x1b[31mmistake 2, never shut down"), "{shown}");
}
