//! A small deployment tool: adds packages to an image and enables features in it, with DISM.
//!
//! It is here as an example of a program that is tested against `dism-emu`:
//!
//! - `src/servicing.rs` is the seam, a trait in plain numbers as a binding of `DismApi.dll` has it;
//! - `src/deploy.rs` is the tool, which is generic over the seam;
//! - `tests/emulated/adapter.rs` implements the seam with an emulated process;
//! - `tests/emulated` checks what the tool does when all goes well and when a call fails, and that
//!   each mistake of real tools is found and named: see [`Flaw`].

mod deploy;
mod failed;
mod flaw;
mod servicing;

pub use deploy::{Deployed, Plan, deploy};
pub use failed::{Failed, Step};
pub use flaw::Flaw;
pub use servicing::{Features, Servicing};
