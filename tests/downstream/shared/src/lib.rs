//! The C functions of `DismApi.dll`, as a shared library of that name.
#![allow(non_snake_case, reason = "the name that programs load")]
pub use dism_emu::capi::ffi::*;
