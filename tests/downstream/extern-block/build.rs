//! Makes `#[link(name = "DismApi")]` link outside Windows, with the feature `emulated`.
//!
//! The functions come from dism-emu, which the tests link, but the linker wants a library of the
//! name all the same. An archive with nothing in it will do.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let is_windows = env::var_os("CARGO_CFG_WINDOWS").is_some();
    if env::var_os("CARGO_FEATURE_EMULATED").is_none() || is_windows {
        return Ok(());
    }
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    // As programs spell it; file names differ by letter case here.
    for name in ["DismApi", "DismAPI", "dismapi"] {
        fs::write(folder.join(format!("lib{name}.a")), "!<arch>\n")?;
    }
    println!("cargo:rustc-link-search=native={}", folder.display());
    // Cargo builds the package's binaries beside its integration tests. They have no emulator in
    // them, so their functions are left open: they cannot be run, and need not.
    let is_apple = env::var("CARGO_CFG_TARGET_VENDOR")? == "apple";
    let leave_open =
        if is_apple { "-undefined,dynamic_lookup" } else { "--unresolved-symbols=ignore-all" };
    println!("cargo:rustc-link-arg-bins=-Wl,{leave_open}");
    Ok(())
}
