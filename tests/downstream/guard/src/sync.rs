//! What the guard is built on: the standard library, or a model checker instead.
//!
//! Only this file knows which. A cfg without its feature does not compile, since then the checker
//! is no dependency.

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

// The same in every mode: the checkers' locks use the standard library's type for poisoning, and
// the models do not check reference counts.
pub use std::sync::{Arc, PoisonError};
