//! Which calls a rule answers.

use dism_emu::{
    CommitFlags, Contract, DISM_ONLINE_IMAGE, Error, Function, Hresult, Memory, MountImage, Rule,
};

use crate::methods::{call, ready_for};
use crate::support::{BUSY, IMAGE, OTHER, one_session, up};

/// Returns which of a number of equal calls a rule answers.
fn answered(rule: Rule, calls: usize) -> Vec<usize> {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let _rule = emulator.script(rule.answer(BUSY));
    (1..=calls).filter(|_| dism.cleanup_mountpoints().is_err()).collect()
}

#[test]
fn a_rule_matches_only_its_function() {
    for &function in Function::ALL {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        let others = Function::ALL.iter().filter(|it| **it != function);
        let rules: Vec<_> =
            others.map(|it| emulator.script(Rule::on(*it).optional().answer(BUSY))).collect();
        let result = call(&dism, function, session, memory);
        assert_eq!(result, Ok(Hresult::S_OK), "{function}");
        assert!(rules.iter().all(|rule| rule.fired() == 0), "{function}");
    }
}

#[test]
fn a_rule_on_any_operation_matches_exactly_the_operations() {
    for &function in Function::ALL {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        let rule = emulator.script(Rule::on_any_operation().answer(BUSY));
        let result = call(&dism, function, session, memory);
        assert_eq!(result.is_err(), function.is_operation(), "{function}");
        assert_eq!(rule.fired(), u64::from(function.is_operation()), "{function}");
    }
}

#[test]
fn a_rule_on_any_call_matches_each_function() {
    for &function in Function::ALL {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        let rule = emulator.script(Rule::on_any_call().answer(BUSY));
        let result = call(&dism, function, session, memory);
        assert_eq!(result.map_err(|it| it.code()), Err(BUSY), "{function}");
        assert_eq!(rule.fired(), 1, "{function}");
    }
}

#[test]
fn the_first_rule_in_force_answers() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = |code: Hresult| Rule::on(Function::CleanupMountpoints).answer(code);
    let first = emulator.script(rule(BUSY));
    let second = emulator.script(rule(Hresult::E_OUTOFMEMORY).optional());
    for _ in 0..3 {
        assert_eq!(dism.cleanup_mountpoints(), Err(Error::Failed { code: BUSY }));
    }
    assert_eq!((first.fired(), second.fired()), (3, 0));
}

#[test]
fn later_rules_do_not_count_a_call_that_was_answered() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = || Rule::on(Function::CleanupMountpoints);
    let _first = emulator.script(rule().times(2).answer(BUSY));
    let second = emulator.script(rule().nth(2).answer(Hresult::E_OUTOFMEMORY));
    let codes = [(); 5].map(|()| dism.cleanup_mountpoints().map_err(|it| it.code()));
    let fine = Ok(Hresult::S_OK);
    assert_eq!(codes, [Err(BUSY), Err(BUSY), fine, Err(Hresult::E_OUTOFMEMORY), fine]);
    assert_eq!(second.fired(), 1);
}

#[test]
fn a_call_that_a_rule_skips_goes_to_the_next_rule() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = || Rule::on(Function::CleanupMountpoints);
    let _first = emulator.script(rule().after(1).answer(BUSY));
    let _second = emulator.script(rule().answer(Hresult::E_OUTOFMEMORY));
    let codes = [(); 2].map(|()| dism.cleanup_mountpoints().unwrap_err().code());
    assert_eq!(codes, [Hresult::E_OUTOFMEMORY, BUSY]);
}

#[test]
fn a_rule_answers_all_calls_by_default() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints), 5), [1, 2, 3, 4, 5]);
}

#[test]
fn nth_answers_one_call_counted_from_1() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(1), 5), [1]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(3), 5), [3]);
}

#[test]
fn nth_0_answers_no_call() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).nth(0), 5), [0; 0]);
}

#[test]
fn nth_counts_since_the_rule_came_into_force() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    dism.cleanup_mountpoints().unwrap();
    let _rule = emulator.script(Rule::on(Function::CleanupMountpoints).nth(2).answer(BUSY));
    assert!(dism.cleanup_mountpoints().is_ok());
    assert!(dism.cleanup_mountpoints().is_err());
}

