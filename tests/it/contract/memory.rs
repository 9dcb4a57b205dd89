//! Memory that is handed out: rules D1 to D4.

use dism_emu::{Contract, Error, Function, Hresult, InvalidArgument, Memory};

use crate::support::{unverified, up};

#[test]
fn d1_memory_is_numbered_as_it_is_handed_out() {
    let dism = up(Contract::Documented).dism();
    for number in 1..=3 {
        assert_eq!(dism.hand_out(Function::GetFeatures).unwrap().raw(), number);
    }
}

#[test]
fn d1_memory_can_be_deleted_in_any_order() {
    let dism = up(Contract::Documented).dism();
    let memory = [(); 3].map(|()| dism.hand_out(Function::GetFeatures).unwrap());
    for memory in [memory[1], memory[2], memory[0]] {
        assert_eq!(dism.delete(memory), Ok(Hresult::S_OK));
    }
}

#[test]
fn d1_a_number_is_not_handed_out_again() {
    let dism = up(Contract::Documented).dism();
    let first = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(first).unwrap();
    assert_ne!(dism.hand_out(Function::GetFeatures).unwrap(), first);
}

#[test]
fn d1_memory_can_be_handed_out_before_the_first_initialize() {
    // E5: the message that says why the first initialize failed has to be deleted, too.
    let dism = unverified().elevated(false).build().dism();
    dism.initialize().unwrap_err();
    let message = dism.hand_out(Function::GetLastErrorMessage).unwrap();
    assert_eq!(dism.delete(message), Ok(Hresult::S_OK));
}

#[test]
fn d2_deleting_null_is_a_success() {
    let dism = unverified().build().dism();
    assert_eq!(dism.delete(Memory::NULL), Ok(Hresult::S_OK));
    dism.initialize().unwrap();
    for _ in 0..2 {
        assert_eq!(dism.delete(Memory::NULL), Ok(Hresult::S_OK));
    }
}

#[test]
fn d3_what_was_not_handed_out_cannot_be_deleted() {
    let dism = up(Contract::Documented).dism();
    dism.hand_out(Function::GetFeatures).unwrap();
    for memory in [2, u32::MAX].map(Memory::from_raw) {
        let refused = dism.delete(memory).unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(InvalidArgument::NotHandedOut { memory }));
        assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    }
}

#[test]
fn d3_memory_cannot_be_deleted_twice() {
    let dism = up(Contract::Documented).dism();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(memory).unwrap();
    assert_eq!(dism.delete(memory).unwrap_err().code(), Hresult::E_INVALIDARG);
}

#[test]
fn d4_after_a_last_shutdown_memory_is_neither_handed_out_nor_deleted() {
    for contract in Contract::ALL {
        let dism = up(contract).dism();
        let memory = dism.hand_out(Function::GetFeatures).unwrap();
        dism.shutdown().unwrap();
        for memory in [memory, Memory::NULL, Memory::from_raw(99)] {
            assert_eq!(dism.delete(memory), Err(Error::NotInitialized));
        }
        assert_eq!(dism.hand_out(Function::GetFeatures), Err(Error::NotInitialized));
    }
}

#[test]
fn d4_memory_outlives_a_shutdown() {
    let dism = up(Contract::Documented).dism();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.shutdown().unwrap();
    dism.initialize().unwrap();
    assert_ne!(dism.hand_out(Function::GetFeatures).unwrap(), memory);
    assert_eq!(dism.delete(memory), Ok(Hresult::S_OK));
}

#[test]
fn e2_a_failing_delete_does_not_set_the_last_error() {
    let dism = up(Contract::Documented).dism();
    dism.delete(Memory::from_raw(1)).unwrap_err();
    assert_eq!(dism.last_error(), Ok(None));
    dism.shutdown().unwrap();
    dism.delete(Memory::from_raw(1)).unwrap_err();
    dism.initialize().unwrap();
    assert_eq!(dism.last_error(), Ok(None));
}

#[test]
fn e2_a_failing_hand_out_sets_the_last_error_as_its_function_does() {
    for function in [Function::GetFeatures, Function::GetLastErrorMessage] {
        let dism = up(Contract::Documented).dism();
        dism.shutdown().unwrap();
        dism.hand_out(function).unwrap_err();
        dism.initialize().unwrap();
        let code = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED;
        let expected = if function == Function::GetFeatures { Some(code) } else { None };
        assert_eq!(dism.last_error(), Ok(expected), "{function}");
    }
}

#[test]
fn e3_a_delete_does_not_clear_the_last_error() {
    let dism = up(Contract::Documented).dism();
    dism.open_session("").unwrap_err();
    let memory = dism.hand_out(Function::GetFeatures).unwrap();
    dism.delete(memory).unwrap();
    assert_eq!(dism.last_error(), Ok(Some(Hresult::E_INVALIDARG)));
}
