//! The tool's structure, filled from the shared library, which the loader has to find.

use std::process::Command;

use libloading::{Library, Symbol, library_filename};
use libloading_client::DismApi;

/// The only test that calls functions, since the library has one process and no guard.
#[test]
fn an_empty_image_has_no_packages() {
    // SAFETY: the shared library of dism-emu.
    let dism = unsafe { DismApi::load(library_filename("DismApi")).unwrap() };
    assert_eq!(dism.count_packages(), Ok(0));
}

#[test]
fn the_name_that_dism_does_not_export_is_not_found() {
    // SAFETY: the shared library of dism-emu; nothing is called.
    unsafe {
        let library = Library::new(library_filename("DismApi")).unwrap();
        let export: Result<Symbol<'_, *const ()>, _> = library.get(b"_DismExportDriver\0");
        assert!(export.is_ok());
        let export: Result<Symbol<'_, *const ()>, _> = library.get(b"DismExportDriver\0");
        assert!(export.is_err());
    }
}

#[test]
fn the_binary_counts_them_too() {
    let tool = Command::new(env!("CARGO_BIN_EXE_libloading-client")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&tool.stdout), "0 packages\n", "{tool:?}");
    assert!(tool.status.success());
}
