//! The deployment tool on several threads: the first one in initializes DISM, the last one out shuts
//! it down.
//!
//! It is here as an example of concurrent code that is model-checked with `dism-emu` as its double:
//! the checker sees every step of the guard *and* of the emulated process below it.
//!
//! # The three modes
//!
//! The tests in `tests/` are written once. `src/sync.rs` decides what they run on:
//!
//! ```sh
//! # Once, on plain threads.
//! cargo test
//! # Every schedule.
//! RUSTFLAGS="--cfg loom" cargo test --features loom --target-dir target/loom
//! # Many schedules, drawn at random: for models that are too large for loom.
//! RUSTFLAGS="--cfg shuttle" cargo test --features shuttle --target-dir target/shuttle
//! ```
//!
//! Each mode has its own target directory, so that its flags do not rebuild what the others need.
//!
//! If the feature is forgotten, the tests do not compile. That matters: a model with an emulator
//! that the checker cannot see would explore next to nothing, and pass:
//!
//! ```
//! # #[cfg(any(loom, shuttle))]
//! const _: () = assert!(dism_emu::MODEL_CHECKED);
//! ```
//!
//! `tests/modes/twin.rs` has a guard that checks first and acts later. A plain test of it passes; both
//! checkers have to catch it, or the models of the real guard would prove nothing.

#[doc(hidden)]
pub mod sync;

use std::mem;

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// What the guard needs of DISM, in plain numbers.
pub trait Dism {
    /// `DismInitialize`.
    fn initialize(&self) -> Result<u32, i32>;

    /// `DismShutdown`.
    fn shutdown(&self) -> Result<(), i32>;
}

/// DISM for several users at once: initialized while there are any.
#[derive(Debug)]
pub struct Guard<D: Dism> {
    dism: D,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    users: usize,
    /// Not the same as having users: a shutdown that fails changes nothing.
    is_up: bool,
}

impl<D: Dism> Guard<D> {
    /// Creates a guard without users. Nothing else in the process may initialize DISM.
    pub fn new(dism: D) -> Self {
        Self { dism, state: Mutex::new(State::default()) }
    }

    /// Adds a user. The first one initializes DISM, and all others wait for that.
    ///
    /// # Errors
    ///
    /// The code with which `DismInitialize` fails; the next user tries again.
    pub fn enter(&self) -> Result<User<'_, D>, i32> {
        // The lock is held during the call. Without that, a second user could go on before the
        // first one's initialize has taken effect.
        let mut state = self.lock();
        if !state.is_up {
            self.dism.initialize()?;
            state.is_up = true;
        }
        state.users += 1;
        Ok(User { guard: self })
    }

    fn leave(&self) -> Result<(), i32> {
        // As above: a user that enters now has to wait, and to initialize again.
        let mut state = self.lock();
        state.users -= 1;
        if state.users == 0 {
            self.dism.shutdown()?;
            state.is_up = false;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a call of DISM leaves the state as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user of DISM, which is initialized as long as this lives.
#[must_use = "DISM may be shut down when this is dropped"]
#[derive(Debug)]
pub struct User<'a, D: Dism> {
    guard: &'a Guard<D>,
}

impl<D: Dism> User<'_, D> {
    /// Returns DISM, which is initialized.
    pub fn dism(&self) -> &D {
        &self.guard.dism
    }

    /// Removes the user. The last one shuts DISM down.
    ///
    /// # Errors
    ///
    /// The code with which `DismShutdown` fails; the next user that is the last tries again.
    pub fn leave(self) -> Result<(), i32> {
        let guard = self.guard;
        mem::forget(self);
        guard.leave()
    }
}

impl<D: Dism> Drop for User<'_, D> {
    fn drop(&mut self) {
        // A drop cannot report a failure.
        let _ = self.guard.leave();
    }
}
