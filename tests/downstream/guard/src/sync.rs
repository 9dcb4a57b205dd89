//! What the guard is built of: the standard library, or a model checker in its place.
//!
//! The only file that knows which. A cfg without its feature does not compile, since the checker
//! is no dependency then.

#[cfg(loom)]
pub use loom::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};
#[cfg(shuttle)]
pub use shuttle::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};
#[cfg(not(any(loom, shuttle)))]
pub use std::{
    sync::{Mutex, MutexGuard, atomic},
    thread,
};

// The same in every mode: the checkers' locks are poisoned with the type of the standard library,
// and counting references is nothing that the models are about.
pub use std::sync::{Arc, PoisonError};
