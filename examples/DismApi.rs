//! The C functions as a shared library: `cargo build --release --features capi --example DismApi`
//! makes `target/release/examples/libDismApi.so`, `DismApi.dll` or `libDismApi.dylib`.

#![allow(non_snake_case, reason = "the name that programs load")]

pub use dism_emu::capi::ffi::*;
