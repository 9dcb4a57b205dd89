//! The code of the page `docs::models`, word for word: `tests/it/pages.rs` compares them.

use dism_emu::{Dism, Emulator, Error};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

const _: () = assert!(dism_emu::MODEL_CHECKED);

/// The code under test: the last user to leave shuts the API down.
fn leave(dism: &Dism, users: &AtomicUsize) -> Result<(), Error> {
    if users.fetch_sub(1, Ordering::AcqRel) == 1 {
        dism.shutdown()?;
    }
    Ok(())
}

/// Two users leave at the same time.
fn two_users(leave: fn(&Dism, &AtomicUsize) -> Result<(), Error>) {
    loom::model(move || {
        let emulator = Emulator::new();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let users = Arc::new(AtomicUsize::new(2));
        let other = loom::thread::spawn({
            let (dism, users) = (dism.clone(), users.clone());
            move || leave(&dism, &users).unwrap()
        });
        leave(&dism, &users).unwrap();
        other.join().unwrap();
        // The emulator is dropped here, and verifies what the users did, in every schedule.
    });
}

#[test]
fn the_last_user_shuts_down() {
    two_users(leave);
}

/// Wrong: between the load and the subtraction, the other user may load, too.
fn leave_carelessly(dism: &Dism, users: &AtomicUsize) -> Result<(), Error> {
    let is_last = users.load(Ordering::Acquire) == 1;
    users.fetch_sub(1, Ordering::AcqRel);
    if is_last {
        dism.shutdown()?;
    }
    Ok(())
}

#[test]
#[should_panic(expected = "never shut down")]
fn users_that_look_before_they_leave_are_caught() {
    two_users(leave_carelessly);
}
