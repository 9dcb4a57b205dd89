//! The tool's own binary. No emulator is linked into it: it loads the shared library.

// With the empty archives of build.rs it has no functions to call.
#![cfg(not(feature = "emulated"))]

use std::process::Command;

#[test]
fn the_binary_succeeds_and_says_so() {
    let tool = Command::new(env!("CARGO_BIN_EXE_extern-block")).arg("NetFx3").output().unwrap();
    let said = String::from_utf8_lossy(&tool.stdout);
    assert!(tool.status.success(), "{tool:?}");
    assert!(said.ends_with("100 of 100\nenabled\n"), "{said}");
}
