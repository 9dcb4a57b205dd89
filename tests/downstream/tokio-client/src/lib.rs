//! A client of DISM on tokio, which gives up on calls that take too long.
//!
//! A call of DISM blocks, so it runs on a thread for blocking work, and cannot be stopped there: a
//! caller that gives up on it only stops waiting. If the client then simply starts over, two pairs
//! of `DismInitialize` and `DismShutdown` overlap, and one ends the initialization that the other
//! relies on: mistake 4 of `dism_emu::docs::mistakes`. This client starts over only when the call
//! that it abandoned is over.
//!
//! It is here as an example of testing such a client with `dism-emu`:
//!
//! ```sh
//! # The client on a tokio runtime, and its core on plain threads.
//! cargo test
//! # The core in every schedule.
//! RUSTFLAGS="--cfg dism_loom" cargo test --features loom --target-dir target/loom
//! # The core in many schedules, drawn at random.
//! RUSTFLAGS="--cfg dism_shuttle" cargo test --features shuttle --target-dir target/shuttle
//! ```
//!
//! The cfgs are not `loom` and `shuttle`: a flag reaches every crate of the graph, and tokio takes
//! `--cfg loom` for its own and does not build. So that a model checker can look at the part that
//! needs it, that part is synchronous and knows nothing of tokio: [`Core`].

mod client;
mod core;
mod sync;

pub use crate::client::{Abandoned, Client, Error};
pub use crate::core::{Busy, Core, Dism};
