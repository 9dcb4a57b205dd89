//! What the core is built on: the standard library, or a model checker instead.

#[cfg(dism_loom)]
use loom as world;
#[cfg(dism_shuttle)]
use shuttle as world;
#[cfg(not(any(dism_loom, dism_shuttle)))]
use std as world;

pub(crate) use world::sync::atomic::{AtomicBool, Ordering};
