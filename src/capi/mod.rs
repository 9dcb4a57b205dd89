//! The C functions of `DismApi.dll`, under the header's names, as calls of an emulated process.

#![expect(unsafe_code, reason = "callers pass and get pointers; no other module has unsafe code")]
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::upper_case_acronyms,
    reason = "the header's names"
)]

mod answer;
mod environment;
mod exports;
mod info;
mod memory;
mod process;
mod program;
mod types;
mod wide;

pub use process::Process;

/// What `DismApi.h` declares: the functions, structures and constants, under its names.
pub mod ffi {
    pub use super::exports::*;
    pub use super::types::*;
}