#[test]
fn nth_counts_only_the_calls_that_the_rule_matches() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let other = dism.open_session(OTHER).unwrap();
    let _rule =
        emulator.script(Rule::on(Function::AddPackage).session(session).nth(2).answer(BUSY));
    assert!(dism.perform(session, Function::AddPackage).is_ok());
    assert!(dism.perform(other, Function::AddPackage).is_ok());
    assert!(dism.perform(session, Function::GetFeatures).is_ok());
    assert!(dism.perform(session, Function::AddPackage).is_err());
}

#[test]
fn after_skips_calls_and_answers_the_rest() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(3), 5), [4, 5]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(0), 2), [1, 2]);
}

#[test]
fn times_bounds_how_many_calls_are_answered() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(2), 5), [1, 2]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(0), 5), [0; 0]);
}

#[test]
fn after_and_times_go_together_in_either_order() {
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).after(1).times(2), 5), [2, 3]);
    assert_eq!(answered(Rule::on(Function::CleanupMountpoints).times(2).after(1), 5), [2, 3]);
}

#[test]
fn a_session_narrows_a_rule_to_its_operations_and_closes() {
    for function in [Function::AddPackage, Function::CloseSession] {
        let (emulator, dism, session) = one_session(Contract::Documented);
        let other = dism.open_session(OTHER).unwrap();
        let rule = emulator.script(Rule::on(function).session(other).answer(BUSY));
        assert!(call(&dism, function, session, Memory::NULL).is_ok(), "{function}");
        assert_eq!(rule.fired(), 0);
        assert!(call(&dism, function, other, Memory::NULL).is_err(), "{function}");
        assert_eq!(rule.fired(), 1);
    }
}

#[test]
fn a_rule_with_a_session_does_not_match_an_open() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = Rule::on(Function::OpenSession).session(session).optional().answer(BUSY);
    let rule = emulator.script(rule);
    assert_eq!(dism.open_session(IMAGE), Ok(session));
    assert_eq!(rule.fired(), 0);
}

