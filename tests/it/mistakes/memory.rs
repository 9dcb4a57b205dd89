//! Mistakes with memory.

use dism_emu::machine::Call;
use dism_emu::{Initialize, Memory};

use super::makes;
use crate::support::BUSY;

// 11: memory mishandled (D1 to D4)

#[test]
fn mistake_11_never_deleted() {
    makes(&[(11, 1, &[4])], |it| {
        it.initialize(1).unwrap();
        it.hand_out(1); // 1
        let memory = it.hand_out(1); // 2
        it.delete(1, memory).unwrap(); // 3
        it.shutdown(1).unwrap(); // 4
    });
}

/// E5: the message that says why the first initialize failed is memory, too.
#[test]
fn mistake_11_of_a_process_that_was_never_initialized() {
    makes(&[(11, 1, &[])], |it| {
        it.scripted(1, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        it.hand_out(1);
    });
}

#[test]
fn mistake_11_deleted_twice_and_made_up() {
    makes(&[(11, 3, &[2]), (11, 4, &[])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1);
        it.delete(1, memory).unwrap(); // 2
        it.delete(1, memory).unwrap_err(); // 3
        it.delete(1, Memory::from_raw(9)).unwrap_err(); // 4
        it.shutdown(1).unwrap();
    });
}

/// D4: it is one mistake for each memory.
#[test]
fn mistake_11_deleted_after_the_shutdown() {
    makes(&[(11, 3, &[1, 2])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1); // 1
        it.shutdown(1).unwrap(); // 2
        it.delete(1, memory).unwrap_err(); // 3
        it.delete(1, memory).unwrap_err();
        it.delete(1, Memory::NULL).unwrap_err();
    });
}

#[test]
fn mistake_11_deleted_in_the_next_period() {
    makes(&[(11, 1, &[2])], |it| {
        it.initialize(1).unwrap();
        let memory = it.hand_out(1); // 1
        it.shutdown(1).unwrap(); // 2
        it.initialize(1).unwrap();
        it.delete(1, memory).unwrap();
        it.shutdown(1).unwrap();
    });
}
