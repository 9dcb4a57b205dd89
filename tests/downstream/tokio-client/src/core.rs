use std::error::Error;
use std::fmt;

use crate::sync::{AtomicBool, Ordering};

/// What the client needs of DISM, in plain numbers.
pub trait Dism {
    /// `DismInitialize`.
    fn initialize(&self) -> Result<u32, i32>;

    /// `DismOpenSession`: the new handle.
    fn open_session(&self, image: &str) -> Result<u32, i32>;

    /// `DismCheckImageHealth`.
    fn check_health(&self, session: u32) -> Result<u32, i32>;

    /// `DismCloseSession`.
    fn close_session(&self, session: u32) -> Result<u32, i32>;

    /// `DismShutdown`.
    fn shutdown(&self) -> Result<(), i32>;
}

/// The synchronous part of the client: one job at a time, each with an initialization of its own.
#[derive(Debug)]
pub struct Core<D> {
    dism: D,
    /// Set from before a job's initialize until after its shutdown.
    is_taken: AtomicBool,
}

/// Another job is not over yet, even if the client no longer waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another job is not over yet")
    }
}

impl Error for Busy {}

impl<D: Dism> Core<D> {
    /// Creates a core without a job. Nothing else in the process may initialize DISM.
    pub fn new(dism: D) -> Self {
        Self { dism, is_taken: AtomicBool::new(false) }
    }

    /// Returns DISM itself.
    pub fn dism(&self) -> &D {
        &self.dism
    }

    /// Checks the health of an image; blocks as long as DISM does.
    ///
    /// # Errors
    ///
    /// [`Busy`] at once, without a call of DISM; inside, the first failing `HRESULT`.
    pub fn check_health(&self, image: &str) -> Result<Result<(), i32>, Busy> {
        // Checks and takes in one step: in two, another thread could take it in between.
        if self.is_taken.swap(true, Ordering::Acquire) {
            return Err(Busy);
        }
        let _free = FreeOnDrop(&self.is_taken);
        Ok(self.run(image))
    }

    fn run(&self, image: &str) -> Result<(), i32> {
        self.dism.initialize()?;
        let checked = self.check(image);
        let shut_down = self.dism.shutdown();
        checked.and(shut_down)
    }

    fn check(&self, image: &str) -> Result<(), i32> {
        let session = self.dism.open_session(image)?;
        let checked = self.dism.check_health(session);
        let closed = self.dism.close_session(session);
        checked.and(closed).map(drop)
    }
}

/// Frees the core even if a call of DISM panics.
struct FreeOnDrop<'a>(&'a AtomicBool);

impl Drop for FreeOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