#[test]
fn o6_an_image_narrows_a_rule_to_its_opens_operations_and_closes_in_any_spelling() {
    for spelled in [IMAGE, "c:/MOUNT", r"C:\Mount\", "C:/mount//"] {
        let emulator = up(Contract::Documented);
        let dism = emulator.dism();
        let rule = |function| Rule::on(function).image(spelled).nth(1).answer(BUSY);
        let functions = [Function::OpenSession, Function::AddPackage, Function::CloseSession];
        let rules = functions.map(|function| emulator.script(rule(function)));

        let other = dism.open_session(OTHER).unwrap();
        assert!(dism.perform(other, Function::AddPackage).is_ok());
        assert!(dism.close_session(other).is_ok());
        assert!(rules.iter().all(|rule| rule.fired() == 0), "{spelled}");

        assert!(dism.open_session(r"C:\mount\").is_err(), "{spelled}");
        let session = dism.open_session(r"C:\mount\").unwrap();
        assert!(dism.perform(session, Function::AddPackage).is_err(), "{spelled}");
        assert!(dism.close_session(session).is_err(), "{spelled}");
        assert!(rules.iter().all(|rule| rule.fired() == 1), "{spelled}");
    }
}

#[test]
fn a_rule_can_match_the_online_image() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = Rule::on_any_operation().image(DISM_ONLINE_IMAGE.to_lowercase()).answer(BUSY);
    let rule = emulator.script(rule);
    let [offline, online] = [IMAGE, DISM_ONLINE_IMAGE].map(|it| dism.open_session(it).unwrap());
    assert!(dism.perform(offline, Function::AddPackage).is_ok());
    assert!(dism.perform(online, Function::AddPackage).is_err());
    assert_eq!(rule.fired(), 1);
}

#[test]
fn a_rule_for_an_image_matches_its_mounting_in_any_spelling() {
    let functions = [Function::MountImage, Function::RemountImage, Function::UnmountImage];
    for function in functions {
        let emulator = up(Contract::Documented);
        let dism = emulator.dism();
        let answers = |path: &str| {
            let mounted = dism.mount_image(MountImage::new(path, "install.wim"));
            [mounted, dism.remount_image(path), dism.unmount_image(path, CommitFlags::DISCARD)]
        };
        let rule = emulator.script(Rule::on(function).image("d:/OTHER/").answer(3010));
        assert_eq!(answers(IMAGE), [Ok(Hresult::S_OK); 3], "{function}");
        let expected = functions.map(|it| Ok(Hresult::new(if it == function { 3010 } else { 0 })));
        assert_eq!(answers(OTHER), expected, "{function}");
        assert_eq!(rule.fired(), 1, "{function}");
    }
}

#[test]
fn a_rule_for_an_image_does_not_match_a_function_without_one() {
    for function in
        [Function::Initialize, Function::Shutdown, Function::Delete, Function::CleanupMountpoints]
    {
        let (emulator, dism, session, memory) = ready_for(function, Contract::Documented);
        let rule = emulator.script(Rule::on(function).image(IMAGE).optional().answer(BUSY));
        assert!(call(&dism, function, session, memory).is_ok(), "{function}");
        assert_eq!(rule.fired(), 0, "{function}");
    }
}

#[test]
fn a_rule_for_a_file_matches_what_asks_for_its_images() {
    let emulator = up(Contract::Documented);
    let dism = emulator.dism();
    let rule = Rule::on(Function::GetImageInfo).image(r"D:\INSTALL.wim");
    let _rule = emulator.script(rule.fail(BUSY));
    assert_eq!(dism.image_info("d:/install.wim"), Err(Error::Failed { code: BUSY }));
    assert_eq!(dism.image_info("d:/other.wim"), Ok(Hresult::S_OK));
}

#[test]
fn a_rule_with_a_name_matches_what_the_client_names_so() {
    for contract in Contract::ALL {
        let (emulator, dism, session) = one_session(contract);
        let rule = Rule::on(Function::AddPackage).named("kb2.cab").fail(BUSY);
        let rule = emulator.script(rule);
        let add = |name: &str| dism.perform(session, Function::AddPackage.named(name));
        for name in ["kb2.cab", "KB2.CAB", r"C:\updates\kb2.cab", "updates/Kb2.cab", r"kb2.cab\"] {
            assert_eq!(add(name), Err(Error::Failed { code: BUSY }), "{name}");
        }
        assert_eq!(rule.fired(), 5);
        for name in ["", "kb1.cab", "kb2.ca", "akb2.cab", "kb2.cab.old", r"kb2.cab\kb1.cab"] {
            assert_eq!(add(name), Ok(Hresult::S_OK), "{name}");
        }
        // Nor a call without a name, nor one of another function.
        assert!(dism.perform(session, Function::AddPackage).is_ok());
        assert!(dism.perform(session, Function::RemovePackage.named("kb2.cab")).is_ok());
        assert_eq!(rule.fired(), 5);
    }
}

#[test]
fn a_rule_with_a_path_as_its_name_matches_only_that_path() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = Rule::on_any_operation().named(r"C:\updates\kb2.cab").fail(BUSY);
    let _rule = emulator.script(rule);
    for (name, matches) in
        [("c:/UPDATES/kb2.cab", true), ("kb2.cab", false), (r"D:\updates\kb2.cab", false)]
    {
        let failed = dism.perform(session, Function::AddPackage.named(name)).is_err();
        assert_eq!(failed, matches, "{name}");
    }
}

/// The first rule that matches in every part answers, and the others do not count the call.
#[test]
fn rules_with_names_count_their_calls() {
    let (emulator, dism, session) = one_session(Contract::Documented);
    let rule = |name: &str| Rule::on(Function::EnableFeature).named(name).nth(2);
    let _telnet = emulator.script(rule("Telnet").fail(BUSY));
    let _any = emulator.script(Rule::on(Function::EnableFeature).nth(3).answer(3010));
    let codes = ["Telnet", "TFTP", "Telnet", "TFTP", "Telnet"].map(|name| {
        let enabled = dism.perform(session, Function::EnableFeature.named(name));
        enabled.unwrap_or_else(|it| it.code()).number()
    });
    assert_eq!(codes, [0, 0, BUSY.number(), 3010, 0]);
}
