//! Two runs print the same. `.ci/run` runs these tests 20 times on threads of one process, and 20
//! times each in a process of its own. The threads of the program have other numbers every time.

use std::path::Path;
use std::thread;

use dism_emu::{Dism, Emulator, Function, Hold, Report};

/// A thread closes a session, in which another thread is performing an operation, and again.
fn report() -> Report {
    let emulator = Emulator::builder().verify_on_drop(false).build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let session = dism.open_session(r"C:\mount").unwrap();
    thread::scope(|scope| {
        let performing = emulator.hold(Hold::performing(Function::AddPackage));
        scope.spawn(|| dism.perform(session, Function::AddPackage).unwrap());
        performing.wait();
        let closing = emulator.hold(Hold::closing());
        scope.spawn(|| {
            dism.close_session(session).unwrap();
            dism.close_session(session).unwrap_err();
        });
        closing.wait();
        performing.release();
        closing.release();
    });
    dism.shutdown().unwrap();
    drop(dism);
    emulator.verify().unwrap_err()
}

#[test]
fn a_report_is_the_same() {
    insta::assert_snapshot!(report(), @r#"
    dism-emu: close twice, tests/same.rs:22
    1 mistake under the contract Documented

    mistake 3, close twice: call 5 by t3 at tests/same.rs:22:18
        close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
        collides with call 4 by t3 at tests/same.rs:21:18
            close session 2 -> S_OK
        instead: Clear your copy of a handle as soon as you close it, before anything else can fail. Let
                 only one owner close it.
        in code: Mistake::CloseTwice

         t1             t2             t3
      1  initialize -> S_OK
      2  open "C:\mount" -> session 2
      3                 begins DismAddPackage on session 2
      4                                close session 2 -> closing, waits for operations
      3                 ends DismAddPackage on session 2 -> S_OK
      4                                session 2 is gone -> S_OK
    ! 5                                close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
                                         mistake 3, close twice: collides with call 4
      6  shutdown -> S_OK
    "#);
}

#[test]
fn a_report_as_json_is_the_same() {
    let report = serde_json::to_value(report()).unwrap();
    let mistakes = serde_json::to_string_pretty(&report["mistakes"]).unwrap();
    insta::assert_snapshot!(mistakes, @r#"
    [
      {
        "advice": "Clear your copy of a handle as soon as you close it, before anything else can fail. Let only one owner close it.",
        "also": [],
        "also_more": 0,
        "call": 5,
        "code": "0xC0040004",
        "collides_with": [
          4
        ],
        "collides_with_more": 0,
        "function": "DismCloseSession",
        "location": "tests/same.rs:22:18",
        "mistake": "CloseTwice",
        "name": "close twice",
        "number": 3,
        "session": 2,
        "thread": 3
      }
    ]
    "#);
}

#[test]
fn no_location_is_absolute() {
    let emulator = Emulator::builder().verify_on_drop(false).build();
    // Through a pointer, so the call is in another package.
    let initialize: fn(&Dism) -> _ = Dism::initialize;
    initialize(&emulator.dism()).unwrap();
    let report = emulator.verify().unwrap_err();
    let location = report.journal().steps()[0].location.unwrap();
    assert!(Path::new(location.file()).is_absolute(), "{location}");
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap();
    let folder = package.file_name().unwrap().to_str().unwrap();
    let shown = format!("{folder}/src/emulator/dism.rs:{}", location.line());
    assert!(report.to_string().starts_with(&format!("dism-emu: never shut down, {shown}\n")));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["calls"][0]["location"], format!("{shown}:{}", location.column()));
}
