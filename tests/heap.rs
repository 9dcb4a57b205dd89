//! What the emulator takes from the heap, measured with a counting allocator.

#![cfg(not(any(loom, dism_loom, shuttle, dism_shuttle)))]

use std::alloc::System;

use dism_emu::{Contract, Dism, Emulator, Function, Rule, Session};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test for all claims: the heap is that of the whole process, so a second test would be
/// counted, too.
#[test]
fn heap() {
    a_session_with_a_short_path_takes_at_most_96_bytes();
    a_session_with_a_long_path_takes_at_most_96_bytes_beside_it();
    a_million_calls_keep_nothing();
    the_journal_keeps_to_its_limit();
    a_call_allocates_for_nothing_but_its_session();
    #[cfg(feature = "capi")]
    a_text_of_c_is_copied_only_for_an_open();
}

fn emulator() -> (Emulator, Dism) {
    let emulator = Emulator::builder()
        .contract(Contract::Recorded)
        .verify_on_drop(false)
        .journal_limit(0)
        .build();
    let dism = emulator.dism();
    dism.initialize().expect("it is down");
    (emulator, dism)
}

const MANY: usize = 1_000_000;

/// Returns the bytes on the heap for each of a million open sessions, without the bytes of a path
/// that has an allocation of its own.
fn bytes_per_session(path: impl Fn(usize) -> String, path_on_heap: usize) -> usize {
    let (emulator, dism) = emulator();
    let region = Region::new(HEAP);
    for number in 0..MANY {
        dism.open_session(path(number)).expect("any path will do");
    }
    assert_eq!(emulator.state().open_sessions(), MANY);
    let stats = region.change();
    (stats.bytes_allocated - stats.bytes_deallocated) / MANY - path_on_heap
}

fn a_session_with_a_short_path_takes_at_most_96_bytes() {
    let bytes = bytes_per_session(|number| format!(r"C:\mount\image-{number:08}"), 0);
    println!("{bytes} bytes a session, path included");
    assert!(bytes <= 96, "{bytes}");
}

fn a_session_with_a_long_path_takes_at_most_96_bytes_beside_it() {
    let path =
        |number: usize| format!(r"C:\a\path\that\an\entry\has\no\room\for\image-{number:08}");
    let bytes = bytes_per_session(path, path(0).len());
    println!("{bytes} bytes a session beside its path");
    assert!(bytes <= 96, "{bytes}");
}

fn a_million_calls_keep_nothing() {
    let (_, dism) = emulator();
    let cycle = || {
        let session = dism.open_session(r"C:\mount").expect("it is up");
        dism.operation(session, Function::GetFeatures)
            .expect("it is open")
            .end()
            .expect("nothing is scripted");
        dism.close_session(session).expect("it is open");
        dism.close_session(session).expect_err("it is closed");
        dism.close_session(Session::DEFAULT).expect_err("it never was");
    };
    cycle();
    let region = Region::new(HEAP);
    for _ in 0..200_000 {
        cycle();
    }
    let stats = region.change();
    assert_eq!(stats.allocations, 0, "{stats:?}");
}

fn the_journal_keeps_to_its_limit() {
    let emulator = Emulator::builder().verify_on_drop(false).journal_limit(100).build();
    let dism = emulator.dism();
    let cycle = || {
        dism.initialize().expect("it is down");
        dism.shutdown().expect("nothing is open");
    };
    (0..100).for_each(|_| cycle());
    let region = Region::new(HEAP);
    (0..1000).for_each(|_| cycle());
    assert_eq!(region.change().allocations, 0);
    assert_eq!(emulator.journal().steps().len(), 100);
}

/// Makes a call a few times, each with so many allocations.
fn call(what: &str, allocations: usize, call: &dyn Fn()) {
    call();
    let region = Region::new(HEAP);
    (0..10).for_each(|_| call());
    assert_eq!(region.change().allocations, 10 * allocations, "{what}");
}

