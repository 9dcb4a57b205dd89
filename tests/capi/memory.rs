//! Memory that is handed out (rules D1 to D4).

use dism_emu::capi::ffi::DismString;
use dism_emu::machine::Call;
use dism_emu::{Contract, Function, Hresult, Memory, Mistake};

use crate::c::{call, close, delete, deletes_race, last_error, message, open, up};
use crate::exports::{Given, first, text_at};
use crate::support::IMAGE;

/// A message that was handed out.
fn message_of_a_failure() -> usize {
    close(0);
    message()
}

#[test]
fn d1_memory_is_given_back_once() {
    let process = up(Contract::Documented);
    let address = message_of_a_failure();
    assert_eq!(delete(address), Hresult::S_OK);
    // D3; and it is the same memory, not just any, that is given back twice.
    assert_eq!(delete(address), Hresult::E_INVALIDARG);
    let journal = process.emulator().journal();
    let memory = Memory::from_raw(1);
    assert_eq!(journal.steps().last().unwrap().call, Call::Delete { memory });
    assert!(journal.mistakes().iter().any(|it| it.mistake == Mistake::MemoryMishandled));
}

#[test]
fn d2_null_is_given_back_any_number_of_times() {
    let _process = up(Contract::Documented);
    assert_eq!([delete(0), delete(0)], [Hresult::S_OK; 2]);
}

#[test]
fn d3_a_pointer_into_the_middle_or_made_up_is_refused() {
    let process = up(Contract::Documented);
    let address = message_of_a_failure();
    let stack = 0_u64;
    for address in [address + 1, address + 8, address - 1, 1, usize::MAX, (&raw const stack).addr()]
    {
        assert_eq!(delete(address), Hresult::E_INVALIDARG);
    }
    assert_eq!(delete(address), Hresult::S_OK);
    process.emulator().journal().replay().unwrap();
}

#[test]
fn d3_of_two_threads_that_give_it_back_one_wins() {
    let process = up(Contract::Documented);
    (0..50).for_each(|_| deletes_race());
    process.emulator().journal().replay().unwrap();
}

#[test]
fn d4_after_a_last_shutdown_it_stays_readable_and_is_a_mistake() {
    let process = up(Contract::Documented);
    let address = message_of_a_failure();
    assert_eq!(call(Function::Shutdown, &Given::new(0, "")), Hresult::S_OK);
    assert_eq!(delete(address), Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED);
    // SAFETY: it was handed out and never given back.
    let text = unsafe { text_at(first::<DismString>(address).Value) };
    assert!(text.starts_with("An invalid DismSession handle"), "{text}");
    assert!(!process.emulator().journal().mistakes().is_empty());
    assert_eq!(call(Function::Initialize, &Given::new(0, "")), Hresult::S_OK);
    assert_eq!(delete(address), Hresult::S_OK);
}

#[test]
fn e2_a_delete_that_fails_is_no_last_error() {
    let _process = up(Contract::Documented);
    assert_eq!(delete(1), Hresult::E_INVALIDARG);
    assert_eq!(last_error(), None);
}

#[test]
fn memory_of_one_process_is_unknown_in_the_next() {
    let before = up(Contract::Documented);
    let address = message_of_a_failure();
    let given = Given::new(0, IMAGE);
    drop(before);
    let _after = up(Contract::Documented);
    assert_eq!(delete(address), Hresult::E_INVALIDARG);
    assert!(given.are_outs_untouched());
    let _session = open(IMAGE);
}
