//! The tool's own binary. It has the emulator in it, or without the feature `emulated` it loads the
//! shared library.

use std::process::Command;

#[test]
fn the_binary_succeeds_and_says_so() {
    let tool = Command::new(env!("CARGO_BIN_EXE_extern-block")).arg("NetFx3").output().unwrap();
    let said = String::from_utf8_lossy(&tool.stdout);
    assert!(tool.status.success(), "{tool:?}");
    assert!(said.ends_with("100 of 100\nenabled\n"), "{said}");
}