/// Only an open allocates, and only if its entry has no room for the path.
fn a_call_allocates_for_nothing_but_its_session() {
    let (emulator, dism) = emulator();
    let session = dism.open_session(r"C:\mount").expect("it is up");
    dism.open_session("").expect_err("an empty path");
    call("initialize and shutdown", 0, &|| {
        dism.initialize().expect("counted");
        dism.shutdown().expect("not the last");
    });
    call("operation", 0, &|| assert!(dism.perform(session, Function::GetFeatures).is_ok()));
    let package = Function::AddPackage.named(r"C:\updates\kb2.cab");
    call("operation with a name", 0, &|| assert!(dism.perform(session, package).is_ok()));
    call("open what is open", 0, &|| {
        dism.open_session("c:/MOUNT/").expect("up");
        dism.close_session(session).expect("a reference to spare");
    });
    let elsewhere = emulator.script(Rule::on(Function::AddPackage).optional());
    call("open what is open, with a rule for something else", 0, &|| {
        dism.open_session("c:/MOUNT/").expect("up");
        dism.close_session(session).expect("a reference to spare");
    });
    let feature = Function::EnableFeature.named("TelnetClient");
    call("operation with a name, with a rule that asks for none", 0, &|| {
        assert!(dism.perform(session, feature).is_ok());
    });
    drop(elsewhere);
    call("a path beyond ASCII", 0, &|| {
        let session = dism.open_session(r"C:\bücher").expect("up");
        assert_eq!(dism.open_session(r"C:\BÜCHER"), Ok(session));
        dism.close_session(session).expect("open");
        dism.close_session(session).expect("open");
    });
    call("a long path", 1, &|| {
        let session = dism.open_session(r"C:\a\path\that\an\entry\has\no\room\for").expect("up");
        dism.close_session(session).expect("open");
    });
    call("failing calls", 0, &|| {
        dism.open_session("").expect_err("an empty path");
        dism.shutdown().expect_err("a session is open");
        dism.close_session(Session::DEFAULT).expect_err("never open");
        dism.operation(session, Function::CommitImage).expect_err("not mounted");
    });
}

/// A text of C is copied for a journal or a rule, and to look up the image of an open.
#[cfg(feature = "capi")]
#[allow(unsafe_code, reason = "it calls C functions")]
fn a_text_of_c_is_copied_only_for_an_open() {
    use std::ptr::{null, null_mut};

    use dism_emu::capi::Process;
    use dism_emu::capi::ffi::{
        DismAddPackage, DismCloseSession, DismInitialize, DismOpenSession, DismShutdown,
    };

    let builder = Emulator::builder().contract(Contract::Recorded).verify_on_drop(false);
    let process = Process::start(builder.journal_limit(0));
    let text: Vec<u16> = r"C:\updates\kb2.cab".encode_utf16().chain([0]).collect();
    let text = text.as_ptr();
    let open = || {
        let mut session = 0;
        // SAFETY: the text ends in a 0, the session can be written, and the rest may be NULL.
        assert_eq!(unsafe { DismOpenSession(text, null(), null(), &mut session) }, 0);
        session
    };
    // SAFETY: the text ends in a 0.
    assert_eq!(unsafe { DismInitialize(2, text, text) }, 0);
    call("initialize and shutdown in C", 0, &|| {
        // SAFETY: as before.
        unsafe {
            assert_eq!(DismInitialize(2, text, text), 1);
            assert_eq!(DismShutdown(), 0);
        }
    });
    let session = open();
    call("open what is open in C", 1, &|| {
        // SAFETY: any number is allowed.
        assert_eq!(unsafe { DismCloseSession(open()) }, 0);
    });
    let add = || {
        let none = null_mut();
        // SAFETY: as before.
        assert_eq!(unsafe { DismAddPackage(session, text, 0, 0, none, None, none) }, 0);
    };
    call("operation in C", 0, &add);
    let elsewhere = Rule::on(Function::RemovePackage).optional();
    let _elsewhere = process.emulator().script(elsewhere);
    call("operation in C, with a rule for something else", 0, &add);
}
