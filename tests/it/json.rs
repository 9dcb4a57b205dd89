//! Journals and findings as JSON.

use dism_emu::machine::Call;
use dism_emu::{
    CommitFlags, Contract, Function, Initialize, MountFlags, MountImage, Rule, Session,
};
use serde_json::{json, to_value};

use crate::hand::Hand;
use crate::support::{IMAGE, unverified};

#[test]
fn a_step_and_a_finding_as_json() {
    let mut hand = Hand::new(Contract::Documented);
    hand.initialize(1).unwrap();
    hand.take(2, Call::FinishClose { session: Session::from_raw(9) }).unwrap_err();
    let journal = to_value(hand.journal()).unwrap();
    assert_eq!(
        journal["steps"][0],
        json!({
            "thread": 1,
            "call": { "Initialize": { "log_level": 0, "paths": null } },
            "outcome": { "Ok": { "Initialized": { "count": 1 } } },
            "location": null,
        })
    );
    assert_eq!(journal["config"]["contract"], "Documented");
    assert!(journal["steps"][1]["outcome"]["Err"].is_object());
    let found = to_value(hand.journal().mistakes()).unwrap();
    assert_eq!(
        found,
        json!([{ "mistake": "NeverShutDown", "call": 1, "at": 0, "collides_with": [], "more": 0 }])
    );
}

#[test]
fn a_journal_as_json_numbers_the_threads_in_the_order_of_its_steps() {
    let mut hand = Hand::new(Contract::Recorded);
    for thread in [900, 7, 900] {
        hand.initialize(thread).unwrap();
    }
    let journal = to_value(hand.journal()).unwrap();
    let threads: Vec<_> = (0..3).map(|at| &journal["steps"][at]["thread"]).collect();
    assert_eq!(threads, [1, 2, 1]);
}

#[test]
fn a_location_is_a_string() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let journal = emulator.journal();
    let location = journal.steps()[0].location.unwrap();
    let value = to_value(&journal).unwrap();
    assert_eq!(value["steps"][0]["location"], location.to_string());
}

#[test]
fn names_flags_and_arguments_as_json() {
    let emulator = unverified().build();
    let dism = emulator.dism();
    let rule = Rule::on(Function::Initialize).fail_in_effect(0xC004_0009);
    let _no_log = emulator.script(rule);
    let initialize = Initialize::new().log_level(1).log_file("dism.log");
    dism.initialize_with(initialize).unwrap_err();
    let flags = MountFlags::OPTIMIZE | MountFlags::CHECK_INTEGRITY;
    dism.mount_image(MountImage::new(IMAGE, "install.wim").flags(flags)).unwrap();
    let session = dism.open_session(IMAGE).unwrap();
    dism.perform(session, Function::AddPackage.named("kb1.cab")).unwrap();
    dism.close_session(session).unwrap();
    let flags = CommitFlags::DISCARD | CommitFlags::APPEND;
    dism.unmount_image(IMAGE, flags).unwrap();
    let journal = to_value(emulator.journal()).unwrap();
    let call = |at: usize| &journal["steps"][at]["call"];
    let paths = json!({ "log_file": "dism.log", "scratch_directory": null });
    assert_eq!(
        *call(0),
        json!({ "Scripted": {
            "call": { "Initialize": { "log_level": 1, "paths": paths } },
            "answer": { "code": "0xC0040009", "takes_effect": true, "cancelled": false },
        } })
    );
    assert_eq!(call(1)["MountImage"]["flags"], "OPTIMIZE | CHECK_INTEGRITY");
    let begin =
        json!({ "session": 2, "function": "DismAddPackage", "name": "kb1.cab", "flags": "" });
    assert_eq!(call(3)["BeginOperation"], begin);
    let unmount = json!({ "path": IMAGE, "flags": "DISCARD | APPEND" });
    assert_eq!(call(7)["UnmountImage"], unmount);
}
